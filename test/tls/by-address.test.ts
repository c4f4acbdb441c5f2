/** Clients that name no server in the handshake: they called an address, and say the name in Host. */
import { once } from 'node:events';
import http2 from 'node:http2';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTool, succeed } from '../protocols/tool.ts';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { rawTlsClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap } from './authority.ts';

const OPEN = 443;
/** One of its listeners asks for client certificates. */
const ASKING = 8443;
/** So does one of these, beside a listener for all other names that does not. */
const MIXED = 9443;

const curl = findTool('curl', 'curl');
let rig: Rig;

function https(name: string, port: number, hostname?: string): object {
  const named = hostname === undefined ? {} : { hostname };
  return { name, port, protocol: 'HTTPS', ...named, tls: { certificateRefs: [{ name }] } };
}

beforeAll(async () => {
  const authority = await Authority.make('ours');
  const names = ['first', 'second', 'asking', 'mixed'];
  const pairs = await Promise.all(names.map((name) => authority.sign({ dns: [`${name}.example`] })));
  const caCertificateRefs = [{ group: '', kind: 'ConfigMap', name: 'ours' }];
  const asking = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'asking' },
    spec: {
      gatewayClassName: 'any',
      listeners: [https('asking', ASKING, 'asking.example'), https('mixed', MIXED, 'asking.example')],
      tls: { frontend: { default: { validation: { caCertificateRefs } } } },
    },
  };
  const listeners = [
    https('first', OPEN, 'first.example'),
    https('second', OPEN, '*.second.example'),
    { ...https('first', ASKING, 'first.example'), name: 'first-beside' },
    { ...https('first', MIXED), name: 'first-for-all' },
  ];
  rig = await serveManifests(
    manifests(
      listeners,
      asking,
      ...names.map((name, at) => tlsSecret(name, pairs[at]!)),
      caConfigMap('ours', authority),
      httpRoute('all', [backendRefs('one')], { parentRefs: [{ name: 'gw' }, { name: 'asking' }] }),
      service('one'),
    ),
    { echo: true, ports: [OPEN, ASKING, MIXED] },
  );
});
afterAll(() => rig.close());

async function statusOf(port: number, host: string, options: tls.ConnectionOptions = {}): Promise<number> {
  const client = await rawTlsClient(rig.port(port), options);
  const [response] = await client.ask(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  client.close();
  return response!.status;
}

const HOSTS: Array<[host: string, status: number]> = [
  ['first.example', 200],
  ['a.second.example', 200],
  ['other.example', 404],
];

describe('where no listener asks for client certificates', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: the first certificate of the port is shown', async (version) => {
    const client = await rawTlsClient(rig.port(OPEN), { minVersion: version, maxVersion: version });
    expect((client.socket as tls.TLSSocket).getPeerX509Certificate()!.subjectAltName).toBe('DNS:first.example');
    client.close();
  });

  test.each(HOSTS)('Host %s gets a %d', async (host, status) => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      expect(await statusOf(OPEN, host, { maxVersion })).toBe(status);
    }
  });

  test.each(HOSTS)('over HTTP/2, :authority %s gets a %d', async (host, status) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: rig.port(OPEN),
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
    });
    const session = http2.connect('https://unused', { createConnection: () => socket });
    const stream = session.request({ ':path': '/', ':authority': host });
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    expect(headers[':status']).toBe(status);
    session.destroy();
  });

  test.runIf(curl).each(HOSTS)('curl -k with Host %s and the address gets a %d', async (host, status) => {
    const url = `https://127.0.0.1:${rig.port(OPEN)}/`;
    const flags = ['-sk', '--noproxy', '*', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Host: ${host}`];
    expect((await succeed(curl!, [...flags, url])).stdout).toBe(String(status));
  });
});

describe('where a listener asks for client certificates', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: the handshake fails', async (maxVersion) => {
    await expect(rawTlsClient(rig.port(ASKING), { maxVersion })).rejects.toThrow();
    expect(await statusOf(ASKING, 'first.example', { servername: 'first.example', maxVersion })).toBe(200);
  });

  test('the listener for all names serves its own, and nobody gets past the certificate', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      expect(await statusOf(MIXED, 'first.example', { maxVersion })).toBe(200);
      expect(await statusOf(MIXED, 'asking.example', { maxVersion })).toBe(421);
    }
  });
});

test('a name with a final dot is the same name, in the handshake and in Host', async () => {
  for (const servername of ['first.example.', 'FIRST.example.']) {
    expect(await statusOf(OPEN, 'first.example', { servername })).toBe(200);
    expect(await statusOf(OPEN, 'a.second.example', { servername })).toBe(421);
  }
});
