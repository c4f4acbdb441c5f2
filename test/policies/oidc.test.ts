/** The method `oidc` with a real provider: signing in, going on, signing out, and everything that must not let in. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { HttpAuth } from './auth-service.ts';
import { Browser, CLIENT, type Page, TestProvider } from './oidc-browser.ts';
import { requestPolicy } from './policy.ts';

const SECRETS = ['0123456789abcdef0123456789abcdef', 'fedcba9876543210fedcba9876543210'] as const;
const ORIGIN = 'http://shop.example';
const OTHER = 'http://other.example';

let provider: TestProvider;
let origin: HttpAuth;
let rig: Rig;
let edits = 0;

interface Site {
  oidc?: object;
  policy?: object;
  cookieSecrets?: { 'cookie-secret'?: string; 'cookie-secret-previous'?: string };
  secret?: string;
}

function site({
  oidc = {},
  policy = {},
  cookieSecrets = { 'cookie-secret': SECRETS[0] },
  secret = CLIENT.secret,
}: Site = {}): string {
  const method = {
    issuer: provider.issuer,
    clientId: CLIENT.id,
    secretRef: { name: 'client' },
    caCertificateRef: { group: '', kind: 'ConfigMap', name: 'ca' },
    ...oidc,
  };
  return manifests(
    [HTTP],
    httpRoute('shop', [backendRefs('web')], {
      hostnames: ['shop.example', 'other.example', `edit-${++edits}.example`],
    }),
    httpRoute('open', [backendRefs('web')], { hostnames: ['open.example'] }),
    service('web'),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'client' },
      stringData: { 'client-secret': secret, ...cookieSecrets },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'ca' },
      data: { 'ca.crt': provider.authority.certificate },
    },
    requestPolicy(
      'AuthenticationPolicy',
      'sign-in',
      { kind: 'HTTPRoute', name: 'shop' },
      {
        methods: [{ oidc: method }],
        claimsToHeaders: [
          { name: 'X-User', claim: 'sub' },
          { name: 'X-Email', claim: 'email' },
          { name: 'X-Groups', claim: 'groups' },
        ],
        ...policy,
      },
    ),
  );
}

async function serve(text: string): Promise<Rig> {
  return await serveManifests(text, { endpoints: [endpointsOf('web', origin.port)], loopbackNames: 'allowed' });
}

beforeAll(async () => {
  origin = await HttpAuth.open();
  origin.answer = (_question, response) => response.end('welcome');
  provider = await TestProvider.open([ORIGIN, OTHER]);
  rig = await serve(site());
});
afterAll(async () => {
  await rig.close();
  await origin.close();
  provider.close();
});
beforeEach(() => {
  origin.asked.length = 0;
  provider.asked.length = 0;
  provider.answering = true;
  provider.claims = { email: 'alice@example.com', groups: ['staff', 'ops'] };
});

const browser = (at = rig): Browser => new Browser(at.port(), provider.authority.certificate);
const cookiesOf = ({ headers }: Page): string[] => headers['set-cookie'] ?? [];

describe('who signs in', () => {
  test('comes back to where it wanted to go, and the backend is told who it is', async () => {
    const alice = browser();
    const page = await alice.go(`${ORIGIN}/cart?a=b%20c&d`);
    expect(page).toMatchObject({ status: 200, body: 'welcome', url: `${ORIGIN}/cart?a=b%20c&d` });
    expect(origin.last).toMatchObject({ url: '/cart?a=b%20c&d' });
    expect(origin.last.headers).toMatchObject({
      'x-user': 'alice',
      'x-email': 'alice@example.com',
      'x-groups': 'staff,ops',
    });
    // Nothing of the session gets there, nor do lines that the client made up.
    expect(origin.last.headers.cookie).toBeUndefined();
    expect((await alice.request(`${ORIGIN}/x`, { headers: { 'x-user': 'root' } })).status).toBe(200);
    expect(origin.last.headers['x-user']).toBe('alice');
    expect(rig.accesses.at(-1)).toMatchObject({ user: 'alice', decision: 'allowed' });
    expect(provider.count('POST /token')).toBe(1);
  });

  test('is sent with PKCE, state and nonce, and keeps cookies that no script and no other host can use', async () => {
    const alice = browser();
    const first = await alice.request(`${ORIGIN}/`);
    expect(first.status).toBe(302);
    const url = new URL(first.headers.location!);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'shop',
      redirect_uri: `${ORIGIN}/oauth2/callback`,
      scope: 'openid profile email',
      code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge']) expect(url.searchParams.get(name)).toMatch(/^[\w-]{43}$/);
    expect(first.headers['cache-control']).toBe('no-store');
    const back = await alice.go(`${ORIGIN}/`, /shop\.example\/$/);
    for (const line of [...cookiesOf(first), ...cookiesOf(back)]) {
      expect(line).toMatch(
        /^__Host-daemun-[\w-]+(-in\.[\w-]{8})?=[\w-]*; Path=\/; Max-Age=\d+; HttpOnly; Secure; SameSite=Lax$/,
      );
    }
    expect(cookiesOf(back).join()).not.toContain('alice');
  });

  test('goes on at any other replica with the same Secret, and with the next one of a rotation', async () => {
    const alice = browser();
    await alice.go(`${ORIGIN}/`);
    const jar = alice.jar('shop.example');
    for (const [cookieSecrets, status] of [
      [{ 'cookie-secret': SECRETS[0] }, 200],
      [{ 'cookie-secret': SECRETS[1], 'cookie-secret-previous': SECRETS[0] }, 200],
      [{ 'cookie-secret': SECRETS[1] }, 302],
    ] as const) {
      const replica = await serve(site({ cookieSecrets }));
      const there = browser(replica);
      for (const [name, value] of jar) there.jar('shop.example').set(name, value);
      expect((await there.request(`${ORIGIN}/`)).status).toBe(status);
      await replica.close();
    }
  });

  test('with more claims than fit one cookie has several, and one with too many is told so', async () => {
    const words = (count: number): string[] =>
      Array.from({ length: count }, (_, i) => `group-${i * 7919}-${Math.sin(i)}`);
    provider.claims = { email: 'a@b.c', groups: words(300) };
    const alice = browser();
    expect((await alice.go(`${ORIGIN}/`)).status).toBe(200);
    expect(alice.jar('shop.example').size).toBeGreaterThan(1);
    expect((await alice.request(`${ORIGIN}/again`)).status).toBe(200);
    expect(origin.last.headers.cookie).toBeUndefined();
    provider.claims = { email: 'a@b.c', groups: words(2_000) };
    expect((await browser().go(`${ORIGIN}/`)).status).toBeGreaterThanOrEqual(500);
  });
});

describe('who does not', () => {
  test.each<[string, { method?: string; headers?: Record<string, string> }, number]>([
    ['a page', {}, 302],
    ['a page by a browser', { headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' } }, 302],
    ['a script', { headers: { 'sec-fetch-mode': 'cors', accept: '*/*' } }, 401],
    ['an old script', { headers: { 'x-requested-with': 'XMLHttpRequest' } }, 401],
    ['who wants JSON', { headers: { accept: 'application/json' } }, 401],
    ['who posts', { method: 'POST' }, 401],
  ])('%s', async (_name, asked, status) => {
    expect((await browser().request(`${ORIGIN}/`, asked)).status).toBe(status);
    expect(origin.asked).toEqual([]);
  });

  test('is told 401 at the paths of an API', async () => {
    const own = await serve(site({ oidc: { apiPaths: [{ value: '/api' }] } }));
    expect((await browser(own).request(`${ORIGIN}/api/x`)).status).toBe(401);
    expect((await browser(own).request(`${ORIGIN}/apis`)).status).toBe(302);
    await own.close();
  });

  test.each<[string, (value: string) => string]>([
    ['changed', (value) => `${value.slice(0, -2)}${value.endsWith('A') ? 'BB' : 'AA'}`],
    ['cut', (value) => value.slice(0, 40)],
    ['empty', () => ''],
    ['made up', () => Buffer.alloc(200, 1).toString('base64url')],
  ])('a session that is %s lets nobody in', async (_name, change) => {
    const alice = browser();
    await alice.go(`${ORIGIN}/`);
    const jar = alice.jar('shop.example');
    for (const [name, value] of jar) jar.set(name, change(value));
    origin.asked.length = 0;
    expect((await alice.request(`${ORIGIN}/`)).status).toBe(302);
    expect(origin.asked).toEqual([]);
  });

  test('a cookie of a sign-in is no session', async () => {
    const mallory = browser();
    await mallory.request(`${ORIGIN}/`);
    const jar = mallory.jar('shop.example');
    const [[name, value]] = jar as unknown as [[string, string]];
    jar.set(name.replace(/-in\..*$/, ''), value);
    expect((await mallory.request(`${ORIGIN}/`)).status).toBe(302);
  });
});

