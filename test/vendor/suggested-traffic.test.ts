/** What `daemun check --suggest` writes, served: clients see of it what the other gateway's object asked for. */
import { generateKeyPairSync, sign } from 'node:crypto';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { endpointsOf, httpRoute } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap } from '../tls/authority.ts';
import { type CaseName, suggested } from './suggested.ts';

const closing: Array<() => unknown> = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

async function server(answer: http.RequestListener): Promise<number> {
  const made = http.createServer(answer);
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    made.closeAllConnections();
    made.close();
  });
  return (made.address() as AddressInfo).port;
}

const KEYS = generateKeyPairSync('rsa', { modulusLength: 2048 });
const JWKS = JSON.stringify({ keys: [KEYS.publicKey.export({ format: 'jwk' })] });
const TOKENS = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'keys' }, data: { jwks: JWKS } };

/** Fails as often as the path says, then answers with what it got. */
let failures = 0;
/** What health checks hear. */
let isWell = true;
const web: http.RequestListener = (request, response) => {
  if (request.url === '/healthz') {
    response.writeHead(isWell && request.headers.host === 'health.example' ? 204 : 202).end();
    return;
  }
  if (failures > 0) {
    failures--;
    response.writeHead(503).end();
    return;
  }
  if (request.url === '/slow') return;
  request.resume().on('end', () => response.end(JSON.stringify({ path: request.url, headers: request.headers })));
};
/** Lets in who says please. */
const auth: http.RequestListener = (request, response) => {
  const lets = request.url?.startsWith('/check/') && request.headers['x-token'] === 'please';
  response.writeHead(lets ? 200 : 403, { 'x-user': 'ann' }).end();
};

async function served(name: CaseName, adapt: (manifests: string) => string = (same) => same): Promise<Rig> {
  const ports = [await server(web), await server(auth)] as const;
  const { manifests } = suggested(name, name === 'envoy-security' ? [TOKENS] : []);
  const endpoints = [endpointsOf('web', ports[0]), `default/auth:9000=127.0.0.1:${ports[1]}`];
  const rig = await serveManifests(adapt(manifests), { endpoints });
  closing.push(() => rig.close());
  return rig;
}

interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

async function ask(rig: Rig, host: string, path = '/', { method = 'GET', headers = {}, body }: Asked = {}) {
  const options = { port: rig.port(), host: '127.0.0.1', path, method, headers: { host, ...headers } };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.request(options, resolve).on('error', reject).end(body);
  });
  const said = await text(answer);
  return { status: answer.statusCode!, headers: answer.headers, said };
}

