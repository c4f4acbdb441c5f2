/** Kong's annotations and plugins over real sockets: what clients and backends see of each. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { annotated, consumer, credential, plugin, plugins, route } from './kong-manifest.ts';
import { requestPolicy } from './policy.ts';

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const HS_SECRET = 'a secret that is long enough for a signature';

const ROUTES = [
  route('redirect', plugins('redirect')),
  route('kept', plugins('kept')),
  route('limited', plugins('limited')),
  route('keyed', plugins('keyed')),
  route('password', plugins('password')),
  route('token', plugins('token')),
  route('cors', plugins('cors')),
  route('open-cors', plugins('open-cors')),
  route('nets', plugins('nets')),
  route('lines', plugins('lines, answers')),
  route('closed', plugins('closed')),
  route('sizes', plugins('sizes')),
  annotated(
    httpRoute(
      'stripped',
      [
        { matches: [{ path: { type: 'PathPrefix', value: '/app' } }], ...backendRefs('web') },
        { matches: [{ path: { type: 'Exact', value: '/exact' } }], ...backendRefs('web') },
      ],
      { hostnames: ['stripped.example'] },
    ),
    { 'konghq.com/strip-path': 'true' },
  ),
  route('methods', { 'konghq.com/methods': 'GET, POST' }),
  route('no-methods', { 'konghq.com/methods': 'GET,get' }),
  route('secure', { 'konghq.com/protocols': 'https', 'konghq.com/https-redirect-status-code': '301' }),
  route('upgrade', { 'konghq.com/protocols': 'https' }),
  httpRoute('by-service', [backendRefs('guarded')], { hostnames: ['by-service.example'] }),
  route('plain', {}),
];

const OBJECTS = [
  service('web'),
  annotated(service('guarded'), { ...plugins('keyed'), 'konghq.com/host-header': 'inside.example' }),
  plugin('redirect', 'redirect', { location: 'https://new.example/sale', status_code: 302 }),
  plugin('kept', 'redirect', { location: 'https://new.example:8443', keep_incoming_path: true }),
  plugin('limited', 'rate-limiting', { minute: 2, limit_by: 'ip', error_code: 420 }),
  plugin('keyed', 'key-auth', { key_names: ['x-key'], hide_credentials: true }),
  plugin('password', 'basic-auth', {}),
  plugin('token', 'jwt', {}),
  plugin('cors', 'cors', { origins: ['https://shop.example'], credentials: true, max_age: 60 }),
  plugin('open-cors', 'cors', { origins: [], headers: [], credentials: true }),
  plugin('nets', 'ip-restriction', { deny: ['127.0.0.1'], status: 451, message: 'not here' }),
  plugin('lines', 'request-transformer', {
    remove: { headers: ['x-gone'] },
    add: { headers: ['x-added:1'] },
    append: { headers: ['x-more:2'] },
    replace: { uri: '/replaced' },
  }),
  plugin('answers', 'response-transformer', { add: { headers: ['x-answer:yes'] } }),
  plugin('closed', 'request-termination', { status_code: 410, message: 'gone for good' }),
  plugin('sizes', 'request-size-limiting', { allowed_payload_size: 4, size_unit: 'bytes' }),
  consumer('ann', 'ann-key', 'ann-key-2', 'ann-password', 'ann-token', 'ann-rsa'),
  credential('ann-key', 'key-auth', { key: 'the key of ann' }),
  credential('ann-key-2', 'key-auth', { key: 'another of ann' }),
  credential('ann-password', 'basic-auth', { username: 'ann', password: 'secret' }),
  credential('ann-token', 'jwt', { key: 'issuer-a', algorithm: 'HS256', secret: HS_SECRET }),
  credential('ann-rsa', 'jwt', {
    key: 'issuer-b',
    algorithm: 'RS256',
    rsa_public_key: RSA.publicKey.export({ type: 'spki', format: 'pem' }),
  }),
];

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(manifests([HTTP], ...ROUTES, ...OBJECTS), { echo: true });
});
afterAll(() => rig.close());

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
  /** As the backend got it. */
  got?: { path: string; host?: string; headers: Record<string, string> };
}

interface Asked {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

async function ask(host: string, { path = '/', method = 'GET', headers = {}, body }: Asked = {}): Promise<Answer> {
  const options = {
    port: rig.port(),
    host: '127.0.0.1',
    path,
    method,
    headers: { host: `${host}.example`, ...headers },
  };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.request(options, resolve).on('error', reject).end(body);
  });
  const said = await text(answer);
  const result: Answer = { status: answer.statusCode!, headers: answer.headers, body: said };
  if (answer.statusCode === 200) result.got = JSON.parse(said);
  return result;
}

