import { describe, expect, it } from 'vitest';
import { type AttachedPolicy, besides, rivalOf } from './attached-policy.ts';
import {
  effective,
  hasDefaults,
  listenerLevels,
  MAX_JOINED,
  nearestDefaults,
  overriding,
  policiesAt,
  portLevels,
  ruleLevels,
  surplus,
} from './inheritance.ts';

interface Settings {
  a?: number;
  b?: number;
}

interface Sketch {
  at: string;
  settings?: Settings;
  overrides?: Settings;
  brokenOverride?: true;
  beside?: string;
  created?: string;
}

/** `at`: object, and its section after '#'. */
function policies(...sketches: Sketch[]): AttachedPolicy<Settings>[] {
  return sketches.map(({ at, created = '', ...reading }, index) => {
    const [object = '', section = ''] = at.split('#');
    const name = `p${index}`;
    const targets = [{ kind: '', object, section, field: `spec.targetRefs[0]` }];
    return { key: `P/ns/${name}`, namespace: 'ns', name, created, targets, refusals: [], ...reading };
  });
}

const LEVELS = ruleLevels(listenerLevels({ gateway: 'Gateway/ns/gw', owner: 'ListenerSet/ns/set', name: 'http' }), {
  route: 'HTTPRoute/ns/r',
  name: 'guard',
});

function settings(all: AttachedPolicy<Settings>[], merge: 'whole' | 'fields' = 'fields') {
  const found = effective(() => all, LEVELS, merge);
  return found && [found.settings, found.decisive.policy.name];
}

describe('policies of several levels', () => {
  it('are ranked from the Gateway down to the rule', () => {
    expect(LEVELS.map(({ object, section }) => `${object}#${section}`)).toEqual([
      'Gateway/ns/gw#',
      'ListenerSet/ns/set#',
      'ListenerSet/ns/set#http',
      'HTTPRoute/ns/r#',
      'HTTPRoute/ns/r#guard',
    ]);
    expect(listenerLevels({ gateway: 'Gateway/ns/gw', owner: 'Gateway/ns/gw', name: 'x' })).toHaveLength(2);
    expect(ruleLevels([], { route: 'HTTPRoute/ns/r' })).toHaveLength(1);
    const service = { object: 'Service/ns/s', section: '' };
    expect(portLevels('Service/ns/s', '')).toEqual([service]);
    expect(portLevels('Service/ns/s', 'web')).toEqual([service, { object: 'Service/ns/s', section: 'web' }]);
  });

  it('give way to the nearest, setting by setting or as a whole', () => {
    const all = policies(
      { at: 'Gateway/ns/gw', settings: { a: 1, b: 1 } },
      { at: 'HTTPRoute/ns/r', settings: { b: 2 } },
      { at: 'HTTPRoute/ns/other#guard', settings: { a: 9 } },
    );
    expect(settings(all)).toEqual([{ a: 1, b: 2 }, 'p1']);
    expect(settings(all, 'whole')).toEqual([{ b: 2 }, 'p1']);
    expect(settings(policies())).toBeUndefined();
  });

  it('may hold against what is nearer, the broadest first', () => {
    const all = policies(
      { at: 'Gateway/ns/gw', overrides: { a: 1 } },
      { at: 'ListenerSet/ns/set', overrides: { a: 2, b: 2 } },
      { at: 'HTTPRoute/ns/r#guard', settings: { a: 3, b: 3 } },
    );
    expect(settings(all)).toEqual([{ a: 1, b: 2 }, 'p0']);
    expect(settings(all, 'whole')).toEqual([{ a: 1 }, 'p0']);
  });

  it('are decided by age where they stand at one level', () => {
    const at = 'HTTPRoute/ns/r';
    const all = policies(
      { at, settings: { a: 1 }, created: '2026-01-02T00:00:00Z' },
      { at, settings: { a: 2 }, created: '2026-01-01T00:00:00Z' },
    );
    expect(settings(all)).toEqual([{ a: 2 }, 'p1']);
  });

  it('hold their place where they cannot be followed: what is broader does not take over', () => {
    const all = policies({ at: 'Gateway/ns/gw', settings: { a: 1 } }, { at: 'HTTPRoute/ns/r' });
    expect(settings(all, 'whole')).toEqual([{}, 'p1']);
  });
});

const names = (all: ReadonlyArray<AttachedPolicy<Settings>>): string[] => all.map(({ name }) => name);

