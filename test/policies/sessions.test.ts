/** Sessions that keep their endpoint: by the policy of a backend, and by a rule. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { h2Pod, type Pod, pod, slice } from './pods.ts';
import { backendTraffic } from './policy.ts';

let rig: Rig;
let pods: Pod[];
let h2Pods: Pod[];

beforeAll(async () => {
  pods = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => pod(name)));
  h2Pods = await Promise.all(['x', 'y', 'z'].map((name) => h2Pod(name)));
  written = site({});
  rig = await serveManifests(written);
});
afterAll(async () => {
  await rig.close();
  await Promise.all([...pods, ...h2Pods].map((one) => one.close()));
});

/** Service s with the first three pods, unless others are given. */
function site(session: object | undefined, ...slices: object[]): string {
  const policy = session === undefined ? [] : [backendTraffic('s', { sessionPersistence: session })];
  const all = slices.length > 0 ? slices : pods.slice(0, 3).map((one) => slice('s', one));
  return manifests([HTTP], httpRoute('r', [backendRefs('s')]), service('s'), ...all, ...policy);
}

let written = '';

/** What is there already changes nothing, and nothing tells of it. */
async function put(text: string): Promise<void> {
  if (text !== written) await rig.write(text);
  written = text;
}

interface Answer {
  status: number;
  body: string;
  cookies: string[];
  headers: Map<string, string>;
}