function signed(claims: object, signature: (input: string) => string, alg: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 60;
  const input = `${part({ alg, typ: 'JWT' })}.${part({ exp, ...claims })}`;
  return `${input}.${signature(input)}`;
}

const hs = (secret: string) => (input: string) => createHmac('sha256', secret).update(input).digest('base64url');

describe('plugins of Kong', () => {
  test('redirect', async () => {
    const { status, headers } = await ask('redirect', { path: '/old' });
    expect({ status, location: headers.location }).toEqual({ status: 302, location: 'https://new.example/sale' });
    const kept = await ask('kept', { path: '/old?a=b' });
    expect(kept.headers.location).toBe('https://new.example:8443/old?a=b');
  });

  test('rate-limiting', async () => {
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask('limited')).status);
    expect(statuses).toEqual([200, 200, 420]);
  });

  test('key-auth: a key in a header or in the query, which the backend does not get', async () => {
    expect((await ask('keyed')).status).toBe(401);
    expect((await ask('keyed', { headers: { 'x-key': 'wrong wrong' } })).status).toBe(401);
    const { status, got } = await ask('keyed', { headers: { 'x-key': 'the key of ann', 'x-consumer-id': 'evil' } });
    expect(status).toBe(200);
    expect(got!.headers).toMatchObject({ 'x-consumer-username': 'ann', 'x-consumer-id': 'ann' });
    expect(got!.headers['x-key']).toBeUndefined();
    expect((await ask('keyed', { path: '/?x-key=another%20of%20ann' })).status).toBe(200);
  });

  test('basic-auth', async () => {
    const header = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString('base64')}` });
    expect((await ask('password')).headers['www-authenticate']).toContain('realm="service"');
    expect((await ask('password', { headers: header('ann:wrong') })).status).toBe(401);
    expect((await ask('password', { headers: header('ann:secret') })).got!.headers['x-consumer-username']).toBe('ann');
  });

  test('jwt: signed with a secret or a key of a consumer, who cannot call himself another', async () => {
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    const good = signed({ iss: 'issuer-a', sub: 'admin' }, hs(HS_SECRET), 'HS256');
    const lines = (await ask('token', bearer(good))).got!.headers;
    expect(lines).toMatchObject({ 'x-consumer-username': 'ann', 'x-credential-identifier': 'issuer-a' });
    expect((await ask('token', { path: `/?jwt=${good}` })).status).toBe(200);
    const other = signed(
      { iss: 'issuer-b' },
      (input) => sign('sha256', Buffer.from(input), RSA.privateKey).toString('base64url'),
      'RS256',
    );
    const others = (await ask('token', bearer(other))).got!.headers;
    expect(others).toMatchObject({ 'x-consumer-username': 'ann', 'x-credential-identifier': 'issuer-b' });
    expect((await ask('token')).status).toBe(401);
    expect((await ask('token', bearer(signed({ iss: 'issuer-a' }, hs('wrong'), 'HS256')))).status).toBe(401);
    expect((await ask('token', bearer(signed({ iss: 'issuer-b' }, hs(HS_SECRET), 'HS256')))).status).toBe(401);
    expect((await ask('token', bearer(signed({ iss: 'issuer-a', exp: 1 }, hs(HS_SECRET), 'HS256')))).status).toBe(401);
    expect((await ask('token', bearer(signed({ iss: 'issuer-a' }, () => '', 'none')))).status).toBe(401);
  });

  test('cors', async () => {
    const asked = { headers: { origin: 'https://shop.example', 'access-control-request-method': 'PUT' } };
    const preflight = await ask('cors', { method: 'OPTIONS', ...asked });
    expect(preflight.headers['access-control-allow-origin']).toBe('https://shop.example');
    expect(preflight.headers['access-control-max-age']).toBe('60');
    const other = await ask('cors', { headers: { origin: 'https://evil.example' } });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('cors without origins and headers: all of them, as a browser asks for them', async () => {
    const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a, authorization' };
    const headers = { origin: 'https://shop.example', ...asked };
    const preflight = await ask('open-cors', { method: 'OPTIONS', headers });
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://shop.example',
      'access-control-allow-headers': 'x-a, authorization',
    });
  });

  test('ip-restriction', async () => {
    const { status, body } = await ask('nets');
    expect({ status, body }).toEqual({ status: 451, body: '{"message":"not here"}' });
  });

  test('request-transformer and response-transformer', async () => {
    const { got, headers } = await ask('lines', { path: '/x?a=b', headers: { 'x-gone': '1', 'x-more': '1' } });
    expect(got!.path).toBe('/replaced?a=b');
    expect(got!.headers['x-gone']).toBeUndefined();
    expect(got!.headers).toMatchObject({ 'x-added': '1', 'x-more': '1, 2' });
    expect(headers['x-answer']).toBe('yes');
  });

  test('request-termination', async () => {
    const { status, body, headers } = await ask('closed');
    expect({ status, body }).toEqual({ status: 410, body: '{"message":"gone for good"}' });
    expect(headers['content-type']).toContain('application/json');
  });

  test('request-size-limiting', async () => {
    expect((await ask('sizes', { method: 'POST', body: '1234' })).status).toBe(200);
    expect((await ask('sizes', { method: 'POST', body: '12345' })).status).toBe(413);
  });

  test('on a Service, for every route that leads there, with the Host that it asks for', async () => {
    expect((await ask('by-service')).status).toBe(401);
    const { got } = await ask('by-service', { headers: { 'x-key': 'the key of ann' } });
    expect(got!.headers.host ?? got!.host).toBe('inside.example');
  });
});

describe('annotations of Kong', () => {
  test('strip-path', async () => {
    expect((await ask('stripped', { path: '/app/x?a=b' })).got!.path).toBe('/x?a=b');
    expect((await ask('stripped', { path: '/app' })).got!.path).toBe('/');
    expect((await ask('stripped', { path: '/exact' })).got!.path).toBe('/');
  });

  test('methods: others find no route, and one that is none closes it', async () => {
    const statuses = [];
    for (const method of ['GET', 'POST', 'DELETE']) statuses.push((await ask('methods', { method })).status);
    expect(statuses).toEqual([200, 200, 404]);
    expect((await ask('no-methods')).status).toBe(500);
  });

  test('protocols and https-redirect-status-code', async () => {
    const moved = await ask('secure', { path: '/x?a=b' });
    expect({ status: moved.status, location: moved.headers.location }).toEqual({
      status: 301,
      location: 'https://secure.example/x?a=b',
    });
    const upgrade = await ask('upgrade');
    expect({ status: upgrade.status, body: upgrade.body }).toEqual({
      status: 426,
      body: '{"message":"Please use HTTPS protocol"}',
    });
    // RFC 9110: a 426 says to what.
    expect([upgrade.headers.upgrade, upgrade.headers.connection]).toEqual(['TLS/1.2, HTTP/1.1', 'Upgrade']);
  });
});

describe('guards of Kong that cannot be followed refuse', () => {
  test('a credential that is empty lets nobody in, and hurts no other', async () => {
    const empty = (kind: string, data: object, at: string) => [consumer(at, at), credential(at, kind, data)];
    const objects = [
      plugin('words', 'basic-auth'),
      plugin('keys', 'key-auth'),
      ...empty('basic-auth', { username: 'bob', password: '' }, 'bob'),
      ...empty('basic-auth', { username: '', password: 'secret' }, 'nobody'),
      ...empty('basic-auth', { username: ' x', password: 'secret' }, 'blank'),
      ...empty('basic-auth', { username: 'ann', password: 'secret' }, 'ann'),
      ...empty('key-auth', { key: '' }, 'keyless'),
      ...empty('key-auth', { key: 'short' }, 'short'),
      ...empty('key-auth', { key: 'the key of eve' }, 'eve'),
    ];
    const routes = [route('a', plugins('words')), route('b', plugins('keys'))];
    await rig.write(manifests([HTTP], ...routes, service('web'), ...objects));
    const login = (text: string) => ({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } });
    const statuses = [];
    for (const one of ['bob:', ':secret', 'x:secret', ':']) statuses.push((await ask('a', login(one))).status);
    for (const apikey of ['', 'short']) statuses.push((await ask('b', { headers: { apikey } })).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 401]);
    expect((await ask('a', login('ann:secret'))).status).toBe(200);
    expect((await ask('b', { headers: { apikey: 'the key of eve' } })).status).toBe(200);
    expect(JSON.stringify(rig.report().items)).toContain('the basic-auth credential of bob has no password');
  });

  test('protocols in whatever case, and what is none, keep plain requests out', async () => {
    const spelled = ['HTTPS', ' Https , ', 'grpcs', 'wss', 'httpss', 'https;http'];
    const routes = spelled.map((text, at) => route(`p${at}`, { 'konghq.com/protocols': text }));
    const open = ['http,https', 'HTTP', ' ', 'ws'].map((text, at) => route(`o${at}`, { 'konghq.com/protocols': text }));
    await rig.write(manifests([HTTP], ...routes, ...open, service('web')));
    for (const at of spelled.keys()) expect((await ask(`p${at}`)).status).toBe(426);
    for (const at of open.keys()) expect((await ask(`o${at}`)).status).toBe(200);
  });

  test('one that is disabled, and one that guards nothing, do nothing', async () => {
    const off = plugin('p', 'ip-restriction', { deny: ['127.0.0.1'] }, { disabled: true });
    const log = plugin('log', 'http-log', { http_endpoint: 'http://log.example' });
    await rig.write(manifests([HTTP], route('a', plugins('p, log')), service('web'), off, log));
    expect((await ask('a')).status).toBe(200);
    expect(
      rig
        .report()
        .diagnostics.map(({ message }) => message)
        .join(),
    ).toContain('the access log (--access-log)');
  });

  test('one that is not read says what is written in its place, and keeps its routes closed until then', async () => {
    const acl = plugin('p', 'acl', { allow: ['admins'] });
    await rig.write(manifests([HTTP], route('a', plugins('p')), service('web'), acl));
    expect((await ask('a')).status).toBe(500);
    const told = rig.report().diagnostics.map(({ message }) => message);
    expect(told.join()).toContain('plugin acl is not read, and may guard what it acts on; write an AccessPolicy');
  });

  test('a policy of our own acts beside, and counts where both say the same', async () => {
    const own = (kind: string, spec: object) => requestPolicy(kind, 'own', { kind: 'HTTPRoute', name: 'a' }, spec);
    const nets = plugin('nets', 'ip-restriction', { deny: ['127.0.0.1'] });
    const some = own('AccessPolicy', { maxBodyBytes: 10 });
    await rig.write(manifests([HTTP], route('a', plugins('nets')), service('web'), nets, some));
    expect((await ask('a')).status).toBe(403);
    const limit = plugin('limit', 'rate-limiting', { minute: 1 });
    const more = own('RateLimitPolicy', { limits: [{ requests: 2, per: 'Minute' }] });
    await rig.write(manifests([HTTP], route('a', plugins('limit')), service('web'), limit, more));
    expect([(await ask('a')).status, (await ask('a')).status, (await ask('a')).status]).toEqual([200, 200, 429]);
    expect(
      rig
        .report()
        .diagnostics.map(({ message }) => message)
        .join(),
    ).toContain('RateLimitPolicy default/own has the same target');
  });

  test('a plugin that is for all requests holds at the Gateway, and refuses all where it cannot be followed', async () => {
    const global = (kind: string, config: object): object => ({
      apiVersion: 'configuration.konghq.com/v1',
      kind: 'KongClusterPlugin',
      metadata: { name: 'all', labels: { global: 'true' } },
      plugin: kind,
      config,
    });
    const site = (kind: string, config: object) =>
      manifests([HTTP], route('a', {}), service('web'), global(kind, config));
    await rig.write(site('ip-restriction', { deny: ['192.0.2.1'] }));
    expect((await ask('a')).status).toBe(200);
    await rig.write(site('ip-restriction', { deny: ['127.0.0.1'] }));
    expect((await ask('a')).status).toBe(403);
    await rig.write(site('ip-restriction', { deny: ['127.0.0.1'], typo: 1 }));
    expect((await ask('a')).status).toBe(500);
    await rig.write(site('prometheus', {}));
    expect((await ask('a')).status).toBe(200);
  });

  test('a Secret of a user cannot stand in the place of one that is made', async () => {
    const planted = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'a-keyed-keys' },
      stringData: { eve: 'a planted key' },
    };
    const objects = [
      plugin('keyed', 'key-auth'),
      consumer('ann', 'k'),
      credential('k', 'key-auth', { key: 'the key of ann' }),
    ];
    await rig.write(manifests([HTTP], route('a', plugins('keyed')), service('web'), planted, ...objects));
    expect((await ask('a', { headers: { apikey: 'a planted key' } })).status).toBe(401);
    expect((await ask('a', { headers: { apikey: 'the key of ann' } })).status).toBe(200);
  });

  test('a credential that changes, and a plugin that comes and goes, are followed', async () => {
    const site = (key: string, name: string) =>
      manifests(
        [HTTP],
        route('a', plugins('keyed')),
        service('web'),
        plugin(name, 'key-auth', { key_names: ['x-key'] }),
        consumer('ann', 'k'),
        credential('k', 'key-auth', { key }),
      );
    await rig.write(site('the first key', 'keyed'));
    expect((await ask('a', { headers: { 'x-key': 'the first key' } })).status).toBe(200);
    await rig.write(site('the second key', 'keyed'));
    expect((await ask('a', { headers: { 'x-key': 'the first key' } })).status).toBe(401);
    expect((await ask('a', { headers: { 'x-key': 'the second key' } })).status).toBe(200);
    await rig.write(site('the second key', 'renamed'));
    expect((await ask('a', { headers: { 'x-key': 'the second key' } })).status).toBe(500);
  });
});
