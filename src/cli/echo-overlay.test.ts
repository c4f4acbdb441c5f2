import { afterEach, expect, test } from 'vitest';
import { type Backend, type Endpoints, type Policy, policyKey } from '../config/index.ts';
import { Echoes } from './echo/index.ts';
import { EchoOverlay } from './echo-overlay.ts';

const key = 'shop/cart:80';
const backend: Backend = {
  kind: 'Backend',
  key,
  service: { namespace: 'shop', name: 'cart', port: 80 },
  protocol: 'http',
};
const none: Endpoints = { kind: 'Endpoints', key, endpoints: [] };
const some: Endpoints = { kind: 'Endpoints', key, endpoints: [{ address: '10.0.0.1', port: 80, state: 'ready' }] };

const echoes = new Echoes();
afterEach(() => echoes.close());

test('endpoints pass through without echoes, and other objects too', async () => {
  const overlay = new EchoOverlay();
  const certificate = { after: { kind: 'Certificate' as const, key: 'a/b', certificate: '', privateKey: '' } };
  const out = await overlay.apply([{ after: backend }, { after: some }, certificate]);
  expect(out).toEqual([certificate, { after: backend }, { after: some }]);
});

test('an echo stands in only as long as there are no endpoints', async () => {
  const overlay = new EchoOverlay(echoes);
  const first = await overlay.apply([{ after: backend }, { after: none }]);
  const port = await echoes.port(backend);
  expect(first[1]!.after).toMatchObject({ endpoints: [{ address: '127.0.0.1', port }] });
  expect(await overlay.apply([{ before: none, after: some }])).toEqual([{ after: backend }, { after: some }]);
  expect(echoes.keys()).toEqual([]);
});

test('an echo is there also for a Backend whose endpoints nobody ever named, and goes with the Backend', async () => {
  const overlay = new EchoOverlay(echoes);
  const [, endpoints] = await overlay.apply([{ after: backend }]);
  expect(endpoints!.after).toMatchObject({ kind: 'Endpoints', key });
  const gone = await overlay.apply([{ before: backend }]);
  expect(gone).toEqual([{ before: { kind: 'Backend', key } }, { before: { kind: 'Endpoints', key } }]);
  expect(echoes.keys()).toEqual([]);
});

test('an ExternalName Service is resolved, not echoed', async () => {
  const overlay = new EchoOverlay(echoes);
  const external: Endpoints = { ...none, dns: { hostname: 'example.com', port: 80 } };
  const out = await overlay.apply([{ after: backend }, { after: external }]);
  expect(out[1]!.after).toEqual(external);
});

test('the PROXY protocol of a policy is not spoken to an echo, and comes back with the endpoints', async () => {
  const overlay = new EchoOverlay(echoes);
  const policy: Policy = {
    kind: 'Policy',
    key: policyKey('BackendTraffic', key),
    type: 'BackendTraffic',
    target: { kind: 'Backend', key },
    spec: { proxyProtocol: 'V1' },
  };
  const ref = { kind: 'Policy', key: policy.key };
  expect(await overlay.apply([{ after: backend }, { after: none }, { after: policy }])).toContainEqual({ before: ref });
  expect(await overlay.apply([{ before: none, after: some }])).toContainEqual({ after: policy });
  expect(await overlay.apply([{ before: policy }])).toContainEqual({ before: ref });
});
