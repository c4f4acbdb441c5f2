/** AccessPolicy over real sockets: who may ask for what, and what becomes of what is not clear. */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'a' };
const GATEWAY: PolicyAim = { kind: 'Gateway', name: 'gw' };

function site(...policies: object[]): string {
  return manifests(
    [HTTP],
    httpRoute('a', [backendRefs('web')], { hostnames: ['a.example'] }),
    httpRoute('b', [backendRefs('web')], { hostnames: ['b.example'] }),
    service('web'),
    ...policies,
  );
}

const access = (spec: object, aim: PolicyAim = ROUTE, name = 'who'): object =>
  requestPolicy('AccessPolicy', name, aim, spec);

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site(), { echo: true, trustedHops: ['127.0.0.1/32'] });
});
afterAll(() => rig.close());

interface Asked {
  from?: string;
  host?: string;
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  /** Names and values, as they are sent. */
  lines?: string[];
}

async function ask({ from = '192.0.2.1', host = 'a.example', path = '/', method = 'GET', ...more }: Asked = {}) {
  const { headers = {}, lines = [] } = more;
  const sent = ['host', host, 'x-forwarded-for', from, ...Object.entries(headers).flat(), ...lines];
  const options = { port: rig.port(), host: '127.0.0.1', path, method };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) =>
    http
      .request({ ...options, headers: sent }, resolve)
      .on('error', reject)
      .end(),
  );
  return { status: answer.statusCode, type: answer.headers['content-type'], body: await text(answer) };
}

const status = async (asked?: Asked) => (await ask(asked)).status;

