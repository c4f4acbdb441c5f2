/** Signing in with cookies and addresses that somebody else chose. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MAX_SIGN_INS } from '../../src/proxy/filter/authentication/oidc/sign-in-cookies.ts';
import type { Rig } from '../served/rig.ts';
import { HttpAuth } from './auth-service.ts';
import { Browser, CLIENT, type Page, TestProvider } from './oidc-browser.ts';
import { ORIGIN, oidcSite, serveOidc } from './oidc-site.ts';

const OTHER = 'http://other.example';
const SHORT = 'http://short.example';

let origin: HttpAuth;
let provider: TestProvider;
let rig: Rig;
beforeAll(async () => {
  origin = await HttpAuth.open();
  origin.answer = (_question, response) => response.end('welcome');
  const ours = { grant_types: ['authorization_code', 'refresh_token'], post_logout_redirect_uris: [] };
  const redirects = [ORIGIN, OTHER, SHORT].map((one) => `${one}/oauth2/callback`);
  provider = await TestProvider.open([], {
    clients: [
      { ...ours, client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: redirects },
      { ...ours, client_id: 'other', client_secret: CLIENT.secret, redirect_uris: redirects },
    ],
  });
  const routes = {
    shop: { cookie: { name: 'sid', secure: false } },
    // Another client at the same provider, with the same Secret and the same name of cookie.
    other: { clientId: 'other', cookie: { name: 'sid', secure: false } },
    // The same client, whose sessions live shorter.
    short: { sessionLifetime: '1s', cookie: { name: 'sid', secure: false } },
  };
  rig = await serveOidc(oidcSite(provider, { routes }), origin);
});
afterAll(async () => {
  await rig.close();
  await origin.close();
  provider.close();
});
beforeEach(() => {
  origin.asked.length = 0;
});

const browser = (): Browser => new Browser(rig.port(), provider.authority.certificate);

async function signedIn(at = ORIGIN): Promise<{ who: Browser; session: string }> {
  const who = browser();
  expect((await who.go(`${at}/`)).status).toBe(200);
  origin.asked.length = 0;
  return { who, session: who.jar(new URL(at).host).get('sid')! };
}

const withCookie = (cookie: string, at = ORIGIN): Promise<Page> => browser().request(`${at}/`, { headers: { cookie } });

/** Name and value of the cookie of the only sign-in that a browser has begun. */
function signInOf(who: Browser): [name: string, value: string] {
  const all = Array.from(who.jar('shop.example')).filter(([name]) => name.startsWith('sid-in.'));
  expect(all).toHaveLength(1);
  return all[0]!;
}

async function atCallback(who: Browser): Promise<string> {
  return (await who.go(`${ORIGIN}/`, /oauth2\/callback/)).headers.location!;
}

describe('a session', () => {
  test('that a page of a sibling host set beside the own one is taken for none', async () => {
    const [alice, mallory] = [await signedIn(), await signedIn()];
    for (const cookie of [
      `sid=${mallory.session}; sid=${alice.session}`,
      `sid=${alice.session}; sid=${mallory.session}`,
      `sid=${alice.session};sid=`,
      `a=1; sid=${alice.session}; sid=${alice.session}`,
    ]) {
      expect((await withCookie(cookie)).status).toBe(302);
    }
    expect(origin.asked).toEqual([]);
    expect((await withCookie(`sid=${alice.session}; sidecar=1`)).status).toBe(200);
  });

  test('of one client is none at another, whatever the cookie is called', async () => {
    const { session } = await signedIn();
    expect((await withCookie(`sid=${session}`, OTHER)).status).toBe(302);
    expect(origin.asked).toEqual([]);
  });

  test('lives no longer than the policy says that it is brought to', async () => {
    const { session } = await signedIn();
    await expect.poll(async () => (await withCookie(`sid=${session}`, SHORT)).status, { timeout: 3_000 }).toBe(302);
    expect((await withCookie(`sid=${session}`)).status).toBe(200);
  });

  test('is taken out of what the backend gets, and cookies that are only called alike are not', async () => {
    const { session } = await signedIn();
    const cookie = `sid2=a; sid=${session}; sid.1=b; sid-in.abcdefgh=c; sid-in.abcdefgh.1=d; sidecar=e; sid-input=f`;
    // Parts that were not written together open nothing.
    expect((await withCookie(cookie)).status).toBe(302);
    expect((await withCookie(cookie.replace('sid.1=b; ', ''))).status).toBe(200);
    expect(origin.last.headers.cookie).toBe('sid2=a; sidecar=e; sid-input=f');
  });
});

