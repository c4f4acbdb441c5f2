/** Tokens of a provider that says what it should not, all signed with its own key unless it says otherwise. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { signedToken } from '../../src/value/client-key.ts';
import type { Rig } from '../served/rig.ts';
import { Authority } from '../tls/authority.ts';
import { HttpAuth } from './auth-service.ts';
import { Browser, CLIENT } from './oidc-browser.ts';
import { ORIGIN, oidcSite, serveOidc } from './oidc-site.ts';

type Claims = Record<string, unknown>;

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
const LOGOUT = '/oauth2/backchannel';

/** Lets everybody in as alice. */
class FrankProvider {
  readonly authority: Authority;
  readonly #server: https.Server;
  /** What the next token says; null: there is none. */
  token: (claims: Claims, grant: string | null) => string | null = (claims) => signedToken(PEM, claims, 'own');
  #nonce: string | null = null;

  private constructor(authority: Authority, server: https.Server) {
    this.authority = authority;
    this.#server = server;
  }

  static async open(): Promise<FrankProvider> {
    const authority = await Authority.make('frank');
    const pair = await authority.sign({ name: 'localhost', dns: ['localhost'] });
    const server = https.createServer({ cert: pair.certificate, key: pair.privateKey });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const made = new FrankProvider(authority, server);
    server.on('request', (request, response) => {
      void text(request).then((body) => {
        const url = new URL(request.url!, made.issuer);
        if (url.pathname !== '/auth') return response.end(JSON.stringify(made.#says(url.pathname, body)));
        made.#nonce = url.searchParams.get('nonce');
        const back = new URL(url.searchParams.get('redirect_uri')!);
        back.search = String(new URLSearchParams({ code: 'c', state: url.searchParams.get('state')! }));
        return response.writeHead(302, { location: back.href }).end();
      });
    });
    return made;
  }

  get issuer(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  #says(path: string, form: string): object {
    const { issuer } = this;
    if (path === '/keys') return { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'own', use: 'sig' }] };
    if (path !== '/token') {
      const at = (name: string): string => `${issuer}/${name}`;
      return { issuer, authorization_endpoint: at('auth'), token_endpoint: at('token'), jwks_uri: at('keys') };
    }
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, aud: CLIENT.id, sub: 'alice', iat: now, exp: now + 600, nonce: this.#nonce };
    const token = this.token(claims, new URLSearchParams(form).get('grant_type'));
    const id = token === null ? {} : { id_token: token };
    return { access_token: 'a', token_type: 'Bearer', expires_in: 600, refresh_token: 'r', ...id };
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

let origin: HttpAuth;
let provider: FrankProvider;
let rig: Rig;
const honest = (claims: Claims): string => signedToken(PEM, claims, 'own');

beforeAll(async () => {
  origin = await HttpAuth.open();
  origin.answer = (_question, response) => response.end('welcome');
  provider = await FrankProvider.open();
  const method = { backchannelLogoutPath: LOGOUT, refreshInterval: '200ms', cookie: { name: 'sid', secure: false } };
  rig = await serveOidc(oidcSite(provider, { routes: { shop: method } }), origin);
});
afterAll(async () => {
  await rig.close();
  await origin.close();
  provider.close();
});
beforeEach(() => {
  provider.token = honest;
  origin.asked.length = 0;
});

const browser = (): Browser => new Browser(rig.port(), provider.authority.certificate);

test('who is let in as it should be is in', async () => {
  expect(await browser().go(`${ORIGIN}/`)).toMatchObject({ status: 200, body: 'welcome' });
  expect(origin.last.headers['x-user']).toBe('alice');
});

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

test.each<[string, (claims: Claims) => string | null]>([
  ['no token', () => null],
  ['of another issuer', (claims) => honest({ ...claims, iss: 'https://other.example' })],
  ['for another client', (claims) => honest({ ...claims, aud: 'other' })],
  ['for several, and nobody of them', (claims) => honest({ ...claims, aud: [CLIENT.id, 'other'] })],
  ['for several, and another of them', (claims) => honest({ ...claims, aud: [CLIENT.id, 'other'], azp: 'other' })],
  ['of another sign-in', (claims) => honest({ ...claims, nonce: 'other' })],
  ['of no sign-in', ({ nonce: _nonce, ...claims }) => honest(claims)],
  ['that has expired', (claims) => honest({ ...claims, exp: 1_000_000_000 })],
  ['about nobody', ({ sub: _sub, ...claims }) => honest(claims)],
  ['about what is no text', (claims) => honest({ ...claims, sub: ['alice'] })],
  ['that is not signed', (claims) => `${part({ alg: 'none' })}.${part(claims)}.`],
  [
    'that is signed with what the client knows, too',
    (claims) => {
      const signed = `${part({ alg: 'HS256' })}.${part(claims)}`;
      return `${signed}.${createHmac('sha256', CLIENT.secret).update(signed).digest('base64url')}`;
    },
  ],
  ['with letters behind it', (claims) => `${honest(claims)}!`],
])('nobody is in by one %s', async (_what, token) => {
  provider.token = token;
  expect((await browser().go(`${ORIGIN}/`)).status).toBe(503);
  expect(origin.asked).toEqual([]);
});

test('a session keeps its name, whatever the provider says when it is asked again', async () => {
  provider.token = (claims, grant) => honest(grant === 'refresh_token' ? claims : { ...claims, sid: 'named' });
  const alice = browser();
  expect((await alice.go(`${ORIGIN}/`)).status).toBe(200);
  const first = alice.jar('shop.example').get('sid');
  // Until it was asked.
  await expect
    .poll(async () => [(await alice.request(`${ORIGIN}/`)).status, alice.jar('shop.example').get('sid') !== first])
    .toEqual([200, true]);
  const now = Math.floor(Date.now() / 1000);
  const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  const token = honest({
    iss: provider.issuer,
    aud: CLIENT.id,
    iat: now,
    exp: now + 60,
    jti: 'j',
    sid: 'named',
    events,
  });
  const form = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  const told = await browser().request(`${ORIGIN}${LOGOUT}`, { ...form, body: `logout_token=${token}` });
  expect(told.status).toBe(200);
  expect((await alice.request(`${ORIGIN}/`)).status).toBe(302);
});
