/** A rule that cannot be served as written is dropped, and still owns its matches: 500, never the rule after it. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Listener, RouteRule } from '../../src/config/index.ts';
import { createProxy } from '../../src/proxy/index.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

const GUARDED = { matches: [{ path: { type: 'PathPrefix', value: '/admin' } }] };

function modifies(direction: 'Request' | 'Response', changes: object): object[] {
  const field = direction === 'Request' ? 'requestHeaderModifier' : 'responseHeaderModifier';
  return [{ type: `${direction}HeaderModifier`, [field]: changes }];
}

const set = (name: string, value = 'x'): object => ({ set: [{ name, value }] });

/** Rules by what is wrong with them, and the field that the status names. */
const DROPPED: Array<[name: string, rule: object, field: string]> = [
  ['a control character', { ...GUARDED, filters: modifies('Request', set('x-a', 'a\rb')) }, 'set[0].value'],
  ['a NUL in an answer', { ...GUARDED, filters: modifies('Response', set('x-a', 'a\0b')) }, 'set[0].value'],
  ['two Hosts', { ...GUARDED, filters: modifies('Request', { add: [{ name: 'Host', value: 'x' }] }) }, 'add[0].name'],
  ['no Host', { ...GUARDED, filters: modifies('Request', { remove: ['host'] }) }, 'remove[0]'],
  ['a Host that is none', { ...GUARDED, filters: modifies('Request', set('Host', 'a/b')) }, 'set[0].value'],
  ['a Host in answers', { ...GUARDED, filters: modifies('Response', set('Host', 'a')) }, 'set[0].name'],
  ...[
    'Connection',
    'content-length',
    'Transfer-Encoding',
    'TE',
    'Trailer',
    'Upgrade',
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'HTTP2-Settings',
    // Other spellings of them, which backends of CGI's kind take for the same.
    'Content_Length',
    'Transfer.Encoding',
  ].flatMap((name): typeof DROPPED => [
    [`${name} set`, { ...GUARDED, filters: modifies('Request', set(name)) }, 'set[0].name'],
    [`${name} removed from answers`, { ...GUARDED, filters: modifies('Response', { remove: [name] }) }, 'remove[0]'],
  ]),
  ['a name that is none', { ...GUARDED, filters: modifies('Request', { remove: ['a b'] }) }, 'remove[0]'],
  [
    'an unknown extension',
    { ...GUARDED, filters: [{ type: 'ExtensionRef', extensionRef: EXTENSION() }] },
    'extensionRef',
  ],
  [
    'a path that cannot be read',
    { matches: [{ path: { type: 'RegularExpression', value: '/admin(?!/x).*' } }] },
    'path.value',
  ],
  ['no word of a path', { matches: [{ path: { type: 'RegularExpression', value: '(?<!x)/admin' } }] }, 'path.value'],
  [
    'a header that cannot be read',
    { matches: [{ ...GUARDED.matches[0], headers: [{ type: 'RegularExpression', name: 'x-user', value: '[' }] }] },
    'headers[0].value',
  ],
];

function EXTENSION(): object {
  return { group: 'x.example.com', kind: 'Guard', name: 'all' };
}

async function serve(...objects: object[]): Promise<Rig> {
  const backend = await httpBackend((request, response) => response.end(`${request.headers.host} ${request.url}`));
  closing.push(backend);
  const rig = await serveManifests(manifests([HTTP], ...objects, service('one')), {
    endpoints: [endpointsOf('one', backend.port)],
  });
  closing.push(rig);
  return rig;
}

