import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Listener, RouteRule } from '../../config/index.ts';
import { type ExampleMatch, exampleListener, exampleRule } from './example.suite.ts';
import { compileTable, explainMatch, type PlainRequest, PlanCache, plainHead } from './index.ts';
import { referenceMatch } from './reference.suite.ts';

// Small alphabets, so that almost everything overlaps with something else.
const HOSTNAMES = ['*', '*.b', '*.a.b', 'a.b', 'a.a.b', 'b'];
const host = fc.constantFrom('', 'b', 'a.b', 'A.b', 'b.b', 'a.a.b', 'b.a.B', 'a.b.a.b', '.b');
const segment = fc.constantFrom('a', 'b', 'ab', '');
const path = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom('/', '/a') },
  fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`),
);
const regex = fc.constantFrom('~/a.*', '~/[ab]+', '~.*b', '~/a/(a|b)', '~/');
const value = fc.constantFrom('1', '1', '2', '~[12]', '~.*');
const term = fc.tuple(fc.constantFrom('x', 'X', 'y'), value).map(([n, v]) => (v[0] === '~' ? `${n}${v}` : `${n}=${v}`));

const match: fc.Arbitrary<ExampleMatch> = fc.record({
  path: fc.oneof(
    { weight: 3, arbitrary: path },
    path.map((p) => `=${p}`),
    regex,
  ),
  method: fc.constantFrom(undefined, undefined, 'GET', 'PUT'),
  headers: fc.array(term, { maxLength: 2 }),
  query: fc.array(term, { maxLength: 2 }),
});

const listeners: fc.Arbitrary<Listener[]> = fc
  .array(fc.constantFrom(undefined, ...HOSTNAMES.slice(1)), { minLength: 1, maxLength: 4 })
  .map((hostnames) => hostnames.map((hostname, i) => exampleListener(`l${i}`, hostname)));

const attachment = fc.record({
  listener: fc.integer({ min: 0, max: 3 }).map((i) => `infra/gateway/l${i}`),
  hostnames: fc.uniqueArray(fc.constantFrom('*', ...HOSTNAMES), { minLength: 1, maxLength: 2 }),
});

const rule = fc.record({
  route: fc.constantFrom('a/r', 'a/s', 'b/r'),
  created: fc.constantFrom('', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
  on: fc.array(attachment, { minLength: 1, maxLength: 2 }),
  matches: fc.array(match, { minLength: 1, maxLength: 3 }),
});

/** Rules of one route have one age and different indexes, as in a cluster. */
const rules: fc.Arbitrary<RouteRule[]> = fc.array(rule, { minLength: 1, maxLength: 8 }).map((examples) => {
  const ages = new Map<string, string>();
  return examples.map((example, index) => {
    const created = ages.get(example.route) ?? example.created;
    ages.set(example.route, created);
    return exampleRule({ ...example, created, index });
  });
});

const pair = fc.tuple(fc.constantFrom('x', 'x', 'X', 'y', 'z'), fc.constantFrom('1', '1', '1', '2', '3'));
const request: fc.Arbitrary<PlainRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'PUT'),
    host,
    path,
    query: fc.array(
      pair.map(([n, v]) => `${n}=${v}`),
      { maxLength: 3 },
    ),
    headers: fc.array(pair, { maxLength: 3 }),
  })
  .map(({ path: p, query, ...rest }) => ({ ...rest, target: query.length > 0 ? `${p}?${query.join('&')}` : p }));

describe('the compiled table', () => {
  it('agrees with a plain sorted list, and with its own explanation', () => {
    fc.assert(
      fc.property(listeners, rules, fc.array(request, { minLength: 1, maxLength: 10 }), (on, all, requests) => {
        const table = compileTable({ listeners: on, rules: all, plans: new PlanCache() });
        for (const asked of requests) {
          const expected = referenceMatch(on, all, asked);
          const found = table.match(plainHead(asked), '');
          expect(found?.plan.rule.key).toBe(expected?.rule.key);
          const explained = explainMatch(table, asked, '');
          const chosen = explained.candidates[explained.chosen];
          expect(chosen?.rule.key).toBe(expected?.rule.key);
          expect(chosen?.matchIndex).toBe(expected?.match);
        }
      }),
      { numRuns: 600 },
    );
  });

  it('is the same whether it is built anew or from the parts of the last one', () => {
    fc.assert(
      fc.property(
        listeners,
        fc.array(rules, { minLength: 2, maxLength: 4 }),
        fc.array(request),
        (on, steps, requests) => {
          const plans = new PlanCache();
          for (const all of steps) {
            const table = compileTable({ listeners: on, rules: all, plans });
            const fresh = compileTable({ listeners: on, rules: all, plans: new PlanCache() });
            plans.retain({ rules: all, listeners: on });
            for (const asked of requests) {
              const found = table.match(plainHead(asked), '')?.plan.rule;
              expect(found).toEqual(fresh.match(plainHead(asked), '')?.plan.rule);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