describe('an AccessPolicy', () => {
  test('denies before it allows, as ingress-nginx does, with 403', async () => {
    await rig.write(
      site(access({ deny: [{ addresses: ['192.0.2.66/32'] }], allow: [{ addresses: ['192.0.2.0/24', '::1/128'] }] })),
    );
    expect(await status()).toBe(200);
    expect(await status({ from: '192.0.2.66' })).toBe(403);
    expect(await status({ from: '198.51.100.1' })).toBe(403);
    expect(await status({ from: '198.51.100.1', host: 'b.example' })).toBe(200);
    expect(rig.accesses.at(-2)).toMatchObject({
      status: 403,
      reason: 'access_denied',
      policy: 'AccessPolicy/default/who',
      decision: 'denied',
    });
  });

  test.each<[string, Asked, number]>([
    ['reads from elsewhere', { headers: { origin: 'https://evil.example' } }, 200],
    ['a form of its own', { method: 'POST', headers: { origin: 'https://a.example' } }, 200],
    ['its own with a port', { method: 'POST', host: 'a.example:80', headers: { origin: 'http://a.example' } }, 200],
    ['another port', { method: 'POST', headers: { origin: 'http://a.example:8080' } }, 403],
    ['an origin that may', { method: 'PUT', headers: { origin: 'https://app.partner.example' } }, 200],
    ['one that looks like it', { method: 'PUT', headers: { origin: 'https://partner.example.evil.example' } }, 403],
    ['another site', { method: 'POST', headers: { origin: 'https://evil.example' } }, 403],
    ['a sandboxed page', { method: 'POST', headers: { origin: 'null' } }, 403],
    ['two origins', { method: 'POST', lines: ['origin', 'https://a.example', 'origin', 'https://evil.example'] }, 403],
    [
      'its own as the browser says',
      { method: 'POST', headers: { origin: 'null', 'sec-fetch-site': 'same-origin' } },
      200,
    ],
    ['a sister site', { method: 'POST', headers: { 'sec-fetch-site': 'same-site' } }, 403],
    ['by the referer alone', { method: 'POST', headers: { referer: 'https://a.example/form?x=1' } }, 200],
    ['another referer', { method: 'DELETE', headers: { referer: 'https://evil.example/a.example' } }, 403],
    ['a referer with a user', { method: 'DELETE', headers: { referer: 'https://a.example@evil.example/' } }, 403],
    ['what says nothing', { method: 'POST' }, 403],
  ])('csrf: %s', async (_what, asked, expected) => {
    await rig.write(
      site(
        access({ csrf: { allowedOrigins: ['https://*.partner.example'] } }, ROUTE, `csrf-${_what.length}-${expected}`),
      ),
    );
    expect(await status(asked)).toBe(expected);
    if (expected === 403) expect(rig.accesses.at(-1)).toMatchObject({ reason: 'cross_site', decision: 'denied' });
    expect(await status({ ...asked, host: 'b.example' })).toBe(200);
  });

  test('csrf: requests that say nothing pass where that is asked for, and a shadow refuses none', async () => {
    await rig.write(site(access({ csrf: { withoutOrigin: 'Allow' } })));
    expect(await status({ method: 'POST' })).toBe(200);
    expect(await status({ method: 'POST', headers: { origin: 'https://evil.example' } })).toBe(403);
    await rig.write(site(access({ csrf: {}, shadow: true })));
    expect(await status({ method: 'POST', headers: { origin: 'https://evil.example' } })).toBe(200);
    expect(rig.accesses.at(-1)).toMatchObject({ policy: 'AccessPolicy/default/who#csrf', decision: 'would-deny' });
    await rig.write(site(access({ csrf: { allowedOrigins: ['https://'] } }, ROUTE, 'broken')));
    expect(await status({ method: 'POST' })).toBe(500);
  });

  test.each<[string, object, Asked, Asked]>([
    ['method', { methods: ['DELETE', 'PUT'] }, { method: 'PUT' }, { method: 'POST' }],
    ['path', { paths: [{ type: 'PathPrefix', value: '/admin' }] }, { path: '/%61dmin/x' }, { path: '/admins' }],
    ['expression', { paths: [{ type: 'RegularExpression', value: '/x.*' }] }, { path: '/xy' }, { path: '/yx' }],
    ['header', { headers: [{ name: 'X-Bad', value: '1' }] }, { headers: { 'x-bad': '1' } }, {}],
    [
      'all of it',
      { methods: ['PUT'], paths: [{ value: '/a' }] },
      { method: 'PUT', path: '/a/b' },
      { method: 'GET', path: '/a/b' },
    ],
    [
      'cel',
      { cel: 'request.headers["x"] == "1" && source.address.startsWith("192.")' },
      { headers: { x: '1' } },
      { headers: { x: '2' } },
    ],
    ['cel that has no value', { cel: 'request.headers["missing"] == "1"' }, {}, { headers: { missing: '0' } }],
  ])('denies by %s', async (_, rule, denied, allowed) => {
    await rig.write(site(access({ deny: [rule] })));
    expect([await status(denied), await status(allowed)]).toEqual([403, 200]);
  });

  test.each<[string, string[]]>([
    ['a line more before it', ['x-role', 'guest', 'x-role', 'root']],
    ['a line more after it', ['x-role', 'root', 'x-role', 'guest']],
    ['a spelling that CGI takes for it', ['X_Role', 'root']],
    ['cookies in two lines', ['cookie', 'a=b', 'cookie', 'role=root']],
  ])('denies by header whoever sends %s, and allows nobody so', async (_, lines) => {
    const headers = [
      [{ name: 'X-Role', value: 'root' }],
      [{ name: 'Cookie', type: 'RegularExpression', value: '(.*; )?role=root(;.*)?' }],
    ];
    await rig.write(site(access({ deny: headers.map((one) => ({ headers: one })) })));
    expect([await status({ lines }), await status({ lines: ['x-role', 'guest'] })]).toEqual([403, 200]);
    await rig.write(site(access({ allow: [{ headers: headers[0] }] })));
    expect([await status({ lines }), await status({ lines: ['x-role', 'root'] })]).toEqual([403, 200]);
  });

  test('expressions see cookies of several lines as backends do', async () => {
    await rig.write(site(access({ deny: [{ cel: 'request.headers.cookie == "a=b; c=d"' }] })));
    expect(await status({ lines: ['cookie', 'a=b', 'cookie', 'c=d'] })).toBe(403);
  });

  test('allows nothing by an expression that has no value', async () => {
    await rig.write(site(access({ allow: [{ cel: 'request.headers["k"] == "1"' }] })));
    expect([await status(), await status({ headers: { k: '1' } })]).toEqual([403, 200]);
  });

  test.each(['deny', 'allow'])(
    'lets nobody through by an expression that is neither true nor false: %s',
    async (list) => {
      const cel = 'request.path == "/plain" ? request.path == request.host : request.path';
      await rig.write(site(access({ [list]: [{ cel }] })));
      expect([await status({ path: '/odd' }), await status({ path: '/plain' })]).toEqual([
        403,
        list === 'deny' ? 200 : 403,
      ]);
    },
  );

  test('allows at times', async () => {
    const now = new Date();
    const day = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
    const today = day[now.getUTCDay()]!;
    await rig.write(site(access({ allow: [{ times: [{ days: [today] }] }] })));
    const first = await status();
    await rig.write(site(access({ allow: [{ times: [{ days: day.filter((one) => one !== today) }] }] })));
    // Unless it is midnight just now.
    if (new Date().getUTCDay() === now.getUTCDay()) expect([first, await status()]).toEqual([200, 403]);
  });

  test('answers as it is told to', async () => {
    const refusal = { statusCode: 451, contentType: 'text/html', body: '<h1>Not here</h1>' };
    await rig.write(site(access({ deny: [{ addresses: ['0.0.0.0/0'] }], refusal })));
    expect(await ask()).toEqual({ status: 451, type: 'text/html', body: '<h1>Not here</h1>' });
  });

  test('in its shadow nothing is refused, and what would be is told', async () => {
    await rig.write(site(access({ deny: [{ name: 'all', addresses: ['0.0.0.0/0'] }], shadow: true })));
    expect(await status()).toBe(200);
    expect(rig.accesses.at(-1)).toMatchObject({ policy: 'AccessPolicy/default/who#all', decision: 'would-deny' });
  });

  test('of a Gateway gives way to that of a route, but for its overrides', async () => {
    const deny = (address: string): object => ({ deny: [{ addresses: [address] }] });
    const gateway = { defaults: deny('192.0.2.1/32'), overrides: deny('192.0.2.2/32') };
    await rig.write(site(access(gateway, GATEWAY, 'gateway'), access(deny('192.0.2.3/32'))));
    const by = async (from: string) => [await status({ from }), await status({ from, host: 'b.example' })];
    expect(await by('192.0.2.1')).toEqual([200, 403]);
    expect(await by('192.0.2.2')).toEqual([403, 403]);
    expect(await by('192.0.2.3')).toEqual([403, 200]);
  });
});

