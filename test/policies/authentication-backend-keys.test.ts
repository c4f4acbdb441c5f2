/** Keys of an issuer that a Service has, over connections as requests have them. */
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import { afterEach, describe, expect, test } from 'vitest';
import { endpointsOf, service } from '../served/manifest.ts';
import { Authority, caConfigMap } from '../tls/authority.ts';
import { Asker, authentication, guardedSite } from './authentication-asker.ts';

const ISSUER = 'https://login.example:8443/realms/shop';
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const JWKS = JSON.stringify({ keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'ec' }] });
const TOKEN = await new SignJWT({ sub: 'alice' })
  .setProtectedHeader({ alg: 'ES256', kid: 'ec' })
  .setIssuer(ISSUER)
  .setExpirationTime('10m')
  .sign(pair.privateKey);

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Idp {
  port: number;
  /** What it was asked. */
  asked: string[];
}

async function idp(answer: http.RequestListener, certificate?: https.ServerOptions): Promise<Idp> {
  const asked: string[] = [];
  const listener: http.RequestListener = (request, response) => {
    asked.push(`${request.headers.host}${request.url}`);
    answer(request, response);
  };
  const server = certificate === undefined ? http.createServer(listener) : https.createServer(certificate, listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

const keysOf: http.RequestListener = (_request, response) => response.end(JWKS);

const keysFrom = (jwks: object, issuer = ISSUER): object =>
  authentication({ methods: [{ jwt: { providers: [{ issuer, jwks }] } }] });

async function serving({ port }: Idp, ...objects: object[]): Promise<Asker> {
  const asker = await Asker.over(guardedSite(service('idp'), ...objects), {
    endpoints: [endpointsOf('idp', port), `other/idp:80=127.0.0.1:${port}`],
  });
  closing.push(() => asker.rig.close());
  return asker;
}

const withToken = (asker: Asker): Promise<number> => asker.status({ authorization: `Bearer ${TOKEN}` });
const told = ({ rig }: Asker): string => JSON.stringify(rig.report().diagnostics);

describe('keys of a Service', () => {
  test('are asked for by path and host of the policy, or what the issuer is called, and once for many tokens', async () => {
    const one = await idp(keysOf);
    const asker = await serving(one, keysFrom({ backendRef: { name: 'idp', port: 80 } }));
    expect([await withToken(asker), await withToken(asker), await asker.status()]).toEqual([200, 200, 401]);
    expect(one.asked).toEqual(['login.example:8443/.well-known/jwks.json']);
    expect(asker.rig.accesses.at(0)).toMatchObject({ user: 'alice' });
    const named = keysFrom({ backendRef: { name: 'idp', port: 80 }, path: '/certs?realm=shop', host: 'idp.internal' });
    await asker.serve(guardedSite(service('idp'), named));
    expect(await withToken(asker)).toBe(200);
    expect(one.asked[1]).toBe('idp.internal/certs?realm=shop');
  });

  test('are of the Service by its own name where the issuer is no URL', async () => {
    const one = await idp(keysOf);
    const asker = await serving(one, keysFrom({ backendRef: { name: 'idp', port: 80 } }, 'ours'));
    expect(await withToken(asker)).toBe(401);
    expect(one.asked).toEqual(['idp.default.svc/.well-known/jwks.json']);
  });

  test('come over TLS that is verified where a BackendTLSPolicy says so, and from nobody else', async () => {
    const [own, other] = [await Authority.make('own'), await Authority.make('other')];
    const { certificate: cert, privateKey: key } = await own.sign({ dns: ['idp.example'] });
    const one = await idp(keysOf, { cert, key });
    const verified = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'BackendTLSPolicy',
      metadata: { name: 'idp' },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'idp' }],
        validation: { hostname: 'idp.example', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] },
      },
    };
    const policy = keysFrom({ backendRef: { name: 'idp', port: 80 } });
    expect(await withToken(await serving(one, verified, caConfigMap('ca', own), policy))).toBe(200);
    expect(one.asked).toHaveLength(1);
    expect(await withToken(await serving(one, verified, caConfigMap('ca', other), policy))).toBe(503);
    expect(await withToken(await serving(one, verified, policy))).toBe(503);
    expect(one.asked).toHaveLength(1);
  });

  test('of another namespace by a ReferenceGrant only', async () => {
    const one = await idp(keysOf);
    const theirs = { ...(service('idp') as object), metadata: { name: 'idp', namespace: 'other' } };
    const policy = keysFrom({ backendRef: { name: 'idp', namespace: 'other', port: 80 } });
    const grant = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'ReferenceGrant',
      metadata: { name: 'g', namespace: 'other' },
      spec: {
        from: [{ group: 'policies.daemun.dev', kind: 'AuthenticationPolicy', namespace: 'default' }],
        to: [{ group: '', kind: 'Service' }],
      },
    };
    const asker = await serving(one, theirs, policy);
    expect(await withToken(asker)).toBe(503);
    expect(told(asker)).toContain('add a ReferenceGrant to namespace other from AuthenticationPolicy in default');
    expect(one.asked).toEqual([]);
    await asker.serve(guardedSite(service('idp'), theirs, grant, policy));
    expect(await withToken(asker)).toBe(200);
    await asker.serve(guardedSite(service('idp'), theirs, policy));
    expect(await withToken(asker)).toBe(503);
  });

  test.each<[string, http.RequestListener]>([
    ['an error', (_, response) => response.writeHead(500).end(JWKS)],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/keys' }).end()],
    ['no keys', (_, response) => response.end('{"keys":[]}')],
    ['something else', (_, response) => response.end('<html>')],
    ['too much', (_, response) => response.end(`${JWKS}${' '.repeat(512 * 1024)}`)],
    ['half an answer', (_, response) => response.writeHead(200, { 'content-length': '9999' }).end(JWKS)],
    ['nothing', (request) => void request.socket.destroy()],
  ])('%s in their place: nobody comes in', async (_, answer) => {
    const asker = await serving(await idp(answer), keysFrom({ backendRef: { name: 'idp', port: 80 } }));
    expect([await withToken(asker), await asker.status({ host: 'b.example' })]).toEqual([503, 200]);
  });

  test('of a Service that is not there: nobody comes in, and the status says why', async () => {
    const asker = await serving(await idp(keysOf), keysFrom({ backendRef: { name: 'gone', port: 80 } }));
    expect([await withToken(asker), await asker.status()]).toEqual([503, 503]);
    expect(told(asker)).toContain('spec.methods[0].jwt.providers[0].jwks.backendRef');
  });
});