describe('the way back', () => {
  /** Where the provider sends the browser: not followed yet. */
  async function atCallback(alice: Browser, path = '/'): Promise<URL> {
    const page = await alice.go(`${ORIGIN}${path}`, /oauth2\/callback/);
    return new URL(page.headers.location!);
  }

  test('is gone once only, by who went, with what was given', async () => {
    const alice = browser();
    const url = await atCallback(alice);
    expect((await browser().request(url.href)).status).toBe(400);
    const changed = new URL(url);
    changed.searchParams.set('state', 'x'.repeat(43));
    expect((await alice.request(changed.href)).status).toBe(400);
    changed.searchParams.delete('state');
    expect((await alice.request(changed.href)).status).toBe(400);
    const foreign = new URL(url);
    foreign.searchParams.set('iss', 'https://evil.example');
    expect((await alice.request(foreign.href)).status).toBe(400);
    const wrong = new URL(url);
    wrong.searchParams.set('code', 'x');
    expect((await alice.request(wrong.href)).status).toBe(503);
    expect((await alice.request(url.href)).status).toBe(302);
    expect((await alice.request(url.href)).status).toBe(400);
    expect(origin.asked).toEqual([]);
  });

  test('tells what the provider refused', async () => {
    const alice = browser();
    const url = await atCallback(alice);
    url.searchParams.delete('code');
    url.searchParams.set('error', 'access_denied');
    expect((await alice.request(url.href)).status).toBe(403);
  });

  test.each(['//evil.example/x', '/\\evil.example', `/${'a'.repeat(3_000)}`])(
    'leads to no other host: %s',
    async (path) => {
      const alice = browser();
      // The path goes as it is; what a URL makes of it is not asked.
      const socket = await rawGet(path);
      const [, cookie = ''] = /set-cookie: ([^;]+)/i.exec(socket) ?? [];
      const location = /location: (\S+)/i.exec(socket)?.[1];
      if (location === undefined) return expect(socket).toMatch(/^HTTP\/1.1 4/);
      const [name = '', value = ''] = cookie.split('=');
      alice.jar('shop.example').set(name, value);
      const page = await alice.go(location, /shop\.example\/(?!oauth2)|evil/);
      expect(page.headers.location).toMatch(/^\/(?![/\\])/);
    },
  );
});

