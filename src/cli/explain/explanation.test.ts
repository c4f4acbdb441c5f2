import { expect, test } from 'vitest';
import { type Listener, type Policy, policyKey, type RouteRule, Snapshot } from '../../config/index.ts';
import type { AskedRequest } from './asked-request.ts';
import { explanationOf } from './explanation.ts';
import { narrative } from './narrative.ts';

function rule(name: string, value: string, header: string): RouteRule {
  return {
    kind: 'RouteRule',
    key: `HTTPRoute/ns/${name}/0`,
    route: { kind: 'HTTPRoute', namespace: 'ns', name },
    index: 0,
    created: '',
    attachments: [{ listener: 'ns/gw/http', hostnames: ['*'] }],
    matches: [{ path: { type: 'PathPrefix', value }, headers: [], query: [] }],
    filters: [{ type: 'RequestHeaderModifier', set: [{ name: header, value: 'x' }], add: [], remove: [] }],
    backends: [],
  };
}

const REQUEST: AskedRequest = {
  method: 'GET',
  scheme: 'http',
  host: 'a.example',
  serverName: '',
  port: 80,
  target: '/',
  headers: [],
};

test('a rule that no data plane can compile is named, and the rest is explained all the same', async () => {
  const listener: Listener = {
    kind: 'Listener',
    key: 'ns/gw/http',
    gateway: 'ns/gw',
    name: 'http',
    addresses: [],
    port: 80,
    protocol: 'HTTP',
  };
  const upserts = [listener, rule('good', '/', 'x-a'), rule('bad', '/bad', 'te')];
  const known = { snapshot: Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] }), unserved: [] };
  const good = await explanationOf(known, REQUEST);
  expect(good.match.candidates[good.match.chosen]?.rule.route.name).toBe('good');
  expect(good.unusable).toEqual([{ rule: 'HTTPRoute/ns/bad/0', message: expect.stringContaining('header te') }]);
  expect(narrative(good, (_tone, text) => text)).toContain('HTTPRoute/ns/bad/0: RequestHeaderModifier: set[0].name');
  const bad = await explanationOf(known, { ...REQUEST, target: '/bad' });
  expect(bad.outcome).toMatchObject({ kind: 'error', status: 500, reason: expect.stringContaining('header te') });
});

test('a policy that no data plane can compile denies what it acts on, and the rest is explained all the same', async () => {
  const listener: Listener = {
    kind: 'Listener',
    key: 'ns/gw/http',
    gateway: 'ns/gw',
    name: 'http',
    addresses: [],
    port: 80,
    protocol: 'HTTP',
  };
  const target = { kind: 'RouteRule', key: 'HTTPRoute/ns/bad/0' } as const;
  const taken = { name: 'x', addresses: ['10.0.0.0/99'], methods: [], paths: [], headers: [], times: [] };
  const settings = { deny: [taken], allow: [], statusCode: 403, shadow: false };
  const spec = { acts: [{ source: 'AccessPolicy/ns/x', holds: 'Default' as const, settings }] };
  const policy = {
    kind: 'Policy',
    key: policyKey('Access', `${target.kind}/${target.key}`),
    type: 'Access',
    target,
    spec,
  } as Policy;
  const upserts = [listener, rule('good', '/', 'x-a'), rule('bad', '/bad', 'x-b'), policy];
  const known = { snapshot: Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] }), unserved: [] };
  const good = await explanationOf(known, REQUEST);
  expect(good.match.candidates[good.match.chosen]?.rule.route.name).toBe('good');
  expect(good.policies).toEqual([]);
  const bad = await explanationOf(known, { ...REQUEST, target: '/bad' });
  expect(bad.outcome).toMatchObject({ kind: 'denied', status: 500 });
});

test('a wider listener that is passed over for a more specific one is told', async () => {
  const listener = (name: string, hostname: string): Listener => ({
    kind: 'Listener',
    key: `ns/gw/${name}`,
    gateway: 'ns/gw',
    name,
    hostname,
    addresses: [],
    port: 80,
    protocol: 'HTTP',
  });
  const upserts = [listener('wild', '*.example'), listener('set/a', 'a.example'), listener('b', 'b.example')];
  const known = { snapshot: Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] }), unserved: [] };
  const explanation = await explanationOf(known, REQUEST);
  expect(explanation.wider.map(({ key }) => key)).toEqual(['ns/gw/wild']);
  const text = narrative(explanation, (_tone, plain) => plain);
  expect(text).toContain('ns/gw/set/a (HTTP, port 80, hostname a.example)');
  expect(text).toContain(
    'more specific than ns/gw/wild (HTTP, port 80, hostname *.example), whose routes are not asked',
  );
  expect((await explanationOf(known, { ...REQUEST, host: 'c.example' })).wider).toEqual([]);
});

test('a backend whose endpoints are looked at says how, and a running gateway says who fails', async () => {
  const listener: Listener = {
    kind: 'Listener',
    key: 'ns/gw/http',
    gateway: 'ns/gw',
    name: 'http',
    addresses: [],
    port: 80,
    protocol: 'HTTP',
  };
  const route: RouteRule = { ...rule('r', '/', 'x-a'), backends: [{ backend: 'ns/s:80', weight: 1, filters: [] }] };
  const service = { namespace: 'ns', name: 's', port: 80 };
  const target = { kind: 'Backend', key: 'ns/s:80' } as const;
  const healthCheck = {
    question: { type: 'HTTP', method: 'GET', path: '/healthz', statuses: [{ from: 200, to: 200 }] },
    interval: 5_000,
    timeout: 1_000,
    jitterPercent: 10,
    healthyThreshold: 2,
    unhealthyThreshold: 3,
    initialState: 'Healthy',
    panicThresholdPercent: 0,
  } as const;
  const policy: Policy = {
    kind: 'Policy',
    key: policyKey('BackendTraffic', 'ns/s:80'),
    type: 'BackendTraffic',
    target,
    spec: {
      healthCheck: { ...healthCheck, question: { ...healthCheck.question, statuses: [{ from: 200, to: 200 }] } },
    },
  };
  const upserts = [listener, route, { kind: 'Backend', key: 'ns/s:80', service, protocol: 'http' } as const, policy];
  const told = [
    { object: 'Service/ns/s', message: 'endpoint 10.0.0.1:80 of port 80 fails its health check (status_500, once)' },
    { object: 'Service/ns/s', message: 'endpoint 10.0.0.1:81 of port 81 fails its health check (status_500, once)' },
    { object: 'Service/ns/other', message: 'endpoint 10.0.0.2:80 of port 80 does not answer' },
  ];
  const known = { snapshot: Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] }), unserved: [], told };
  const { backends } = await explanationOf(known, REQUEST);
  expect(backends[0]!.health).toEqual(['health check: GET /healthz answers 200 each 5000 ms', told[0]!.message]);
});