describe('what cannot be followed refuses what it guards, and nothing else:', () => {
  test.each<[string, object]>([
    ['an expression of CEL that is none', { allow: [{ cel: 'request.(' }] }],
    ['one that is not true or false', { allow: [{ cel: 'request.path.size()' }] }],
    ['one that may take forever', { allow: [{ cel: 'request.path.matches("(a+)+$")' }] }],
    ['loops within loops', { allow: [{ cel: 'request.headers.all(a, request.headers.all(b, a == b))' }] }],
    ['one that makes much of little', { allow: [{ cel: 'request.path.split("").all(c, request.query.contains(c))' }] }],
    [
      'many that may take long together',
      { allow: Array.from({ length: 12 }, (_, n) => ({ cel: `request.path.split("/").exists(s, s == "${n}")` })) },
    ],
    ['a content type that ends the head', { deny: [{ methods: ['PUT'] }], refusal: { contentType: 'a/b\r\n\r\n' } }],
    ['a regular expression', { allow: [{ paths: [{ type: 'RegularExpression', value: '(' }] }] }],
    ['a time that ends when it begins', { deny: [{ times: [{ from: '08:00', to: '08:00' }] }] }],
    ['a time zone', { allow: [{ times: [{ timeZone: 'Nowhere/City' }] }] }],
    ['an address', { allow: [{ addresses: ['10.0.0.300/8'] }] }],
    ['a rule that says nothing', { allow: [{ name: 'all' }] }],
    ['nothing at all', {}],
    ['a word', { allow: 'everybody' }],
  ])('%s', async (_, spec) => {
    await rig.write(site(access(spec, ROUTE, `broken-${Math.random().toString(36).slice(2)}`)));
    expect([await status(), await status({ host: 'b.example' })]).toEqual([500, 200]);
    expect(rig.report().diagnostics.filter(({ severity }) => severity === 'error').length).toBeGreaterThan(0);
  });

  const target = { group: 'gateway.networking.k8s.io', ...ROUTE };
  test.each<[string, object]>([
    ['one target twice', { targetRefs: [target, target] }],
    ['a target beside it that is none', { targetRefs: [target, { kind: 'Gateway' }] }],
    [
      'more targets than there may be',
      { targetRefs: Array.from({ length: 17 }, (_, n) => ({ ...target, name: n < 16 ? `x${n}` : 'a' })) },
    ],
    ['a target that is no list', { targetRefs: target }],
    ['a field that was meant for it', { targetRef: target }],
  ])('%s', async (_, targets) => {
    const policy = access({ deny: [{ methods: ['PUT'] }] }, ROUTE, `aim-${Math.random().toString(36).slice(2)}`);
    const { targetRefs: _none, ...spec } = (policy as { spec: { targetRefs: object } }).spec;
    await rig.write(site({ ...policy, spec: { ...spec, ...targets } }, other()));
    expect([await status(), await status({ host: 'b.example' })]).toEqual([500, 200]);
  });
});