async function rawGet(path: string): Promise<string> {
  const { connect } = await import('node:net');
  const socket = connect(rig.port(), '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: shop.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n`);
  let answer = '';
  socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
  await once(socket, 'close');
  return answer;
}

test('signing out ends the session here and at the provider', async () => {
  const alice = browser();
  await alice.go(`${ORIGIN}/`);
  const page = await alice.request(`${ORIGIN}/oauth2/logout`);
  const url = new URL(page.headers.location!);
  expect(url.origin + url.pathname).toBe(`${provider.issuer}/session/end`);
  expect(Object.fromEntries(url.searchParams)).toEqual({ client_id: 'shop', post_logout_redirect_uri: `${ORIGIN}/` });
  expect(alice.jar('shop.example').size).toBe(0);
  expect((await alice.request(`${ORIGIN}/`)).status).toBe(302);
});

/** Of a provider whose tokens hold for a second. */
async function expired(): Promise<void> {
  const at = performance.now() + 1_200;
  await expect.poll(() => performance.now() > at, { timeout: 3_000 }).toBe(true);
}

describe('a session whose tokens have expired', () => {
  test('is renewed, once for many requests, and ends where the provider says so', async () => {
    const short = await TestProvider.open([ORIGIN], {
      ttl: { AccessToken: 1, IdToken: 60, RefreshToken: 60, Session: 60, Grant: 60, Interaction: 60 },
    });
    const before = provider;
    provider = short;
    const own = await serve(site());
    try {
      const alice = browser(own);
      expect((await alice.go(`${ORIGIN}/`)).status).toBe(200);
      const renewed = async (): Promise<number> => {
        await alice.request(`${ORIGIN}/`);
        return short.count('POST /token');
      };
      await expect.poll(renewed, { timeout: 5_000 }).toBe(2);
      const tokens = short.count('POST /token');
      expect(tokens).toBe(2);
      await expired();
      const pages = await Promise.all(Array.from({ length: 8 }, () => alice.request(`${ORIGIN}/`)));
      expect(pages.map(({ status }) => status)).toEqual(Array(8).fill(200));
      expect(short.count('POST /token')).toBe(tokens + 1);
      await expired();
      short.answering = false;
      origin.asked.length = 0;
      expect((await alice.request(`${ORIGIN}/`)).status).toBe(302);
      expect(origin.asked).toEqual([]);
    } finally {
      await own.close();
      short.close();
      provider = before;
    }
  });
});

describe('where it cannot be told who asks, nobody comes in', () => {
  test('the provider is away', async () => {
    provider.answering = false;
    const own = await serve(site());
    expect((await browser(own).request(`${ORIGIN}/`)).status).toBe(503);
    expect((await browser(own).request('http://open.example/')).status).toBe(200);
    await own.close();
  });

  test('nothing listens there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    const own = await serve(site({ oidc: { issuer: `https://localhost:${port}` } }));
    expect((await browser(own).request(`${ORIGIN}/`)).status).toBe(503);
    await own.close();
  });

  test.each<[string, Site]>([
    ['no Secret', { oidc: { secretRef: { name: 'nothing' } } }],
    ['no secret for cookies', { cookieSecrets: {} }],
    ['a short one', { cookieSecrets: { 'cookie-secret': 'short' } }],
    ['no authority', { oidc: { caCertificateRef: { group: '', kind: 'ConfigMap', name: 'nothing' } } }],
  ])('%s', async (_name, broken) => {
    const own = await serve(site(broken));
    expect((await browser(own).request(`${ORIGIN}/`)).status).toBe(503);
    const told = JSON.stringify(own.report().diagnostics);
    expect(told).toContain('AuthenticationPolicy/default/sign-in');
    expect(told).not.toContain(CLIENT.secret);
    await own.close();
  });

  test('a secret of the client that is wrong', async () => {
    const own = await serve(site({ secret: 'wrong' }));
    expect((await browser(own).go(`${ORIGIN}/`)).status).toBe(503);
    expect(origin.asked).toEqual([]);
    await own.close();
  });

  test.each([
    { cookie: { name: '__Host-a', domain: 'example.com' } },
    { cookie: { sameSite: 'None', secure: false } },
    { issuer: 'http://x' },
    { callbackPath: '//x' },
  ])('%j is refused', async (oidc) => {
    const own = await serve(site({ oidc }));
    expect((await browser(own).request(`${ORIGIN}/`)).status).toBeGreaterThanOrEqual(500);
    await own.close();
  });
});
