/** Which listeners take a route: those that are named, let its kind and namespace in, and share a host with it. */
import { describe, expect, test } from 'vitest';
import { GATEWAY_GROUP, type LabelSelector, type ParentReference } from '../../api/index.ts';
import type { AttachPoint } from '../gateway/listener.ts';
import type { Lookup } from '../lookup.ts';
import { type ParentLookup, placements, type RouteParents } from './attachment.ts';

const LABELS: Record<string, Record<string, string>> = {
  shop: { team: 'shop' },
  impostor: { 'kubernetes.io/metadata.name': 'infra' },
};

const OWN: AttachPoint = {
  key: 'infra/gw/a',
  gateway: 'infra/gw',
  owner: { kind: 'Gateway', namespace: 'infra', name: 'gw', created: '' },
  name: 'a',
  port: 80,
  protocol: 'HTTP',
  kinds: ['HTTPRoute', 'GRPCRoute'],
  namespaces: { from: 'All' },
  served: true,
};

function parents(points: Record<string, AttachPoint[]>): ParentLookup {
  const inputs = { Namespace: 'Namespace' };
  const fetch = (where: unknown, key: string): unknown => {
    if (where !== inputs.Namespace) return points[key];
    const name = key.split('/').at(-1)!;
    return name in LABELS ? { metadata: { name, labels: LABELS[name] } } : undefined;
  };
  return {
    look: { context: { fetch }, inputs } as unknown as Lookup,
    points: 'points' as unknown as ParentLookup['points'],
    parentOf: (key) => (key in points ? { gateway: 'infra/gw', controllerName: 'c' } : undefined),
  };
}

const ref = (more: Partial<ParentReference> = {}): ParentReference => ({
  group: GATEWAY_GROUP,
  kind: 'Gateway',
  name: 'gw',
  ...more,
});

const route = (namespace: string, more: Partial<RouteParents> = {}): RouteParents => ({
  route: { key: `HTTPRoute/${namespace}/r`, kind: 'HTTPRoute', namespace, name: 'r', created: '' },
  parentRefs: [ref({ namespace: 'infra' })],
  ...more,
});

/** Of the one parent: the listeners that take it, or the reason why none does. */
function placed(points: Array<Partial<AttachPoint>>, wanted = route('shop')): unknown {
  const all = points.map((point) => ({ ...OWN, ...point }));
  const [found] = placements(parents({ 'Gateway/infra/gw': all }), wanted);
  return found?.refusal?.reason ?? found?.points.map(({ listener }) => listener);
}

const TAKEN = ['infra/gw/a'];
const BARRED = 'NotAllowedByListeners';

describe('a namespace', () => {
  const by = (selector?: LabelSelector): Partial<AttachPoint> => ({
    namespaces: { from: 'Selector', ...(selector && { selector }) },
  });

  test.each<[string, Partial<AttachPoint>, string, unknown]>([
    ['all', {}, 'shop', TAKEN],
    ['the same, of another', { namespaces: { from: 'Same' } }, 'shop', BARRED],
    ['the same', { namespaces: { from: 'Same' } }, 'infra', TAKEN],
    ['selected', by({ matchLabels: { team: 'shop' } }), 'shop', TAKEN],
    ['not selected', by({ matchLabels: { team: 'shop' } }), 'infra', BARRED],
    [
      'selected by a name that nobody declared',
      by({ matchLabels: { 'kubernetes.io/metadata.name': 'x' } }),
      'x',
      TAKEN,
    ],
    ['that calls itself another', by({ matchLabels: { 'kubernetes.io/metadata.name': 'infra' } }), 'impostor', BARRED],
    ['by everything', by({}), 'shop', TAKEN],
    ['by nothing', by(), 'shop', BARRED],
    [
      'by what is no selector',
      by({ matchExpressions: [{ key: 'team', operator: 'NotIn', values: [] }] }),
      'infra',
      BARRED,
    ],
  ])('%s', (_, point, namespace, found) => {
    expect(placed([point], route(namespace))).toEqual(found);
  });

  test('is of a ListenerSet its own, and not its Gateway’s', () => {
    const owner = { kind: 'ListenerSet', namespace: 'shop', name: 'set', created: '' } as const;
    const point = { ...OWN, owner, namespaces: { from: 'Same' } as const };
    const parentRefs = [ref({ kind: 'ListenerSet', name: 'set', namespace: 'shop' })];
    const reasons = ['shop', 'infra'].map((namespace) => {
      const [found] = placements(parents({ 'ListenerSet/shop/set': [point] }), route(namespace, { parentRefs }));
      return found!.refusal?.reason;
    });
    expect(reasons).toEqual([undefined, BARRED]);
  });
});

test('a kind of route that a listener does not take is not taken, and is told which it takes', () => {
  expect(placed([{ kinds: ['GRPCRoute'] }])).toBe(BARRED);
  expect(placed([{ kinds: [] }])).toBe(BARRED);
  expect(placed([{ kinds: ['GRPCRoute'] }, { key: 'b', name: 'b' }])).toEqual(['b']);
  const message = (point: Partial<AttachPoint>) =>
    placements(parents({ 'Gateway/infra/gw': [{ ...OWN, ...point }] }), route('shop'))[0]!.refusal!.message;
  expect(message({ kinds: ['GRPCRoute', 'TCPRoute'] })).toBe('listener a takes GRPCRoute and TCPRoute, not HTTPRoute');
  expect(message({ kinds: [] })).toBe('listener a takes no routes at all: its own status says why');
  expect(message({ namespaces: { from: 'Same' } })).toContain('takes no routes from namespace shop');
});