async function statusOf(rig: Rig, path: string, headers = ''): Promise<number> {
  const client = await rawClient(rig.port());
  closing.push(client);
  const [response] = await client.ask(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n${headers}\r\n`);
  return response!.status;
}

describe('a dropped rule', () => {
  test.each(DROPPED)('%s', async (_name, rule, field) => {
    const rig = await serve(httpRoute('shop', [{ ...rule, ...backendRefs('one') }, backendRefs('one')]));
    expect(await statusOf(rig, '/admin/x', 'x-user: me\r\n')).toBe(500);
    // What is known of the rule's matches is all that it takes.
    if (field !== 'path.value') expect(await statusOf(rig, '/other')).toBe(200);
    const [told] = rig.report().diagnostics;
    expect(told).toMatchObject({ severity: 'error', object: 'HTTPRoute/default/shop' });
    expect(told!.field).toContain('spec.rules[0]');
    expect(told!.field.endsWith(field)).toBe(true);
    const conditions = JSON.stringify(rig.report().items.find(({ kind }) => kind === 'HTTPRoute')!.status);
    if (field !== 'extensionRef') expect(conditions).toContain('Dropped Rule: spec.rules[0]');
  });

  test('alone in its route makes it not Accepted, and an other route of the host does not get its requests', async () => {
    const bad = { ...GUARDED, filters: modifies('Request', set('TE')), ...backendRefs('one') };
    const rig = await serve(httpRoute('guarded', [bad]), httpRoute('all', [backendRefs('one')]));
    expect(await statusOf(rig, '/admin')).toBe(500);
    expect(await statusOf(rig, '/shop')).toBe(200);
    expect(JSON.stringify(rig.report().items.find(({ metadata }) => metadata.name === 'guarded')!.status)).toMatch(
      /"Accepted","status":"False","reason":"UnsupportedValue"/,
    );
  });

  test('of which no path can be read leaves the more specific paths of others alone', async () => {
    const rule = { matches: [{ path: { type: 'RegularExpression', value: '(' } }], ...backendRefs('one') };
    const other = { ...GUARDED, ...backendRefs('one') };
    const rig = await serve(httpRoute('z', [rule]), httpRoute('all', [other, backendRefs('one')]));
    expect(await Promise.all(['/admin', '/'].map((path) => statusOf(rig, path)))).toEqual([200, 500]);
  });

  test('of a GRPCRoute answers its calls with UNAVAILABLE', async () => {
    const rules = [
      {
        matches: [{ method: { service: 'a.B' } }],
        filters: modifies('Request', set('Upgrade')),
        ...backendRefs('one'),
      },
      backendRefs('one'),
    ];
    const rig = await serve({ ...httpRoute('shop', rules), kind: 'GRPCRoute' });
    const client = await rawClient(rig.port());
    closing.push(client);
    const call = 'POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web\r\nContent-Length: 0\r\n\r\n';
    const [response] = await client.ask(call);
    expect([response!.status, response!.body]).toEqual([200, expect.stringMatching(/grpc-status: ?14/)]);
  });

  test('by the filters of one backend fails that share only, and the status says so', async () => {
    const [one] = backendRefs('one').backendRefs;
    const rule = { backendRefs: [{ ...one, filters: modifies('Request', set('TE')) }, one] };
    const rig = await serve(httpRoute('shop', [rule]));
    const statuses = [await statusOf(rig, '/'), await statusOf(rig, '/')];
    expect(statuses.sort()).toEqual([200, 500]);
    expect(JSON.stringify(rig.report().items.find(({ kind }) => kind === 'HTTPRoute')!.status)).toContain(
      'Dropped Rule: spec.rules[0].backendRefs[0].filters[0].requestHeaderModifier.set[0].name',
    );
  });
});

test('setting Host is a rewrite of the authority, beside what else the filter changes', async () => {
  const changes = {
    set: [
      { name: 'X-A', value: 'b' },
      { name: 'host', value: 'inside.example:8080\n' },
    ],
  };
  const rig = await serve(httpRoute('shop', [{ filters: modifies('Request', changes), ...backendRefs('one') }]));
  const client = await rawClient(rig.port());
  closing.push(client);
  const [response] = await client.ask('GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n');
  expect([response!.status, response!.body]).toEqual([200, 'inside.example:8080 /x']);
  expect(rig.report().diagnostics).toEqual([]);
});

describe('a rule that the data plane cannot compile', () => {
  const bad = [{ type: 'RequestHeaderModifier', set: [{ name: 'te', value: 'x' }], add: [], remove: [] }];

  function rule(index: number, value: string, filters: object[] = []): RouteRule {
    return {
      kind: 'RouteRule',
      key: `HTTPRoute/ns/shop/${index}`,
      route: { kind: 'HTTPRoute', namespace: 'ns', name: 'shop' },
      index,
      created: '',
      attachments: [{ listener: 'ns/gw/http', hostnames: ['*'] }],
      matches: [{ path: { type: 'PathPrefix', value }, headers: [], query: [] }],
      filters: [
        { type: 'RequestRedirect', statusCode: 302, hostname: 'ok.example' },
        ...filters,
      ] as RouteRule['filters'],
      backends: [],
    };
  }

  test('keeps its last good form where that takes the same requests, and else answers 500', async () => {
    const proxy = createProxy({
      name: 'p',
      bind: ['127.0.0.1'],
      portMap: new Map([[80, 0]]),
      reusePort: false,
      trustedHops: [],
    });
    closing.push({ close: () => proxy.drain(1000) });
    const open: Listener = {
      kind: 'Listener',
      key: 'ns/gw/http',
      gateway: 'ns/gw',
      name: 'http',
      addresses: [],
      port: 80,
      protocol: 'HTTP',
    };
    const first = await proxy.apply({ version: 1, upserts: [open, rule(0, '/'), rule(1, '/new', bad)], removals: [] });
    expect(first.rejected).toMatchObject([{ key: 'HTTPRoute/ns/shop/1', code: 'DMN_CONFIG_INVALID' }]);
    const port = Number(first.listeners[0]!.bound[0]!.split(':').at(-1));
    const statuses = async (...paths: string[]): Promise<number[]> =>
      await Promise.all(
        paths.map(async (path) => {
          const client = await rawClient(port);
          closing.push(client);
          const [response] = await client.ask(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
          return response!.status;
        }),
      );
    expect(await statuses('/', '/new')).toEqual([302, 500]);
    await proxy.apply({ version: 2, upserts: [rule(1, '/new')], removals: [] });
    expect(await statuses('/', '/new')).toEqual([302, 302]);
    const kept = await proxy.apply({ version: 3, upserts: [rule(1, '/new', bad)], removals: [] });
    expect(kept.rejected).toHaveLength(1);
    expect(await statuses('/', '/new')).toEqual([302, 302]);
    await proxy.apply({ version: 4, upserts: [rule(1, '/moved', bad)], removals: [] });
    expect(await statuses('/', '/moved')).toEqual([302, 500]);
  });
});
