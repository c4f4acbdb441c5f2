/** Signing out elsewhere, as a real provider tells it, and a client that proves itself by its own key. */
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { ClientMetadata, Configuration } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signedToken } from '../../src/value/client-key.ts';
import type { Rig } from '../served/rig.ts';
import { HttpAuth } from './auth-service.ts';
import { Browser, CLIENT, TestProvider } from './oidc-browser.ts';
import { ORIGIN, oidcSite, serveOidc } from './oidc-site.ts';

const PATH = '/oauth2/backchannel';
const OTHER = 'http://other.example';
const REDIRECTS = [`${ORIGIN}/oauth2/callback`, `${OTHER}/oauth2/callback`];

let origin: HttpAuth;
let provider: TestProvider;
let rig: Rig;
/** Forms that the provider has sent. */
const told: string[] = [];

function client(more: Partial<ClientMetadata>): ClientMetadata {
  return {
    client_id: CLIENT.id,
    redirect_uris: REDIRECTS,
    post_logout_redirect_uris: [`${ORIGIN}/`],
    grant_types: ['authorization_code', 'refresh_token'],
    ...more,
  };
}

/** What the provider sends to names of the gateway comes to this gateway. */
const toGateway: Configuration['fetch'] = async (url, options) => {
  const form = String((options as { body: unknown }).body);
  told.push(form);
  const answer = await post(form, new URL(String(url)).host);
  return new Response(null, { status: answer.status });
};

async function post(form: string, host = 'shop.example', more: http.RequestOptions = {}) {
  const headers = { host, 'content-type': 'application/x-www-form-urlencoded', 'content-length': form.length };
  return await new Promise<{ status: number; body: string; headers: http.IncomingHttpHeaders }>((resolve, reject) =>
    http
      .request(
        { host: '127.0.0.1', port: rig.port(), method: 'POST', path: PATH, agent: false, headers, ...more },
        (answer) =>
          resolve(text(answer).then((body) => ({ status: answer.statusCode!, body, headers: answer.headers }))),
      )
      .on('error', reject)
      .end(form),
  );
}

beforeAll(async () => {
  origin = await HttpAuth.open();
  origin.answer = (_question, response) => response.end('welcome');
  provider = await TestProvider.open([ORIGIN], {
    features: { backchannelLogout: { enabled: true } },
    clients: [
      client({
        client_secret: CLIENT.secret,
        backchannel_logout_uri: `${ORIGIN}${PATH}`,
        backchannel_logout_session_required: true,
      }),
    ],
    fetch: toGateway,
  });
  const method = { backchannelLogoutPath: PATH };
  rig = await serveOidc(oidcSite(provider, { routes: { shop: method, other: method } }), origin);
});
afterAll(async () => {
  await rig.close();
  await origin.close();
  provider.close();
});

const browser = (): Browser => new Browser(rig.port(), provider.authority.certificate);

async function signedIn(at = ORIGIN): Promise<Browser> {
  const one = browser();
  expect(await one.go(`${at}/`)).toMatchObject({ status: 200, body: 'welcome' });
  return one;
}

async function status(one: Browser, at = ORIGIN): Promise<number> {
  return (await one.request(`${at}/`)).status;
}

describe('whoever signs out at the provider', () => {
  test('is out here, on all routes of the client, and others are not; who signs in again is in', async () => {
    const [alice, bob] = [await signedIn(), await signedIn()];
    // The same browser is known at another route of the client.
    expect(await alice.go(`${OTHER}/`)).toMatchObject({ status: 200 });
    told.length = 0;
    await alice.signOutAt(provider.issuer);
    await expect.poll(() => told.length, { timeout: 5_000 }).toBe(1);
    await expect.poll(() => status(alice)).toBe(302);
    expect(await status(alice, OTHER)).toBe(302);
    expect(await status(bob)).toBe(200);
    expect((await alice.go(`${ORIGIN}/`)).status).toBe(200);
    expect(await status(alice)).toBe(200);
    // What was told once is told no second time.
    expect((await post(told[0]!)).status).toBe(400);
    expect(await status(alice)).toBe(200);
  });
});