describe('policies that act one beside the other', () => {
  const overridingNames = (all: AttachedPolicy<Settings>[], joins: boolean): string[] =>
    names(
      overriding(
        policiesAt(() => all, joins),
        LEVELS,
      ),
    );
  const nearestNames = (all: AttachedPolicy<Settings>[], joins: boolean): string[] =>
    names(
      nearestDefaults(
        policiesAt(() => all, joins),
        LEVELS,
        hasDefaults,
      ),
    );

  it('act at every level where they override, the broadest first, also where they are broken; defaults alone do not', () => {
    const all = policies(
      { at: 'HTTPRoute/ns/r', overrides: { a: 1 } },
      { at: 'Gateway/ns/gw', brokenOverride: true },
      { at: 'ListenerSet/ns/set', settings: { a: 2 } },
      { at: 'HTTPRoute/ns/r#guard' },
    );
    expect(overridingNames(all, false)).toEqual(['p1', 'p0']);
  });

  it('give way to the nearest level with defaults: neither what only overrides nor what is broken as an override is one', () => {
    const broad = { at: 'Gateway/ns/gw', settings: { a: 1 } };
    const near = 'HTTPRoute/ns/r#guard';
    expect(nearestNames(policies(broad, { at: near, settings: { a: 2 } }), false)).toEqual(['p1']);
    expect(nearestNames(policies(broad, { at: near, settings: { a: 2 }, overrides: { b: 2 } }), false)).toEqual(['p1']);
    expect(nearestNames(policies(broad, { at: near }), false)).toEqual(['p1']);
    expect(nearestNames(policies(broad, { at: near, overrides: { a: 2 } }), false)).toEqual(['p0']);
    expect(nearestNames(policies(broad, { at: near, brokenOverride: true }), false)).toEqual(['p0']);
    expect(nearestNames(policies({ at: near, overrides: { a: 2 } }), false)).toEqual([]);
  });

  it('are all that have a target, the oldest first, where they guard, up to a number; of others the oldest', () => {
    const at = 'HTTPRoute/ns/r';
    const all = policies(
      ...Array.from({ length: MAX_JOINED + 2 }, (_, age) => ({
        at,
        settings: { a: age },
        created: `2026-01-${30 - age}T00:00:00Z`,
      })),
    );
    const oldestFirst = names(all).reverse();
    expect(nearestNames(all, true)).toEqual(oldestFirst.slice(0, MAX_JOINED));
    expect(nearestNames(all, false)).toEqual(oldestFirst.slice(0, 1));
    expect(names(surplus(() => all, LEVELS))).toEqual([oldestFirst[MAX_JOINED]]);
    const few = all.slice(0, MAX_JOINED);
    expect(surplus(() => few, LEVELS)).toEqual([]);
  });

  it('are beside all others where no user wrote them: they win over none, at their own target only', () => {
    const all = policies(
      { at: 'HTTPRoute/ns/r', settings: { a: 1 }, beside: 'HTTPRoute/ns/r' },
      { at: 'HTTPRoute/ns/r', settings: { a: 2 } },
    );
    expect(nearestNames(all, true)).toEqual(['p1']);
    expect(names(besides(all, { object: 'HTTPRoute/ns/r', section: '' }))).toEqual(['p0']);
    expect(besides(all, { object: 'HTTPRoute/ns/r', section: 'guard' })).toEqual([]);
    expect(besides(all, { object: 'HTTPRoute/ns/other', section: '' })).toEqual([]);
  });

  it('are rivals of the older one, and none of themselves', () => {
    const at = 'HTTPRoute/ns/r';
    const all = policies(
      { at, settings: { a: 1 }, created: '2026-01-02T00:00:00Z' },
      { at, settings: { a: 2 }, created: '2026-01-01T00:00:00Z' },
    );
    const [younger, older] = all as [AttachedPolicy<Settings>, AttachedPolicy<Settings>];
    expect(rivalOf(younger, younger.targets[0]!, all)?.name).toBe('p1');
    expect(rivalOf(older, older.targets[0]!, all)).toBeUndefined();
    // As it is read again, it is another object.
    expect(rivalOf({ ...older }, older.targets[0]!, all)).toBeUndefined();
  });
});

it('thousands with one target cost as much as thousands with one each', () => {
  const all = policies(...Array.from({ length: 20_000 }, () => ({ at: 'HTTPRoute/ns/r', settings: { a: 1 } })));
  const rule = [{ object: 'HTTPRoute/ns/r', section: '' }];
  const before = process.cpuUsage();
  const found = all.map(() => effective(() => all, rule, 'whole')?.decisive.policy.name);
  const { user } = process.cpuUsage(before);
  expect(new Set(found)).toEqual(new Set(['p0']));
  expect(user / 1e6).toBeLessThan(5);
});
