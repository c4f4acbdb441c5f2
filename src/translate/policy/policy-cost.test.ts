/** A namespace with very many policies: translating them costs as much for each as it does for a few. */
import { describe, expect, it } from 'vitest';
import { threadTime } from '../../../test/pace.ts';
import { type AnyResource, objectKey } from '../../api/index.ts';
import { batch, type SourceCollection } from '../../graph/index.ts';
import { emptyInputs, type SourceInputs, translation } from '../index.ts';

const V1 = 'gateway.networking.k8s.io/v1';
const GROUP = 'gateway.networking.k8s.io';
const FEW = 300;
const TIMES = 6;

function put(inputs: SourceInputs, resources: readonly object[]): void {
  batch(() => {
    for (const [kind, all] of Map.groupBy(resources as AnyResource[], (resource) => resource.kind)) {
      const collection = inputs[kind] as unknown as SourceCollection<AnyResource>;
      collection.apply(all.map((value) => ({ key: objectKey(value), value })));
    }
  });
}

const gatewayClass = {
  apiVersion: V1,
  kind: 'GatewayClass',
  metadata: { name: 'c' },
  spec: { controllerName: 'example.com/any' },
};
const listener = { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'Same' } } };
const gateway = {
  apiVersion: V1,
  kind: 'Gateway',
  metadata: { namespace: 'd', name: 'g' },
  spec: { gatewayClassName: 'c', listeners: [listener] },
};
const route = (i: number): object => ({
  apiVersion: V1,
  kind: 'HTTPRoute',
  metadata: { namespace: 'd', name: `r${i}` },
  spec: { parentRefs: [{ group: GROUP, kind: 'Gateway', name: 'g' }], hostnames: [`h${i}.example`], rules: [{}] },
});

const SETTINGS: Record<string, object> = {
  AccessPolicy: { deny: [{ paths: [{ type: 'RegularExpression', value: '/v[0-9]+/.*' }] }] },
  RateLimitPolicy: { limits: [{ requests: 9, per: 'Second' }] },
  FaultPolicy: { abort: { statusCode: 503 } },
  ResponsePolicy: { directResponse: { statusCode: 200 } },
};
/** What each of them aims at. */
const AIMS: Record<string, (i: number) => object> = {
  'a route of its own': (i) => ({ group: GROUP, kind: 'HTTPRoute', name: `r${i}` }),
  'one Gateway': () => ({ group: GROUP, kind: 'Gateway', name: 'g' }),
  'listeners that are not there': (i) => ({ group: GROUP, kind: 'Gateway', name: 'g', sectionName: `x${i}` }),
};

const policy = (kind: string, i: number, aim: object): object => ({
  apiVersion: 'policies.daemun.dev/v1alpha1',
  kind,
  metadata: { namespace: 'd', name: `p${i}` },
  spec: { targetRefs: [aim], ...SETTINGS[kind] },
});

/** Milliseconds of the processor. */
function cost(kind: string, aim: (i: number) => object, count: number): number {
  const inputs = emptyInputs();
  const translated = translation(inputs, { controllerNames: ['example.com/any'], shared: false });
  put(inputs, [gatewayClass, gateway, ...Array.from({ length: count }, (_, i) => route(i))]);
  const policies = Array.from({ length: count }, (_, i) => policy(kind, i, aim(i)));
  const taken = threadTime(() => put(inputs, policies));
  expect(translated).toBeDefined();
  return taken;
}

const CASES = Object.keys(SETTINGS).flatMap((kind) => Object.keys(AIMS).map((aim) => [kind, aim] as const));

describe('very many policies', () => {
  it.each(CASES)('cost as much each as a few: %s, for %s', (kind, aim) => {
    cost(kind, AIMS[aim]!, FEW);
    const best = (count: number) => Math.min(...Array.from({ length: 2 }, () => cost(kind, AIMS[aim]!, count)));
    // What grows with the square would be six times dearer.
    expect(best(FEW * TIMES)).toBeLessThan(Math.max(best(FEW), 20) * TIMES * 2.5);
  });

  it('that guard, and whose section is not there, are told to a data plane once', () => {
    const inputs = emptyInputs();
    const { config } = translation(inputs, { controllerNames: ['example.com/any'], shared: false });
    const aim = AIMS['listeners that are not there']!;
    put(inputs, [gatewayClass, gateway, ...Array.from({ length: 300 }, (_, i) => policy('AccessPolicy', i, aim(i)))]);
    const acts = [...config.values()].flatMap((one) =>
      one.kind === 'Policy' && one.type === 'Access' ? one.spec.acts : [],
    );
    expect(acts).toHaveLength(1);
    expect(acts[0]!.source).toBe('AccessPolicy/d/p0');
  });
});
