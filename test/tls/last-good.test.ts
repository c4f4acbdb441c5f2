/** Credentials that are spoilt, emptied or taken away: the last good form stays in service, and the status says so. */
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endpointsOf, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { type RawClient, rawClient, rawTlsClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair } from './authority.ts';

let ca: Authority;
let pairs: Record<'server' | 'fresh' | 'expired' | 'client' | 'backend' | 'gateway', Pair>;
let backend: https.Server;
let rig: Rig;
let writes = 0;

interface Parts {
  /** The server's Secret; null: none. */
  secret?: object | null;
  /** The CA certificates of clients and backends. */
  bundle?: object | null;
  gatewaySecret?: object | null;
  /** References of the HTTPS listener. */
  references?: object[];
}

function secretOf(name: string, fields: object): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, ...fields };
}

function served(parts: Parts): string {
  const { secret = tlsSecret('server', pairs.server), bundle = caConfigMap('ca', ca) } = parts;
  const { gatewaySecret = tlsSecret('gateway', pairs.gateway), references = [{ name: 'server' }] } = parts;
  const present = [secret, bundle, gatewaySecret].filter((one) => one !== null);
  const caRef = '{group: "", kind: ConfigMap, name: ca}';
  return manifests(
    [
      { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: references } },
      { name: 'never', port: 444, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'never' }] } },
      { name: 'http', port: 80, protocol: 'HTTP' },
    ],
    ...present,
    service('one'),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'BackendTLSPolicy',
      metadata: { name: 'one' },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'one' }],
        validation: {
          caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }],
          hostname: 'backend.example',
        },
      },
    },
    // Each write changes something that is served, so that it is seen when it has come through.
    httpRoute('all', [
      { backendRefs: [{ name: 'one', port: 80 }] },
      { matches: [{ path: { type: 'Exact', value: `/write-${writes++}` } }] },
    ]),
  ).replace(
    'gatewayClassName: any',
    `gatewayClassName: any\n  tls: {backend: {clientCertificateRef: {name: gateway}}, frontend: {default: {validation: {caCertificateRefs: [${caRef}]}}}}`,
  );
}

const change = (parts: Parts): Promise<void> => rig.write(served(parts));

beforeAll(async () => {
  ca = await Authority.make('ca');
  const [server, fresh, expired, client, backendPair, gateway] = await Promise.all([
    ca.sign({ dns: ['a.example'] }),
    ca.sign({ dns: ['a.example'] }),
    ca.sign({ dns: ['a.example'], from: -5, until: -1 }),
    ca.sign({ name: 'client' }),
    ca.sign({ dns: ['backend.example'] }),
    ca.sign({ name: 'the gateway' }),
  ]);
  pairs = { server, fresh, expired, client, backend: backendPair, gateway };
  const { certificate: cert, privateKey: key } = backendPair;
  const options = { cert, key, ca: ca.certificate, requestCert: true, rejectUnauthorized: true, keepAliveTimeout: 0 };
  backend = https.createServer(options, (request, response) =>
    response.end((request.socket as tls.TLSSocket).getPeerX509Certificate()!.subject),
  );
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  rig = await serveManifests(served({}), {
    ports: [80, 443, 444],
    endpoints: [endpointsOf('one', (backend.address() as AddressInfo).port)],
  });
});
afterAll(async () => {
  await rig.close();
  backend.closeAllConnections();
  backend.close();
});

const ASK = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';

async function connect(): Promise<RawClient> {
  const { certificate: cert, privateKey: key } = pairs.client;
  return await rawTlsClient(rig.port(443), { servername: 'a.example', cert, key });
}

async function fingerprint(): Promise<string> {
  const client = await connect();
  const { fingerprint256 } = (client.socket as tls.TLSSocket).getPeerX509Certificate()!;
  expect((await client.ask(ASK))[0]).toMatchObject({ status: 200, body: 'CN=the gateway' });
  client.close();
  return fingerprint256;
}

function conditionsOf(kind: string): string {
  return JSON.stringify(rig.report().items.filter((item) => item.kind === kind));
}

const SINCE = /, since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ: its last good form stays in service/;