async function ask(headers: Record<string, string> = {}, { path = '/', on = rig } = {}): Promise<Answer> {
  const client = await rawClient(on.port());
  const lines = Object.entries({ host: 'a.example', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const [response] = await client.ask(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  client.close();
  const { status, body } = response!;
  const cookie = response!.headers.get('set-cookie');
  return { status, body: String(body), cookies: cookie === undefined ? [] : [cookie], headers: response!.headers };
}

/** What the client sends back of a Set-Cookie. */
function pairOf({ cookies }: Answer): string {
  return cookies[0]!.split(';')[0]!;
}

async function answeredBy(cookie: string, times = 6): Promise<string> {
  const seen = new Set<string>();
  for (let i = 0; i < times; i++) seen.add((await ask({ cookie })).body);
  return [...seen].join('');
}

describe('a cookie', () => {
  beforeEach(() => put(site({ cookie: { name: 'sid' } })));

  test('keeps its endpoint, and is not written again', async () => {
    const first = await ask();
    expect(first.cookies).toEqual([expect.stringMatching(/^sid=[\w-]{12}; Path=\/; HttpOnly$/)]);
    for (let i = 0; i < 6; i++)
      expect(await ask({ cookie: pairOf(first) })).toMatchObject({ body: first.body, cookies: [] });
    expect((await ask({ cookie: `other=1; ${pairOf(first)}; z=2` })).body).toBe(first.body);
  });

  test('names no address', async () => {
    const { cookies } = await ask();
    const token = /sid=([^;]+)/.exec(cookies[0]!)![1]!;
    const said = [
      token,
      Buffer.from(token, 'base64url').toString('latin1'),
      Buffer.from(token, 'base64url').toString('hex'),
    ];
    for (const { port } of pods) for (const text of said) expect(text).not.toContain(String(port));
  });

  test('keeps it on another replica, and while endpoints come', async () => {
    const first = await ask();
    const other = await serveManifests(
      site({ cookie: { name: 'sid' } }, ...pods.toReversed().map((one) => slice('s', one))),
    );
    for (let i = 0; i < 4; i++) expect((await ask({ cookie: pairOf(first) }, { on: other })).body).toBe(first.body);
    await other.close();
    await put(site({ cookie: { name: 'sid' } }, ...pods.map((one) => slice('s', one))));
    expect(await answeredBy(pairOf(first))).toBe(first.body);
  });

  test('stays with an endpoint that drains, and moves when it is gone', async () => {
    const first = await ask();
    const own = pods.find(({ name }) => name === first.body)!;
    const others = pods.filter((one) => one !== own);
    await put(
      site({ cookie: { name: 'sid' } }, slice('s', own, { draining: true }), ...others.map((one) => slice('s', one))),
    );
    expect(await answeredBy(pairOf(first))).toBe(first.body);
    await put(site({ cookie: { name: 'sid' } }, ...others.map((one) => slice('s', one))));
    const moved = await ask({ cookie: pairOf(first) });
    expect(moved.body).not.toBe(first.body);
    expect(moved.cookies).toHaveLength(1);
    expect(await answeredBy(pairOf(moved))).toBe(moved.body);
  });

  test.each(['nonsense', '1.2.3.4|abc', '', '../../etc', 'A'.repeat(5_000), '"; Domain=evil', '~~~', '%00'])(
    'that was made up is as none: %s',
    async (value) => {
      const answer = await ask({ cookie: `sid=${value}` });
      expect(answer).toMatchObject({
        status: 200,
        cookies: [expect.stringMatching(/^sid=[\w-]{12}; Path=\/; HttpOnly$/)],
      });
    },
  );

  test('is written nowhere else, and no more when its policy goes', async () => {
    await put(site(undefined));
    expect((await ask()).cookies).toEqual([]);
  });
});

describe('the attributes', () => {
  const IPHONE =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 12_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1';
  const MAC =
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Safari/605.1.15';
  const NONE = { sameSite: 'None', conditionalSameSiteNone: true };
  const date = '\\w{3}, \\d\\d \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT';

  test.each<[object, string, Record<string, string>?]>([
    [{}, 'Path=/; HttpOnly'],
    [{ path: '/app' }, 'Path=/app; HttpOnly'],
    [{ domain: 'example.com', secure: 'Always' }, 'Domain=example.com; Path=/; Secure; HttpOnly'],
    [{ maxAgeSeconds: 60, expiresSeconds: 60 }, `Expires=${date}; Max-Age=60; Path=/; HttpOnly`],
    [{ maxAgeSeconds: -1 }, 'Max-Age=-1; Path=/; HttpOnly'],
    [{ sameSite: 'Lax' }, 'Path=/; HttpOnly; SameSite=Lax'],
    [NONE, 'Path=/; HttpOnly; SameSite=None'],
    [NONE, 'Path=/; HttpOnly', { 'user-agent': IPHONE }],
    [NONE, 'Path=/; HttpOnly', { 'user-agent': MAC }],
    [{ sameSite: 'None' }, 'Path=/; HttpOnly; SameSite=None', { 'user-agent': MAC }],
  ])('%j: %s', async (cookie, attributes, headers = {}) => {
    await put(site({ cookie: { name: 'sid', ...cookie } }));
    expect((await ask(headers)).cookies).toEqual([
      expect.stringMatching(new RegExp(`^sid=[\\w-]{12}; ${attributes}$`)),
    ]);
  });

  test('have the path that the rule matches, where the policy says so', async () => {
    const rules = [
      { matches: [{ path: { type: 'PathPrefix', value: '/shop' } }], ...backendRefs('s') },
      { matches: [{ path: { type: 'RegularExpression', value: '/re.*' } }], ...backendRefs('s') },
      backendRefs('s'),
    ];
    const policy = backendTraffic('s', { sessionPersistence: { cookie: { name: 'sid', pathFromMatch: true } } });
    await put(manifests([HTTP], httpRoute('r', rules), service('s'), slice('s', pods[0]!), policy));
    for (const [path, told] of [
      ['/shop/x', '/shop'],
      ['/', '/'],
      ['/re;x', '/'],
    ] as const)
      expect((await ask({}, { path })).cookies[0]).toContain(`; Path=${told};`);
  });

  test('without a name the cookie has one of its own, which stays', async () => {
    await put(site({}));
    const [first, second] = [await ask(), await ask()];
    expect(pairOf(first)).toMatch(/^daemun-session-[0-9a-f]{8}=/);
    expect(pairOf(first).split('=')[0]).toBe(pairOf(second).split('=')[0]);
  });
});

describe('when the endpoint of a session fails', () => {
  const retry = { attempts: 2, codes: [503] };
  const failing = (changeOnFailure: boolean): string =>
    manifests(
      [HTTP],
      httpRoute('r', [{ ...backendRefs('s'), retry }]),
      service('s'),
      ...pods.slice(0, 2).map((one) => slice('s', one)),
      backendTraffic('s', { sessionPersistence: { cookie: { name: 'sid' }, changeOnFailure } }),
    );

  test('the request goes elsewhere, and the session comes back', async () => {
    await put(failing(false));
    const first = await ask();
    const cookie = pairOf(first);
    const other = await ask({ cookie, 'x-fail': `${first.body}=503` });
    expect(other).toMatchObject({ status: 200, cookies: [] });
    expect(other.body).not.toBe(first.body);
    expect((await ask({ cookie })).body).toBe(first.body);
  });

  test('the session stays elsewhere, where the policy says so', async () => {
    await put(failing(true));
    const first = await ask();
    const other = await ask({ cookie: pairOf(first), 'x-fail': `${first.body}=503` });
    expect(other.body).not.toBe(first.body);
    expect(await answeredBy(pairOf(other))).toBe(other.body);
  });
});

describe('times', () => {
  const now = (): number => Math.floor(Date.now() / 1000);
  const timed = (cookie: string, began: number, seen: number): string =>
    `${cookie.split('~')[0]}~${began.toString(36)}~${seen.toString(36)}`;

  test('end a session that is old, or idle, or of the future, and no other', async () => {
    await put(site({ absoluteTimeout: '1h', idleTimeout: '10m', cookie: { name: 'sid' } }));
    const cookie = pairOf(await ask());
    const t = now();
    const renewed = async (pair: string): Promise<string | undefined> => (await ask({ cookie: pair })).cookies[0];
    expect(cookie).toMatch(/^sid=[\w-]{12}~\w+~\w+$/);
    expect(await renewed(cookie)).toBeUndefined();
    expect(await renewed(timed(cookie, t - 3_590, t - 5))).toBeUndefined();
    for (const [began, seen] of [
      [t - 3_600, t],
      [t - 700, t - 600],
      [t + 300, t + 300],
      [t, t - 5],
    ] as const) {
      const [, first, last] = (await renewed(timed(cookie, began, seen)))!.split(';')[0]!.split('~');
      expect([first, last].map((one) => Math.abs(Number.parseInt(one!, 36) - t) <= 5)).toEqual([true, true]);
    }
    expect(await renewed(cookie.split('~')[0]!)).toBeDefined();
  });

  test('of an idle session are written anew, and its beginning stays', async () => {
    await put(site({ absoluteTimeout: '1h', idleTimeout: '10m', cookie: { name: 'sid' } }));
    const first = await ask();
    const began = now() - 200;
    const again = await ask({ cookie: timed(pairOf(first), began, now() - 100) });
    expect(again.body).toBe(first.body);
    expect(pairOf(again)).toContain(`~${began.toString(36)}~`);
  });

  test('of a permanent cookie are its Max-Age', async () => {
    await put(site({ absoluteTimeout: '1h', cookie: { name: 'sid', lifetimeType: 'Permanent' } }));
    expect((await ask()).cookies[0]).toContain('; Max-Age=3600; Path=/; HttpOnly');
  });
});

test('Balanced: a key of the session alone, which also text that was made up is', async () => {
  await put(site({ mode: 'Balanced', cookie: { name: 'sid' } }));
  const all = await Promise.all(Array.from({ length: 30 }, () => ask()));
  expect(new Set(all.map(({ body }) => body)).size).toBe(3);
  expect(new Set(all.map(pairOf)).size).toBe(30);
  for (const one of all.slice(0, 5)) {
    expect(one.cookies[0]).toMatch(/^sid=[\w-]+\|[\w-]{12}; Path=\/; HttpOnly$/);
    expect(await answeredBy(pairOf(one), 3)).toBe(one.body);
  }
  expect(await ask({ cookie: 'sid=nonsense' })).toMatchObject({ status: 200, cookies: [] });
  await put(site({ mode: 'Balanced', cookie: { name: 'sid' } }, ...pods.slice(0, 4).map((one) => slice('s', one))));
  const stayed = await Promise.all(all.map(async (one) => (await ask({ cookie: pairOf(one) })).body === one.body));
  expect(stayed.filter(Boolean).length).toBeGreaterThanOrEqual(12);
});

describe('of several backends', () => {
  function split(canaryBehavior: string | undefined, weights: [number, number], ruleSession?: object): string {
    const policies =
      canaryBehavior === undefined
        ? []
        : ['s', 't'].map((name) =>
            backendTraffic(name, { sessionPersistence: { cookie: { name: 'sid' }, canaryBehavior } }),
          );
    const refs = ['s', 't'].map((name, at) => ({ name, port: 80, weight: weights[at] }));
    const rule = { backendRefs: refs, ...(ruleSession && { sessionPersistence: ruleSession }) };
    const slices = [slice('s', pods[0]!), slice('s', pods[1]!), slice('t', pods[2]!), slice('t', pods[3]!)];
    return manifests([HTTP], httpRoute('r', [rule]), service('s'), service('t'), ...slices, ...policies);
  }

  test.each([
    ['by their policies', () => split('Sticky', [1, 1]), () => split('Sticky', [1, 0])],
    [
      'by the rule',
      () => split(undefined, [1, 1], { cookie: { name: 'sid' } }),
      () => split(undefined, [1, 0], { cookie: { name: 'sid' } }),
    ],
  ])('a session keeps its own, whatever their weights: %s', async (_, even, stable) => {
    await put(even());
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask()));
    const canary = answers.find(({ body }) => body === 'c' || body === 'd')!;
    const main = answers.find(({ body }) => body === 'a' || body === 'b')!;
    for (const one of [canary, main]) expect(await answeredBy(pairOf(one))).toBe(one.body);
    await put(stable());
    expect(await answeredBy(pairOf(canary))).toBe(canary.body);
    expect(['a', 'b']).toContain((await ask()).body);
  });

  test('Legacy: the weights decide first', async () => {
    await put(split('Legacy', [1, 0]));
    const { body } = await ask();
    await put(split('Legacy', [0, 1]));
    expect(['a', 'b']).toContain(body);
    const cookie = pairOf(await ask());
    expect(['c', 'd']).toContain(await answeredBy(cookie));
  });
});

describe('by a rule', () => {
  const ruled = (session: object): string =>
    manifests(
      [HTTP],
      httpRoute('r', [{ ...backendRefs('s'), sessionPersistence: session }]),
      service('s'),
      ...pods.slice(0, 3).map((one) => slice('s', one)),
    );

  test('a cookie with a name of its own, at path /', async () => {
    await put(ruled({ cookie: {} }));
    const first = await ask();
    expect(first.cookies[0]).toMatch(/^daemun-session-[0-9a-f]{8}=[\w-]{12}; Path=\/; HttpOnly$/);
    expect(await answeredBy(pairOf(first))).toBe(first.body);
  });

  test('a header', async () => {
    await put(ruled({ type: 'Header', header: { name: 'X-Session' } }));
    const first = await ask();
    const session = first.headers.get('x-session')!;
    expect(session).toMatch(/^[\w-]{12}$/);
    for (let i = 0; i < 5; i++) {
      const again = await ask({ 'x-session': session });
      expect(again.body).toBe(first.body);
      expect(again.headers.has('x-session')).toBe(false);
    }
    expect((await ask({ 'x-session': 'made-up' })).headers.has('x-session')).toBe(true);
  });

  test('the rule counts before the policy of its backend', async () => {
    await put(
      `${ruled({ cookie: { name: 'of-rule' } })}---\n${JSON.stringify(backendTraffic('s', { sessionPersistence: { cookie: { name: 'of-policy' } } }))}\n`,
    );
    expect(pairOf(await ask())).toMatch(/^of-rule=/);
  });
});

test('over HTTP/2 to the backend', async () => {
  const h2 = { ...service('s'), spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] } };
  const policy = backendTraffic('s', { sessionPersistence: { cookie: { name: 'sid' } } });
  await put(manifests([HTTP], httpRoute('r', [backendRefs('s')]), h2, ...h2Pods.map((one) => slice('s', one)), policy));
  const first = await ask();
  expect(first.status).toBe(200);
  expect(await answeredBy(pairOf(first))).toBe(first.body);
});