const basic = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString('base64')}` });

describe('NGINX Gateway Fabric', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await served('nginx');
  });

  test('basic auth, body size and rate limit of one route', async () => {
    expect((await ask(rig, 'shop.example')).status).toBe(401);
    const headers = basic('ann:secret');
    const large = { method: 'POST', body: '12345678901' };
    expect((await ask(rig, 'shop.example', '/', { ...large, headers })).status).toBe(413);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask(rig, 'shop.example', '/', { headers })).status);
    expect(statuses.at(-1)).toBe(429);
  });
});

describe('Envoy Gateway', () => {
  test('rate limit, retries, body size and error pages', async () => {
    const rig = await served('envoy-traffic', (manifests) => manifests.replace('proxyProtocol: V2', ''));
    failures = 2;
    const tried = await ask(rig, 'shop.example');
    expect(tried.status).toBe(200);
    expect(failures).toBe(0);
    expect(String(tried.headers['set-cookie'])).toContain('session=');
    failures = 9;
    const { status, said } = await ask(rig, 'shop.example');
    failures = 0;
    expect({ status, said }).toEqual({ status: 503, said: 'try later' });
    expect((await ask(rig, 'shop.example', '/', { method: 'POST', body: 'x'.repeat(1_048_577) })).status).toBe(413);
    const headers = { 'x-plan': 'free', 'x-tenant': 'a' };
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask(rig, 'shop.example', '/api', { headers })).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await ask(rig, 'shop.example', '/api', { headers: { ...headers, 'x-tenant': 'b' } })).status).toBe(200);
  });

  test('escaped slashes are refused, and no others', async () => {
    const rig = await served('envoy-traffic', (manifests) => manifests.replace('proxyProtocol: V2', ''));
    const statuses = [];
    for (const path of ['/a%2Fb', '/a%5cb', '/a/b', '//a', '/a%252Fb', '/?a=%2F'])
      statuses.push((await ask(rig, 'shop.example', path)).status);
    expect(statuses).toEqual([400, 400, 200, 200, 200, 200]);
  });

  test('a request timeout', async () => {
    const rig = await served('envoy-traffic', (manifests) =>
      manifests.replace('proxyProtocol: V2', '').replace('request: 20s', 'request: 200ms'),
    );
    expect((await ask(rig, 'shop.example', '/slow')).status).toBe(504);
  });

  test('health checks, with the statuses that are well', async () => {
    const rig = await served('envoy-traffic', (manifests) =>
      manifests
        .replace('proxyProtocol: V2', '')
        .replace('interval: 2s\n    timeout: 2s', 'interval: 100ms\n    timeout: 100ms')
        .replace('panicThresholdPercent: 30', 'panicThresholdPercent: 0'),
    );
    expect((await ask(rig, 'shop.example')).status).toBe(200);
    isWell = false;
    await expect.poll(async () => (await ask(rig, 'shop.example')).status).toBe(503);
    isWell = true;
    await expect.poll(async () => (await ask(rig, 'shop.example')).status).toBe(200);
  });

  test('where TLS is spoken with endpoints, HTTP/2 with those that agree to it', async () => {
    const authority = await Authority.make('own');
    const { certificate: cert, privateKey: key } = await authority.sign({ dns: ['vault.example'] });
    const secure = http2.createSecureServer({ cert, key, allowHTTP1: true }, ({ httpVersion }, response) => {
      response.end(httpVersion);
    });
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    closing.push(() => secure.close());
    const { manifests } = suggested('envoy-traffic');
    const route = httpRoute('vault', [{ backendRefs: [{ name: 'vault', port: 443 }] }], {
      hostnames: ['vault.example'],
    });
    const trust = 'caCertificateRefs: [{ group: "", kind: ConfigMap, name: ca }]';
    const text = [manifests.replace('wellKnownCACertificates: System', trust), stringify(route)].join('---\n');
    const rig = await serveManifests(`${text}---\n${stringify(caConfigMap('ca', authority))}`, {
      endpoints: [`default/vault:443=127.0.0.1:${(secure.address() as AddressInfo).port}`],
    });
    closing.push(() => rig.close());
    expect(await ask(rig, 'vault.example')).toMatchObject({ status: 200, said: '2.0' });
  });

  describe('security', () => {
    let rig: Rig;
    beforeAll(async () => {
      rig = await served('envoy-security');
    });

    test('basic auth and CORS', async () => {
      const origin = 'https://shop.example';
      expect((await ask(rig, 'shop.example')).status).toBe(401);
      const got = await ask(rig, 'shop.example', '/', { headers: { ...basic('ann:secret'), origin } });
      expect(got.status).toBe(200);
      expect(got.headers['access-control-allow-origin']).toBe(origin);
      expect(JSON.parse(got.said).headers['x-user']).toBe('ann');
      const preflight = { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } };
      expect((await ask(rig, 'shop.example', '/', preflight)).headers['access-control-max-age']).toBe('60');
    });

    test('JWT, and claims that are asked for', async () => {
      const token = (claims: object): string => {
        const exp = Math.floor(Date.now() / 1000) + 60;
        const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
        const input = `${part({ alg: 'RS256' })}.${part({ iss: 'https://login.example', aud: 'shop', exp, ...claims })}`;
        return `${input}.${sign('sha256', Buffer.from(input), KEYS.privateKey).toString('base64url')}`;
      };
      const bearer = (value: string, plan = 'c') => ({ headers: { authorization: `Bearer ${value}`, 'x-plan': plan } });
      expect((await ask(rig, 'tokens.example', '/', { headers: { 'x-plan': 'c' } })).status).toBe(401);
      const admin = token({ sub: 'ann', role: 'admin' });
      const got = await ask(rig, 'tokens.example', '/', bearer(admin));
      expect(got.status).toBe(200);
      expect(JSON.parse(got.said).headers['x-who']).toBe('ann');
      expect((await ask(rig, 'tokens.example', '/', bearer(admin, 'aXb'))).status).toBe(403);
      expect((await ask(rig, 'tokens.example', '/', bearer(token({ sub: 'bob', role: 'guest' })))).status).toBe(403);
      const other = token({ role: 'admin', aud: 'other' });
      expect((await ask(rig, 'tokens.example', `/?token=${other}`, { headers: { 'x-plan': 'c' } })).status).toBe(401);
    });

    test('a service says who may pass', async () => {
      expect((await ask(rig, 'asked.example')).status).toBe(403);
      const got = await ask(rig, 'asked.example', '/x', { headers: { 'x-token': 'please' } });
      expect(got.status).toBe(200);
      expect(JSON.parse(got.said).headers['x-user']).toBe('ann');
    });
  });

  test('rewrites by expression and answers without a backend', async () => {
    const rig = await served('envoy-routes');
    expect(JSON.parse((await ask(rig, 'shop.example', '/app/x')).said).path).toBe('/x');
    const { status, said } = await ask(rig, 'shop.example', '/closed');
    expect({ status, said }).toEqual({ status: 410, said: 'gone' });
  });
});

describe('Kong', () => {
  test('a limit, CORS, keys and the path, by objects of ours alone', async () => {
    const rig = await served('kong');
    expect((await ask(rig, 'shop.example', '/shop/x')).status).toBe(401);
    const headers = { apikey: 'the key of ann', origin: 'https://shop.example' };
    const got = await ask(rig, 'shop.example', '/store/x', { headers });
    expect(JSON.parse(got.said)).toMatchObject({ path: '/x', headers: { 'x-consumer-username': 'ann' } });
    expect(got.headers['access-control-allow-origin']).toBe('https://shop.example');
    const moved = await ask(rig, 'secure.example', '/x');
    expect({ status: moved.status, location: moved.headers.location }).toEqual({
      status: 301,
      location: 'https://secure.example/x',
    });
    expect((await ask(rig, 'narrow.example')).status).toBe(404);
    expect((await ask(rig, 'narrow.example', '/', { headers: { 'x-plan': 'gold' } })).status).toBe(200);
    expect((await ask(rig, 'wide.example', '/', { headers: { 'x-plan': 'gold' } })).status).toBe(404);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask(rig, 'shop.example', '/shop', { headers })).status);
    expect(statuses.at(-1)).toBe(429);
  });
});