describe('a parentRef', () => {
  const two = [{}, { key: 'infra/gw/b', name: 'b', port: 81 }];
  const to = (more: Partial<ParentReference>) =>
    placed(two, route('shop', { parentRefs: [ref({ namespace: 'infra', ...more })] }));

  test('to the whole means all, and by section or port those that have it', () => {
    expect(to({})).toEqual(['infra/gw/a', 'infra/gw/b']);
    expect(to({ sectionName: 'b' })).toEqual(['infra/gw/b']);
    expect(to({ port: 80 })).toEqual(TAKEN);
    expect(to({ sectionName: 'a', port: 81 })).toBe('NoMatchingParent');
    expect(to({ sectionName: 'c' })).toBe('NoMatchingParent');
    const parentRefs = [ref({ namespace: 'infra', port: 99 })];
    const [found] = placements(parents({ 'Gateway/infra/gw': [OWN] }), route('shop', { parentRefs }));
    expect(found!.refusal!.message).toBe('Gateway gw has no listener on port 99; it has a (port 80)');
  });

  test('to what is none of ours is left to others', () => {
    const refs: Array<Partial<ParentReference>> = [
      { group: 'other' },
      { kind: 'Service' },
      { kind: 'ListenerSet' },
      { name: 'other' },
      { namespace: 'other' },
    ];
    expect(refs.map(to)).toEqual(refs.map(() => undefined));
    expect(to({ group: 'gateway.networking.k8s.io', kind: 'Gateway' })).toHaveLength(2);
  });

  test('without a namespace is to the route’s own', () => {
    expect(placed([{}], route('infra', { parentRefs: [ref()] }))).toEqual(TAKEN);
    expect(placed([{}], route('shop', { parentRefs: [ref()] }))).toBeUndefined();
  });

  test('is told by its place, each of several', () => {
    const parentRefs = [ref({ name: 'other' }), ref({ namespace: 'infra', sectionName: 'x' })];
    const [found, ...more] = placements(parents({ 'Gateway/infra/gw': [OWN] }), route('shop', { parentRefs }));
    expect([more, found]).toMatchObject([
      [],
      { field: 'spec.parentRefs[1]', gateway: 'infra/gw', controllerName: 'c' },
    ]);
    expect(found!.refusal).toMatchObject({
      field: 'spec.parentRefs[1]',
      message: 'Gateway gw has no listener named x; it has a (port 80)',
    });
  });
});

describe('a host', () => {
  test('that both have is needed, after all else', () => {
    const hosts = (hostname: string | undefined, hostnames: string[]) =>
      placed([hostname === undefined ? {} : { hostname }], route('shop', { hostnames }));
    expect(hosts('a.example', ['a.example', 'b.example'])).toEqual(TAKEN);
    expect(hosts('a.example', ['b.example'])).toBe('NoMatchingListenerHostname');
    expect(hosts('*.example', ['b.example'])).toEqual(TAKEN);
    expect(hosts(undefined, ['b.example'])).toEqual(TAKEN);
    const namespaces = { from: 'Same' } as const;
    expect(placed([{ hostname: 'a.example', namespaces }], route('shop', { hostnames: ['b.example'] }))).toBe(BARRED);
  });

  test('of listeners that cannot be served, too', () => {
    const [found] = placements(parents({ 'Gateway/infra/gw': [{ ...OWN, served: false }] }), route('shop'));
    expect(found!.points).toEqual([{ listener: 'infra/gw/a', hosts: [{ hostname: '*', own: '*' }], served: false }]);
  });
});

describe('a Gateway that takes what names none', () => {
  const defaults = [{ namespace: 'infra', name: 'gw' }];
  const found = (points: Array<Partial<AttachPoint>>, more: Partial<RouteParents> = {}) =>
    placements(
      parents({ 'Gateway/infra/gw': points.map((point) => ({ ...OWN, ...point })) }),
      route('shop', { parentRefs: [], defaults, ...more }),
    );

  test('takes it, and one that does not has nothing to tell', () => {
    const parentRef = { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'infra', name: 'gw' };
    expect(found([{}])).toMatchObject([
      { parentRef, field: 'spec.useDefaultGateways', points: [{ listener: 'infra/gw/a' }] },
    ]);
    expect(found([{ namespaces: { from: 'Same' } }])).toEqual([]);
    expect(found([{}], { defaults: [{ namespace: 'infra', name: 'other' }] })).toEqual([]);
    expect(found([{}], { defaults: undefined })).toEqual([]);
  });

  test('is one parent where it is named, too', () => {
    expect(found([{}], { parentRefs: [ref({ namespace: 'infra' })] })).toHaveLength(1);
    expect(found([{}], { parentRefs: [ref({ kind: 'ListenerSet', namespace: 'infra' })] })).toHaveLength(1);
  });
});
