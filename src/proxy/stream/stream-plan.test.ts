import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RouteRule, WeightedBackend } from '../../config/index.ts';
import { ListPicker, ruleOf } from './rig.suite.ts';
import { compileStreamPlan, precedes, ruleForListener, StreamPlans } from './stream-plan.ts';

const backendOf = (key: string) => ({ key, picker: new ListPicker([]) });
const attachments = [{ listener: 'ns/gw/tcp', hostnames: ['*'] }];

function tcpRoute(name: string, more: Partial<RouteRule> = {}): RouteRule {
  return ruleOf({ route: { kind: 'TCPRoute', namespace: 'ns', name }, attachments, ...more });
}

describe('the plan of a rule', () => {
  it('gives each backend its weight of every run of choices', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (weights, runs) => {
          const backends = weights.map(
            (weight, i): WeightedBackend => ({ backend: `ns/b${i}:1`, weight, filters: [] }),
          );
          const plan = compileStreamPlan(tcpRoute('a', { backends }), 'ns/gw/tcp', backendOf);
          const counts = weights.map(() => 0);
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (let i = 0; i < total * runs; i++) counts[Number(plan.next()!.key.slice(4, 5))]!++;
          expect(counts).toEqual(weights.map((weight) => weight * runs));
          if (total === 0) expect(plan.next()).toBeUndefined();
        },
      ),
    );
  });

  it('keeps the share of references that do not resolve, and answers nothing for it', () => {
    const backends: WeightedBackend[] = [
      { backend: 'ns/a:1', weight: 1, filters: [] },
      { weight: 1, filters: [], broken: 'no such Service' },
    ];
    const plan = compileStreamPlan(tcpRoute('a', { backends }), 'ns/gw/tcp', backendOf);
    const keys = Array.from({ length: 4 }, () => plan.next()?.key ?? '');
    expect(keys.sort()).toEqual(['', '', 'ns/a:1', 'ns/a:1']);
  });

  it('answers nothing where the rule is broken as a whole', () => {
    const backends = [{ backend: 'ns/a:1', weight: 1, filters: [] }];
    expect(
      compileStreamPlan(tcpRoute('a', { backends, broken: 'bad' }), 'ns/gw/tcp', backendOf).next(),
    ).toBeUndefined();
  });

  it('is kept while the rule is the same', () => {
    const plans = new StreamPlans(backendOf);
    const rule = tcpRoute('a');
    expect(plans.planOf(rule, 'ns/gw/tcp')).toBe(plans.planOf(rule, 'ns/gw/tcp'));
    expect(plans.planOf(rule, 'ns/gw/other')).not.toBe(plans.planOf(rule, 'ns/gw/tcp'));
    expect(plans.planOf({ ...rule }, 'ns/gw/tcp')).not.toBe(plans.planOf(rule, 'ns/gw/tcp'));
  });
});

describe('the rule of a listener', () => {
  it('is of its kind and attached to it', () => {
    const rules = [
      ruleOf({ route: { kind: 'UDPRoute', namespace: 'ns', name: 'a' }, attachments }),
      tcpRoute('b', { attachments: [{ listener: 'ns/gw/other', hostnames: ['*'] }] }),
      tcpRoute('c'),
    ];
    expect(ruleForListener(rules, 'ns/gw/tcp', 'TCPRoute')?.route.name).toBe('c');
    expect(ruleForListener(rules, 'ns/gw/none', 'TCPRoute')).toBeUndefined();
  });

  it('is of the older route, else of the first by namespace/name, else the first rule', () => {
    const older = tcpRoute('z', { created: '2024-01-01T00:00:00Z' });
    const newer = tcpRoute('a', { created: '2024-02-01T00:00:00Z' });
    const first = tcpRoute('b');
    const second = tcpRoute('b', { index: 1 });
    const ordered = [older, newer, first, second];
    for (const [i, rule] of ordered.entries()) {
      for (const later of ordered.slice(i + 1)) {
        expect(precedes(rule, later)).toBe(true);
        expect(precedes(later, rule)).toBe(false);
      }
    }
    expect(ruleForListener([second, first, newer, older], 'ns/gw/tcp', 'TCPRoute')).toBe(older);
  });
});
