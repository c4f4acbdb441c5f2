/** Authentication in each protocol: client certificates, HTTP/2, gRPC, WebSocket, and preflights of browsers. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair } from '../tls/authority.ts';
import { authentication, basicLine, secret } from './authentication-asker.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const AUTH = basicLine('u', 'secret');
const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'a' };
const BASIC = { basic: { secretRef: { name: 'users' } } };

let ours: Authority;
let server: Pair;
const clients: Record<string, Pair> = {};
let rig: Rig;

function site(...objects: object[]): string {
  const tls = { certificateRefs: [{ name: 'server' }] };
  const cors = {
    type: 'CORS',
    cors: { allowOrigins: ['https://app.example'], allowMethods: ['GET'], allowHeaders: ['authorization'] },
  };
  const grpc = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GRPCRoute',
    metadata: { name: 'g' },
    spec: {
      parentRefs: [{ name: 'gw' }],
      hostnames: ['g.example'],
      rules: [{ backendRefs: [{ name: 'web', port: 80 }] }],
    },
  };
  const gateway = manifests(
    [HTTP, { name: 'https', port: 443, protocol: 'HTTPS', tls }],
    caConfigMap('ours', ours),
    tlsSecret('server', server),
    secret('users', { auth: 'u:{PLAIN}secret' }),
    httpRoute('a', [{ ...backendRefs('web'), filters: [cors] }], { hostnames: ['a.example'] }),
    grpc,
    service('web'),
    ...objects,
  );
  const refs = '[{ group: "", kind: ConfigMap, name: ours }]';
  const frontend = `{ default: { validation: { mode: AllowInsecureFallback, caCertificateRefs: ${refs} } } }`;
  return gateway.replace('  gatewayClassName: any\n', `  gatewayClassName: any\n  tls: { frontend: ${frontend} }\n`);
}

beforeAll(async () => {
  ours = await Authority.make('ours');
  server = await ours.sign({ dns: ['a.example'] });
  clients.alice = await ours.sign({ name: 'alice', dns: ['alice.example'], uris: ['spiffe://x/alice'] });
  clients.bob = await ours.sign({ name: 'bob' });
  clients.mallory = await (await Authority.make('theirs')).sign({ name: 'alice', dns: ['alice.example'] });
  rig = await serveManifests(site(), { echo: true, ports: [80, 443] });
});
afterAll(() => rig.close());

async function overTls(client?: string, headers: Record<string, string> = {}) {
  const pair = client === undefined ? {} : { cert: clients[client]!.certificate, key: clients[client]!.privateKey };
  const options = {
    port: rig.port(443),
    host: '127.0.0.1',
    servername: 'a.example',
    rejectUnauthorized: false,
    agent: false,
  };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) =>
    https.get({ ...options, ...pair, headers: { host: 'a.example', ...headers } }, resolve).on('error', reject),
  );
  const body = await text(answer);
  const saw = answer.statusCode === 200 ? (JSON.parse(body) as { headers: Record<string, string> }).headers : {};
  return { status: answer.statusCode, saw };
}

async function plain(method: string, headers: Record<string, string>) {
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) =>
    http
      .request(
        { port: rig.port(), host: '127.0.0.1', method, agent: false, headers: { host: 'a.example', ...headers } },
        resolve,
      )
      .on('error', reject)
      .end(),
  );
  answer.resume();
  return answer;
}

describe('a client certificate', () => {
  const certificate = (clientCertificate: object = {}, around: object = {}): object =>
    authentication({ methods: [{ clientCertificate }], ...around }, ROUTE);

  test('says who it is to the backend, whose answer is then nobody else’s', async () => {
    await rig.write(site(requestPolicy('ResponsePolicy', 'kept', ROUTE, { cache: { defaultTtl: '60s' } })));
    const [alice, bob, nobody] = [await overTls('alice'), await overTls('bob'), await overTls()];
    expect(alice.saw['client-cert']).toMatch(/^:/);
    expect(bob.saw['client-cert']).toMatch(/^:/);
    expect(bob.saw['client-cert']).not.toBe(alice.saw['client-cert']);
    expect(nobody.saw['client-cert']).toBeUndefined();
    expect((await overTls()).saw['x-request-id']).toBe(nobody.saw['x-request-id']);
  });

  test('says who it is, where it was verified, in the lines that nginx writes', async () => {
    const lines = {
      'Ssl-Client-Subject-Dn': 'sub',
      'Ssl-Client-Issuer-Dn': 'issuer',
      'Ssl-Client-Verify': 'verify',
      'X-Cn': 'cn',
      'Ssl-Client-Cert': 'pem',
    };
    const claimsToHeaders = Object.entries(lines).map(([name, claim]) => ({ name, claim }));
    await rig.write(site(certificate({}, { claimsToHeaders })));
    const { status, saw } = await overTls('alice', { 'ssl-client-verify': 'forged', 'x-cn': 'root' });
    expect(status).toBe(200);
    expect(saw).toMatchObject({
      'ssl-client-subject-dn': 'CN=alice',
      'ssl-client-issuer-dn': 'CN=ours',
      'ssl-client-verify': 'SUCCESS',
      'x-cn': 'alice',
    });
    expect(decodeURIComponent(saw['ssl-client-cert']!)).toContain('-----BEGIN CERTIFICATE-----\n');
    expect(rig.accesses.at(-1)).toMatchObject({ user: 'CN=alice' });
    for (const client of [undefined, 'mallory'])
      expect([client, (await overTls(client)).status]).toEqual([client, 403]);
    expect((await plain('GET', {})).statusCode).toBe(403);
  });

  test.each([
    [{ field: 'CommonName', value: 'alice' }],
    [{ field: 'Subject', value: 'CN=alice' }],
    [{ field: 'Subject', type: 'RegularExpression', value: '.*CN=al.*' }],
    [{ field: 'DNS', value: 'alice.example' }],
    [{ field: 'URI', value: 'spiffe://x/alice' }],
  ])('of whom %o takes, and of nobody else', async (match) => {
    await rig.write(site(certificate({ match: [match, { field: 'Email', value: 'nobody' }] })));
    const got: Array<number | undefined> = [];
    for (const client of ['alice', 'bob', 'mallory', undefined]) got.push((await overTls(client)).status);
    expect(got).toEqual([200, 403, 403, 403]);
  });

  test('or a password: whoever has neither is asked for the password', async () => {
    await rig.write(site(authentication({ require: 'Any', methods: [{ clientCertificate: {} }, BASIC] }, ROUTE)));
    expect((await overTls('alice')).status).toBe(200);
    expect((await overTls(undefined, { authorization: AUTH })).status).toBe(200);
    const { statusCode, headers } = await plain('GET', {});
    expect([statusCode, headers['www-authenticate']]).toEqual([401, 'Basic realm=""']);
    await rig.write(site(authentication({ require: 'All', methods: [{ clientCertificate: {} }, BASIC] }, ROUTE)));
    expect((await overTls('alice')).status).toBe(401);
    expect((await overTls('alice', { authorization: AUTH })).status).toBe(200);
  });
});

describe('in other protocols', () => {
  test('gRPC is told UNAUTHENTICATED, and 14 where it cannot be found out', async () => {
    const call = async (headers: http2.OutgoingHttpHeaders): Promise<unknown> => {
      const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
      const stream = session.request({
        ':method': 'POST',
        ':path': '/a.B/C',
        ':authority': 'g.example',
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      stream.end();
      const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      stream.resume();
      session.close();
      return [head[':status'], head['grpc-status']];
    };
    const aim: PolicyAim = { kind: 'GRPCRoute', name: 'g' };
    await rig.write(site(authentication({ methods: [BASIC] }, aim)));
    expect(await call({})).toEqual([200, '16']);
    expect(await call({ authorization: AUTH })).not.toEqual([200, '16']);
    await rig.write(site(authentication({ methods: [{ basic: { secretRef: { name: 'none' } } }] }, aim)));
    expect(await call({ authorization: AUTH })).toEqual([200, '14']);
  });

  test('a WebSocket is opened for who is known', async () => {
    await rig.write(site(authentication({ methods: [BASIC] }, ROUTE)));
    const upgrade = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
    };
    expect((await plain('GET', upgrade)).statusCode).toBe(401);
    const asked = http.get({
      port: rig.port(),
      host: '127.0.0.1',
      agent: false,
      headers: { host: 'a.example', authorization: AUTH, ...upgrade },
    });
    const [answer, socket] = (await Promise.race([once(asked, 'upgrade'), once(asked, 'response')])) as [
      http.IncomingMessage,
      { destroy(): void }?,
    ];
    expect(answer.statusCode).toBe(101);
    socket?.destroy();
  });

  test('a browser’s preflight is answered before anybody is asked; what follows is not', async () => {
    await rig.write(site(authentication({ methods: [{ basic: { ...BASIC.basic, realm: 'app' } }] }, ROUTE)));
    const origin = { origin: 'https://app.example' };
    const preflight = await plain('OPTIONS', { ...origin, 'access-control-request-method': 'GET' });
    expect([preflight.statusCode! < 300, preflight.headers['access-control-allow-origin']]).toEqual([
      true,
      'https://app.example',
    ]);
    const refused = await plain('GET', origin);
    expect([refused.statusCode, refused.headers['access-control-allow-origin']]).toEqual([401, 'https://app.example']);
    expect((await plain('OPTIONS', origin)).statusCode).toBe(401);
  });
});