test('with a refreshInterval the provider is asked again, though its tokens hold longer', async () => {
  const served = await serveOidc(oidcSite(provider, { routes: { shop: { refreshInterval: '500ms' } } }), origin);
  const alice = new Browser(served.port(), provider.authority.certificate);
  expect((await alice.go(`${ORIGIN}/`)).status).toBe(200);
  const before = provider.count('POST /token');
  await expect
    .poll(async () => [await status(alice), provider.count('POST /token') > before], { timeout: 5_000 })
    .toEqual([200, true]);
  // Whoever has no grant there any more is out within that time, at every replica.
  provider.answering = false;
  await expect.poll(() => status(alice), { timeout: 5_000 }).toBe(302);
  provider.answering = true;
  await served.close();
});

describe('what is no such word of the provider', () => {
  const FORGED = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });
  const now = (): number => Math.floor(Date.now() / 1000);
  const claims = (): Record<string, unknown> => ({
    iss: provider.issuer,
    aud: CLIENT.id,
    iat: now(),
    exp: now() + 60,
    jti: 'x',
    sub: 'alice',
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  });

  test.each<[string, () => string]>([
    ['signed by somebody else', () => signedToken(String(FORGED), claims())],
    [
      'not signed',
      () =>
        `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims())).toString('base64url')}.`,
    ],
    ['none at all', () => 'nonsense'],
    ['empty', () => ''],
  ])('a token that is %s', async (_name, made) => {
    const alice = await signedIn();
    expect((await post(`logout_token=${encodeURIComponent(made())}`)).status).toBe(400);
    expect(await status(alice)).toBe(200);
  });

  test('a token of a sign-in', async () => {
    const seen: string[] = [];
    const alice = await signedIn();
    for (const form of told) seen.push(form);
    expect((await post('other=1')).status).toBe(400);
    expect((await post(`logout_token=${'a'.repeat(30_000)}`)).status).toBe(400);
    expect((await post('', 'shop.example', { method: 'GET' })).status).toBe(405);
    expect(await status(alice)).toBe(200);
    expect(origin.asked.every(({ url }) => url !== PATH)).toBe(true);
  });
});

describe('a client with a key of its own', () => {
  test.each([
    ['ec', { namedCurve: 'P-256' }, 'ES256'],
    ['ec', { namedCurve: 'P-384' }, 'ES384'],
    ['rsa', { modulusLength: 2048 }, 'RS256'],
    ['ed25519', {}, 'EdDSA'],
  ] as const)('%s %j signs in by %s', async (type, options, alg) => {
    const { publicKey, privateKey } = generateKeyPairSync(type as 'ec', options as { namedCurve: string });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'mine', use: 'sig', alg } as never;
    const own = await TestProvider.open([ORIGIN], {
      clients: [
        client({
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: alg,
          jwks: { keys: [jwk] },
        }),
      ],
      enabledJWA: { clientAuthSigningAlgValues: ['ES256', 'ES384', 'RS256', 'EdDSA'] as never },
    });
    const secret = {
      'client-key': String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
      'client-key-id': 'mine',
    };
    const served = await serveOidc(oidcSite(own, { routes: { shop: {} }, secret }), origin);
    const alice = new Browser(served.port(), own.authority.certificate);
    expect(await alice.go(`${ORIGIN}/`)).toMatchObject({ status: 200, body: 'welcome' });
    await served.close();
    own.close();
  });

  test.each<[string, Record<string, string>]>([
    ['no key', { 'client-key': 'nonsense' }],
    [
      'a key that is too short',
      {
        'client-key': String(
          generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
        ),
      },
    ],
    [
      'a key that does not sign',
      { 'client-key': String(generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' })) },
    ],
    [
      'a key beside a secret',
      {
        'client-secret': 'x',
        'client-key': String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })),
      },
    ],
  ])('%s lets nobody in, and is told without what it holds', async (_name, secret) => {
    const served = await serveOidc(oidcSite(provider, { routes: { shop: {} }, secret }), origin);
    const one = new Browser(served.port(), provider.authority.certificate);
    expect((await one.request(`${ORIGIN}/`)).status).toBe(503);
    const report = JSON.stringify(served.report());
    expect(report).toContain('client-key');
    expect(report).not.toContain('PRIVATE KEY');
    await served.close();
  });
});
