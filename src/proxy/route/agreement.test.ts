import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConfigObject,
  type Delta,
  type Listener,
  type PathForm,
  policyKey,
  type RouteRule,
  Snapshot,
} from '../../config/index.ts';
import { atOnce } from '../ground/slice.ts';
import { type ExampleMatch, exampleListener, exampleRule } from './example.suite.ts';
import {
  type CompiledTable,
  compileTable,
  explainMatch,
  type PlainRequest,
  PlanCache,
  plainHead,
  RouteBook,
} from './index.ts';
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
  call: fc.constantFrom(undefined, undefined, undefined, 'a', 'b'),
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

  it('is the same whether it is built anew or by edits of what was there, and what was there stays as it is', () => {
    const policies = fc.uniqueArray(
      fc.record({ on: fc.nat(3), form: fc.constantFrom('Keep', 'Reject', 'Normalize') }),
      {
        maxLength: 2,
        selector: ({ on }) => on,
      },
    );
    const step = fc.record({ on: listeners, all: rules.map(escaped), policies, dropped: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 2, maxLength: 6 }),
        fc.array(request, { minLength: 1, maxLength: 8 }),
        (steps, requests) => {
          const book = new RouteBook();
          let config = Snapshot.EMPTY;
          const seen: Array<{ table: CompiledTable; answers: unknown[] }> = [];
          for (const { on, all, policies, dropped } of steps) {
            const delta = deltaTo(config, [...on, ...all, ...policies.map(policyOf)]);
            const next = config.apply(delta);
            const served = on.map(({ key }) => next.get('Listener', key)!);
            const sockets = new Map([
              ['even', served.filter((_, i) => i % 2 === 0)],
              ['odd', served.filter((_, i) => i % 2 === 1)],
            ]);
            const routes = atOnce(book.prepare({ delta, config: next, sockets }));
            if (!dropped) {
              routes.commit();
              config = next;
            }
            for (const [socket, shared] of sockets) {
              const table = routes.tables.get(socket)!;
              const fresh = compileTable({ listeners: shared, rules: all, plans: new PlanCache(), config: next });
              const answers = answersOf(table, requests);
              expect(answers).toEqual(answersOf(fresh, requests));
              expect([table.scan.depth, table.scan.longest]).toEqual([fresh.scan.depth, fresh.scan.longest]);
              seen.push({ table, answers });
            }
          }
          for (const { table, answers } of seen) expect(answersOf(table, requests)).toEqual(answers);
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** Some rules with an escape in their paths, which only listeners that keep paths as they come look for as such. */
function escaped(all: RouteRule[]): RouteRule[] {
  return all.map((one, i) => {
    if (i % 2 === 0) return one;
    const matches = one.matches.map(({ path, ...rest }) => ({
      ...rest,
      path: { ...path, value: path.value.replace('a', '%61') },
    }));
    return { ...one, matches };
  });
}

function policyOf({ on, form }: { on: number; form: string }): ConfigObject {
  const key = `infra/gateway/l${on}`;
  const spec = { pathForm: form as PathForm };
  const target = { kind: 'Listener' as const, key };
  return { kind: 'Policy', key: policyKey('ClientTraffic', key), type: 'ClientTraffic', target, spec };
}

/** The step from what is there to exactly these objects; equal ones are not sent again. */
function deltaTo(config: Snapshot, objects: ConfigObject[]): Delta {
  const wanted = new Map(objects.map((object) => [object.key, object]));
  const held = new Map([...config.objects()].map((object) => [object.key, object]));
  const upserts = [...wanted.values()].filter((object) => !isDeepStrictEqual(held.get(object.key), object));
  const removals = [...held.values()].filter(({ key }) => !wanted.has(key)).map(({ kind, key }) => ({ kind, key }));
  return { version: config.version + 1, upserts, removals };
}

/** All that is looked at for each request, in its order, and what serves it. */
function answersOf(table: CompiledTable, requests: PlainRequest[]): unknown[] {
  return requests.map((asked) => {
    const considered = table.consider(plainHead(asked), '');
    const served = table.match(plainHead(asked), '');
    return {
      served: served && [served.plan.rule, served.matchedPrefix, served.listener],
      group: considered.group?.listeners,
      form: considered.group?.pathForm,
      candidates: considered.candidates.map(({ plan, match, listener, hostname }) => [
        plan.rule.key,
        match.index,
        match.pathText,
        listener.key,
        hostname,
      ]),
    };
  });
}