describe('a certificate', () => {
  const spoilt: Array<[string, () => object | null, RegExp]> = [
    [
      'with the key of another',
      () => tlsSecret('server', { ...pairs.fresh, privateKey: pairs.client.privateKey }),
      /tls.key does not belong to the first certificate in tls.crt/,
    ],
    ['of an emptied Secret', () => secretOf('server', { type: 'Opaque', data: {} }), /has no tls.crt and no tls.key/],
    ['of one of its type', () => secretOf('server', { type: 'kubernetes.io/tls' }), /has no tls.crt and no tls.key/],
    ['of a Secret that is gone', () => null, /Secret default\/server does not exist any more/],
    ['that is no PEM', () => tlsSecret('server', { certificate: 'x', privateKey: 'y' }), /no PEM certificate/],
    ['that has expired', () => tlsSecret('server', pairs.expired), /holds a certificate that expired at 20/],
  ];

  test.each(spoilt)('%s leaves the last good one in service, and connections alone', async (_name, secret, says) => {
    await change({});
    const good = await fingerprint();
    const open = await connect();
    await change({ secret: secret() });
    expect((await open.ask(ASK))[0]!.status).toBe(200);
    expect(await fingerprint()).toBe(good);
    const told = conditionsOf('Gateway');
    expect(told).toMatch(says);
    expect(told).toMatch(SINCE);
    expect(told).toContain('"ResolvedRefs","status":"False","reason":"InvalidCertificateRef"');
    // Another mistake after the first does not end it, and what is mended is told of no more.
    await change({ secret: secretOf('server', { type: 'Opaque', data: { a: '' } }) });
    expect(await fingerprint()).toBe(good);
    await change({ secret: tlsSecret('server', pairs.fresh) });
    expect(await fingerprint()).not.toBe(good);
    expect(conditionsOf('Gateway')).not.toMatch(SINCE);
    open.close();
  });

  test('that never was good opens no listener', () => {
    expect(() => rig.port(444)).toThrow('no listener serves port 444');
  });

  test('whose reference is taken away is gone, and does not come back with the reference', async () => {
    await change({});
    await change({ secret: null });
    await fingerprint();
    await change({ secret: null, references: [{ name: 'other' }] });
    expect(() => rig.port(443)).toThrow('no listener serves port 443');
    await change({ secret: null });
    expect(() => rig.port(443)).toThrow('no listener serves port 443');
  });

  test('whose grant is taken away is gone', async () => {
    const grant = {
      apiVersion: 'gateway.networking.k8s.io/v1beta1',
      kind: 'ReferenceGrant',
      metadata: { name: 'g', namespace: 'far' },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'default' }],
        to: [{ group: '', kind: 'Secret' }],
      },
    };
    const far = { references: [{ name: 'server', namespace: 'far' }] };
    const secret = tlsSecret('server', pairs.server) as { metadata: object };
    const moved = { ...secret, metadata: { name: 'server', namespace: 'far' } };
    const { stringify } = await import('yaml');
    await rig.write(`${served({ ...far, secret: moved })}---\n${stringify(grant)}`);
    await fingerprint();
    await change({ ...far, secret: null });
    expect(() => rig.port(443)).toThrow('no listener serves port 443');
  });
});

describe('CA certificates', () => {
  const spoilt: Array<[string, object | null]> = [
    ['that are gone', null],
    ['that are garbage', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ca' }, data: { 'ca.crt': 'x' } }],
    ['that are emptied', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ca' }, data: {} }],
  ];

  test.each(spoilt)('%s still verify clients and backends', async (_name, bundle) => {
    await change({});
    await change({ bundle });
    await fingerprint();
    expect(conditionsOf('Gateway')).toMatch(SINCE);
    expect(conditionsOf('BackendTLSPolicy')).toMatch(SINCE);
    expect(conditionsOf('BackendTLSPolicy')).toContain('"Accepted","status":"False","reason":"NoValidCACertificate"');
    const stranger = await rawTlsClient(rig.port(443), { servername: 'a.example' });
    await expect(stranger.ask(ASK)).rejects.toThrow();
  });

  test('of which one is taken out are in use as they are now', async () => {
    await change({});
    const other = await Authority.make('other');
    await change({ bundle: caConfigMap('ca', other) });
    const client = await rawClient(rig.port(80));
    expect((await client.ask(ASK))[0]!.status).toBe(502);
    client.close();
    await change({});
  });
});

test('the certificate that a Gateway shows to backends stays in service, too', async () => {
  await change({});
  await change({ gatewaySecret: null });
  await fingerprint();
  expect(conditionsOf('Gateway')).toMatch(
    /clientCertificateRef: Secret default\/gateway does not exist any more, since/,
  );
  await change({ gatewaySecret: tlsSecret('gateway', pairs.gateway) });
  expect(conditionsOf('Gateway')).not.toMatch(SINCE);
});
