/** Tokens by which a provider says who has signed out, all signed with its own key: which are believed, and what they end. */
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signedToken } from '../../src/value/client-key.ts';
import type { Rig } from '../served/rig.ts';
import { HttpAuth } from './auth-service.ts';
import { Browser, CLIENT, TestProvider } from './oidc-browser.ts';
import { ORIGIN, oidcSite, serveOidc } from './oidc-site.ts';

const PATH = '/oauth2/backchannel';
const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} };
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));

let origin: HttpAuth;
let provider: TestProvider;
let rig: Rig;
let tokens = 0;

beforeAll(async () => {
  origin = await HttpAuth.open();
  origin.answer = (_question, response) => response.end('welcome');
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: 'own', use: 'sig', alg: 'RS256' };
  provider = await TestProvider.open([ORIGIN], { jwks: { keys: [jwk] } as never });
  rig = await serveOidc(oidcSite(provider, { routes: { shop: { backchannelLogoutPath: PATH } } }), origin);
});
afterAll(async () => {
  await rig.close();
  await origin.close();
  provider.close();
});

async function signedIn(): Promise<Browser> {
  const one = new Browser(rig.port(), provider.authority.certificate);
  expect(await one.go(`${ORIGIN}/`)).toMatchObject({ status: 200, body: 'welcome' });
  return one;
}

const status = async (one: Browser): Promise<number> => (await one.request(`${ORIGIN}/`)).status;

/** Whose the session of a browser is. */
function subjectOf(): string {
  return String(rig.accesses.findLast(({ user }) => user !== '')!.user);
}

function tokenOf(more: Record<string, unknown>): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: provider.issuer,
    aud: CLIENT.id,
    iat: now,
    exp: now + 60,
    jti: `jti-${++tokens}`,
    events: EVENTS,
  };
  return signedToken(PEM, JSON.parse(JSON.stringify({ ...claims, ...more })), 'own');
}

async function tell(token: string, form = `logout_token=${encodeURIComponent(token)}`): Promise<number> {
  const headers = { host: 'shop.example', 'content-type': 'application/x-www-form-urlencoded' };
  const to = { host: '127.0.0.1', port: rig.port(), method: 'POST', path: PATH, agent: false, headers };
  return await new Promise((resolve, reject) =>
    http
      .request(to, (answer) => answer.resume().on('end', () => resolve(answer.statusCode!)))
      .on('error', reject)
      .end(form),
  );
}

test.each<[string, Record<string, unknown>]>([
  ['of another issuer', { iss: 'https://other.example' }],
  ['for another client', { aud: 'other' }],
  ['for nobody', { aud: undefined }],
  ['of a sign-in', { nonce: 'n' }],
  ['with an empty nonce', { nonce: '' }],
  ['about nothing', { events: undefined }],
  ['about something else', { events: { 'http://schemas.openid.net/event/other': {} } }],
  ['about what is no object', { events: { 'http://schemas.openid.net/event/backchannel-logout': 'x' } }],
  ['without a name', { jti: undefined }],
  ['whose name is no text', { jti: 7 }],
  ['that has expired', { exp: 1_000_000_000 }],
  ['that is not yet', { iat: 4_000_000_000 }],
  ['without any time', { exp: undefined, iat: undefined }],
  ['about nobody', { sub: undefined }],
  ['about what is no text', { sub: { id: 'x' } }],
])('one %s ends nothing', async (_what, more) => {
  const one = await signedIn();
  expect(await tell(tokenOf({ sub: subjectOf(), ...more }))).toBe(400);
  expect(await status(one)).toBe(200);
});

test('one that stands in the query, or as JSON, ends nothing', async () => {
  const one = await signedIn();
  const token = tokenOf({ sub: subjectOf() });
  expect(await tell('', `{"logout_token":"${token}"}`)).toBe(400);
  expect(await tell('', '')).toBe(400);
  expect(await status(one)).toBe(200);
});

test('one that names a session and whose it is ends a session of his that has no name', async () => {
  const one = await signedIn();
  const sub = subjectOf();
  for (const about of [{ sid: 'of-some-name', sub: `${sub}-other` }, { sid: 'of-another-name' }]) {
    expect(await tell(tokenOf(about))).toBe(200);
    expect(await status(one)).toBe(200);
  }
  expect(await tell(tokenOf({ sid: 'of-a-third-name', sub }))).toBe(200);
  expect(await status(one)).toBe(302);
  expect((await one.go(`${ORIGIN}/`)).status).toBe(200);
});
