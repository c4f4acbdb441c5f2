import { describe, expect, it } from 'vitest';
import type { AttachedPolicy } from './attached-policy.ts';
import { effective, listenerLevels, portLevels, ruleLevels } from './inheritance.ts';

interface Settings {
  a?: number;
  b?: number;
}

interface Sketch {
  at: string;
  settings?: Settings;
  overrides?: Settings;
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
    expect(portLevels('Service/ns/s', '')).toEqual([{ object: 'Service/ns/s', section: '' }]);
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

it('thousands with one target cost as much as thousands with one each', () => {
  const all = policies(...Array.from({ length: 20_000 }, () => ({ at: 'HTTPRoute/ns/r', settings: { a: 1 } })));
  const rule = [{ object: 'HTTPRoute/ns/r', section: '' }];
  const before = process.cpuUsage();
  const found = all.map(() => effective(() => all, rule, 'whole')?.decisive.policy.name);
  const { user } = process.cpuUsage(before);
  expect(new Set(found)).toEqual(new Set(['p0']));
  expect(user / 1e6).toBeLessThan(5);
});
