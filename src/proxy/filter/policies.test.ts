import { expect, test } from 'vitest';
import { DaemunError } from '../../observe/index.ts';
import { FilterChain } from './chain.ts';
import {
  ANSWERED,
  type AttachedPolicy,
  CONTINUE,
  type CompiledFilter,
  type FilterScope,
  type FilterStep,
  Policies,
} from './index.ts';

const PLAN = { rule: { key: 'HTTPRoute/d/r/0' }, filters: null };

function policy(type: string, kind: string, key: string): AttachedPolicy {
  return { key: `${type}/${key}`, type, target: { kind, key } };
}

function filter(type: string, step: FilterStep): CompiledFilter {
  return { type, step, onRequest: () => CONTINUE };
}

const types = (chain: FilterChain | null): string[] => chain?.filters.map(({ type }) => type) ?? [];

test('where no policy acts, plans and backends keep what they have', () => {
  const policies = new Policies({ Elsewhere: null });
  policies.prepare([policy('Elsewhere', 'Listener', 'd/g/l')]).swap();
  const filters = FilterChain.of([filter('own', 'route-filters')]);
  expect(policies.none).toBe(true);
  expect(policies.filtersOf({ ...PLAN, filters }, 'd/g/l')).toBe(filters);
  expect(policies.filtersOfBackend({ key: 'd/b:80', filters })).toBe(filters);
});

test('filters come in the order of their steps, of one step those of the listener first', () => {
  const policies = new Policies({
    Late: () => filter('late', 'claim-limits'),
    Early: () => filter('early', 'address-access'),
    Inner: () => filter('inner', 'address-access'),
    Backend: () => filter('backend', 'backend'),
  });
  policies
    .prepare([
      policy('Inner', 'RouteRule', PLAN.rule.key),
      policy('Late', 'Listener', 'd/g/l'),
      policy('Early', 'Listener', 'd/g/l'),
      policy('Backend', 'Backend', 'd/b:80'),
    ])
    .swap();
  const plan = { ...PLAN, filters: FilterChain.of([filter('cors', 'cors-preflight'), filter('own', 'route-filters')]) };
  expect(types(policies.filtersOf(plan, 'd/g/l'))).toEqual(['early', 'inner', 'cors', 'late', 'own']);
  expect(types(policies.filtersOf(plan, 'd/g/other'))).toEqual(['inner', 'cors', 'own']);
  expect(policies.filtersOf(plan, 'd/g/l')).toBe(policies.filtersOf(plan, 'd/g/l'));
  expect(types(policies.ofListener('d/g/l'))).toEqual(['early', 'late']);
  const backend = { key: 'd/b:80', filters: FilterChain.of([filter('own', 'backend')]) };
  expect(types(policies.filtersOfBackend(backend))).toEqual(['backend', 'own']);
  expect(policies.filtersOfBackend(backend)).toBe(policies.filtersOfBackend(backend));
  expect(policies.filtersOfBackend({ key: 'd/c:80', filters: null })).toBeNull();
});

test('nothing of the next config acts before it is swapped in; what did not change keeps its filter', () => {
  let made = 0;
  const policies = new Policies({ One: () => filter(`one${made++}`, 'authentication') });
  const [kept, changed] = [policy('One', 'Listener', 'd/g/a'), policy('One', 'Listener', 'd/g/b')];
  policies.prepare([kept, changed]).swap();
  const next = policies.prepare([kept, { ...changed }]);
  expect(types(policies.ofListener('d/g/b'))).toEqual(['one1']);
  next.swap();
  expect(types(policies.ofListener('d/g/a'))).toEqual(['one0']);
  expect(types(policies.ofListener('d/g/b'))).toEqual(['one2']);
  policies.prepare([]).swap();
  expect(policies.none).toBe(true);
});

test('what cannot be used is told, and denies in its place', () => {
  const bad = new DaemunError('DMN_CONFIG_INVALID', 'spec.x: must be y');
  const policies = new Policies({
    Bad: () => {
      throw bad;
    },
    Elsewhere: null,
  });
  const broken = policy('Bad', 'RouteRule', PLAN.rule.key);
  expect(() => policies.check(broken)).toThrow(bad);
  expect(
    [broken, policy('Unheard', 'Listener', 'l'), policy('Elsewhere', 'Listener', 'l')].map((one) =>
      policies.guards(one),
    ),
  ).toEqual([true, true, false]);
  policies.prepare([broken]).swap();
  const [unusable] = policies.filtersOf(PLAN, 'd/g/l')!.filters;
  expect(unusable).toMatchObject({ type: 'Bad', step: 'address-access' });
  const denials: unknown[] = [];
  const scope = { tell() {}, deny: (denial: unknown) => denials.push(denial) } as unknown as FilterScope;
  expect(unusable!.onRequest?.(scope)).toBe(ANSWERED);
  expect(denials).toEqual([
    { status: 500, reason: 'policy_invalid', message: 'A policy of this route cannot be used.' },
  ]);
});

test('a type that nobody knows is told as such, and a fault of ours is not taken for one of a policy', () => {
  const fault = new TypeError('ours');
  const policies = new Policies({
    Faulty: () => {
      throw fault;
    },
  });
  expect(() => policies.check(policy('Unheard', 'Listener', 'l'))).toThrow(/no such policy: Unheard/);
  expect(() => policies.prepare([policy('Faulty', 'Listener', 'l')])).toThrow(fault);
});