describe('a policy of a kind that there is not', () => {
  const [GROUP, NAME] = ['policies.daemun.dev/v1alpha1', 'stranger'];
  const both = async () => [await status(), await status({ host: 'b.example' })];
  const stranger = (kind: string, apiVersion = GROUP): object => ({
    ...access({ deny: [{ methods: ['PUT'] }] }, ROUTE, NAME),
    apiVersion,
    kind,
  });

  test.each([
    ['RateLimitPolicies', GROUP],
    ['FirewallPolicy', GROUP],
    ['Guard', 'daemun.dev/v2'],
    ['AccessPolicy', 'policies.daemun.dev/v9'],
  ])('refuses what it names, until it is corrected or removed: %s of %s', async (kind, apiVersion) => {
    await rig.write(site(other()));
    await rig.write(site(stranger(kind, apiVersion), other()));
    expect(await both()).toEqual([500, 200]);
    const { items, diagnostics } = rig.report();
    const told = diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message);
    expect(told).toEqual([expect.stringMatching(/requests that it would act on are refused \(500\) until then$/)]);
    const status = JSON.stringify(items.filter(({ metadata }) => metadata.name.endsWith(NAME)));
    expect(status).toContain('"status":"False"');
    // One that cannot be read leaves it as it was, and a namesake of a kind that there is has its own say.
    await rig.write(`${site(stranger(kind, apiVersion), other())}---\nnot: [yaml\n`);
    expect(await both()).toEqual([500, 200]);
    await rig.write(site(access({ deny: [{ methods: ['PUT'] }] }, ROUTE, NAME), other()));
    expect(await both()).toEqual([200, 200]);
  });

  test('of the name of one that was good leaves that in service; beside one of its name it refuses', async () => {
    await rig.write(site(access({ deny: [{ methods: ['PUT'] }] }, ROUTE, NAME), other()));
    await rig.write(site(stranger('FirewallPolicy'), other()));
    expect([await status(), await status({ method: 'PUT' })]).toEqual([200, 403]);
    await rig.write(site(access({ deny: [{ methods: ['PUT'] }] }, ROUTE, NAME), stranger('FirewallPolicy'), other()));
    expect(await both()).toEqual([500, 200]);
  });

  test('on a Gateway is not overruled by what is nearer', async () => {
    const nearer = access({ deny: [{ methods: ['PUT'] }] });
    const outer = { ...access({ deny: [{ methods: ['PUT'] }] }, GATEWAY, NAME), kind: 'FirewallPolicy' };
    await rig.write(site(nearer, outer, other()));
    expect(await both()).toEqual([500, 500]);
  });
});

/** Changes something, so that it is known when all of it is served. */
function other(): object {
  const hostnames = [`${Math.random().toString(36).slice(2)}.example`];
  return httpRoute('other', [backendRefs('web')], { hostnames });
}