describe('the way back', () => {
  test('is closed to whoever did not go, so that nobody is signed in as somebody else', async () => {
    const mallory = browser();
    const url = await atCallback(mallory);
    const victim = browser();
    expect((await victim.request(url)).status).toBe(400);
    // Also where he is on his way himself.
    await victim.request(`${ORIGIN}/`);
    expect((await victim.request(url)).status).toBe(400);
    expect(victim.jar('shop.example').has('sid')).toBe(false);
  });

  test('is closed where a page of a sibling host set a second cookie of a sign-in', async () => {
    const mallory = browser();
    const url = await atCallback(mallory);
    const [alice] = [browser()];
    await alice.request(`${ORIGIN}/`);
    const [, own] = signInOf(alice);
    const [name, tossed] = signInOf(mallory);
    for (const cookie of [`${name}=${tossed}; ${name}=${own}`, `${name}=${own}; ${name}=${tossed}`]) {
      expect((await browser().request(url, { headers: { cookie } })).status).toBe(400);
    }
  });

  test('of one client is none of another', async () => {
    const alice = browser();
    const url = (await atCallback(alice)).replace('shop.example', 'other.example');
    const cookie = signInOf(alice).join('=');
    expect((await browser().request(url, { headers: { cookie } })).status).toBe(400);
  });

  test('with a state of any length, or several, is none', async () => {
    const alice = browser();
    const url = new URL(await atCallback(alice));
    const state = url.searchParams.get('state')!;
    for (const other of ['', 'x'.repeat(6_000), `${state}x`, `${state}%00`, state.toLowerCase()]) {
      url.searchParams.set('state', other);
      expect((await alice.request(url.href)).status).toBe(400);
    }
    const cookie = `${signInOf(alice)[0]}=${'A'.repeat(20_000)}`;
    url.searchParams.set('state', state);
    expect((await browser().request(url.href, { headers: { cookie } })).status).toBe(400);
  });

  test.each([
    '/%5cevil.example',
    '/.//evil.example',
    '/%2f%2fevil.example',
    '/https:evil.example',
    '/?rd=https://evil.example',
    '/@evil.example',
  ])('leads to this host: %s', async (path) => {
    const alice = browser();
    const page = await alice.request(`${ORIGIN}${path}`);
    if (page.status >= 400) return;
    const back = await alice.go(page.headers.location!, /shop\.example\/(?!oauth2)|evil\.example\/?$/);
    const target = back.headers.location ?? '/';
    expect(new URL(target, ORIGIN).host).toBe('shop.example');
    expect(target).toMatch(/^\/(?![/\\])/);
  });
});

describe('several tabs that sign in at once', () => {
  test('each come back to where they wanted to go, in whatever order, and each way back is gone once', async () => {
    const alice = browser();
    const urls = [];
    for (const path of ['/one', '/two', '/three']) {
      urls.push((await alice.go(`${ORIGIN}${path}`, /oauth2\/callback/)).headers.location!);
      alice.jar('shop.example').delete('sid');
    }
    for (const [at, path] of [
      [1, '/two'],
      [2, '/three'],
      [0, '/one'],
    ] as const) {
      expect((await alice.request(urls[at]!)).headers.location).toBe(path);
      expect((await alice.request(urls[at]!)).status).toBe(400);
      expect((await alice.request(`${ORIGIN}/`)).status).toBe(200);
    }
    expect([...alice.jar('shop.example').keys()]).toEqual(['sid']);
  });

  test('more than a few have the oldest forgotten, so that heads do not grow', async () => {
    const alice = browser();
    const first = await atCallback(alice);
    const [oldest] = signInOf(alice);
    for (let tab = 0; tab < 20; tab++) await alice.request(`${ORIGIN}/`);
    const last = await atCallback(alice);
    const names = [...alice.jar('shop.example').keys()];
    expect(names).toHaveLength(MAX_SIGN_INS);
    expect(names).not.toContain(oldest);
    expect((await alice.request(first)).status).toBe(400);
    expect((await alice.request(last)).status).toBe(302);
  });
});

describe('a session of several cookies', () => {
  const words = (seed: string): string[] =>
    Array.from({ length: 200 }, (_, n) => createHash('sha256').update(`${seed} ${n}`).digest('base64url'));

  async function large(seed: string): Promise<string[]> {
    provider.claims = { email: `${seed}@example.com`, groups: words(seed) };
    const { who } = await signedIn();
    provider.claims = { email: 'alice@example.com' };
    const jar = who.jar('shop.example');
    const names = Array.from({ length: jar.size }, (_, part) => (part === 0 ? 'sid' : `sid.${part}`));
    expect(names.length).toBeGreaterThan(2);
    return names.map((name) => jar.get(name)!);
  }
  const line = (parts: Array<string | undefined>): string =>
    parts.flatMap((part, n) => (part === undefined ? [] : [`${n === 0 ? 'sid' : `sid.${n}`}=${part}`])).join('; ');

  test.each<[string, (own: string[], other: string[]) => string]>([
    ['the first is missing', ([, ...rest]) => line([undefined, ...rest])],
    ['the last is missing', (own) => line(own.slice(0, -1))],
    ['one within is missing', (own) => line(own.map((part, n) => (n === 1 ? undefined : part)))],
    ['they are swapped', ([a, b, ...rest]) => line([b, a, ...rest])],
    ['one is there twice', (own) => `${line(own)}; sid.1=${own[1]}`],
    ['one stands in the place of another', ([a, , ...rest]) => line([a, a, ...rest])],
    ['one is of another session', ([a, ...rest], other) => line([other[0], ...rest.map((part) => part ?? a)])],
    ['the last is of another session', (own, other) => line([...own.slice(0, -1), other.at(-1)])],
    ['one more is there', (own) => line([...own, own.at(-1)])],
    ['there are more than ever', (own) => line([...own, ...Array(20).fill('x')])],
    ['one is empty', ([a, , ...rest]) => line([a, '', ...rest])],
  ])('opens nothing where %s', async (_, change) => {
    const [own, other] = [await large('alice'), await large('mallory')];
    origin.asked.length = 0;
    expect((await withCookie(line(own))).status).toBe(200);
    expect((await withCookie(line(own), OTHER)).status).toBe(302);
    expect((await withCookie(change(own, other))).status).toBe(302);
    expect(origin.asked.map(({ headers }) => headers.cookie)).toEqual([undefined]);
  });
});
