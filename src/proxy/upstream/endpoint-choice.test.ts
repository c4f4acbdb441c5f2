/** Which of several endpoints has the next request, by each way to choose: without sockets or backends. */
import { expect, test } from 'vitest';
import type { LoadBalancing } from '../../config/index.ts';
import type { EndpointPool } from './connection.ts';
import { endpointChoice, hashOf, hashOfClient } from './endpoint-choice.ts';
import { EndpointGroup } from './endpoint-group.ts';
import { NO_HASH } from './hash-key.ts';

interface Made {
  load?: number;
  weight?: number;
}

function poolsOf(made: Record<string, Made>): EndpointPool[] {
  const health = { streams: 0, freshSince: -1, admits: () => true };
  return Object.entries(made).map(([label, { load = 0 }]) => ({ label, load, health }) as unknown as EndpointPool);
}

function groupOf(made: Record<string, Made>): EndpointGroup {
  const pools = poolsOf(made);
  return new EndpointGroup(pools, new Map(pools.map((pool) => [pool, made[pool.label]!.weight ?? 1])));
}

/** Those that get so many requests, one after the other, of one client. */
function chosen(settings: LoadBalancing, group: EndpointGroup, asked: { count: number; hash?: number }): string[] {
  const choice = endpointChoice(settings);
  const turns = { turn: 0 };
  const aim = asked.hash === undefined ? null : ({ hash: asked.hash } as never);
  return Array.from(
    { length: asked.count },
    () => choice.choose(group, { now: 0, avoid: null, aim, turns } as never)!.label,
  );
}

const byAddress = (more: object = {}): LoadBalancing => ({
  type: 'ConsistentHash',
  hash: { keys: [{ type: 'ClientAddress' }], ...more },
});

/** That the ring begins to look for with an endpoint of this name. */
function hashThatMeets(group: EndpointGroup, label: string): number {
  for (let hash = 1; ; hash += 0x0100_0001) if (group.ring.at(group.ring.pointOf(hash)).label === label) return hash;
}

test('turns are taken by weight, the heavier ones spread among the others', () => {
  expect(groupOf({ a: { weight: 2 }, b: {} }).turns.map(({ label }) => label)).toEqual(['a', 'b', 'a']);
});

test('of two the one with fewer requests by its weight has the next', () => {
  const least: LoadBalancing = { type: 'LeastRequest' };
  expect(new Set(chosen(least, groupOf({ a: { load: 5 }, b: {} }), { count: 20 }))).toEqual(new Set(['b']));
  const weighed = groupOf({ a: { load: 5, weight: 10 }, b: { load: 1 } });
  expect(new Set(chosen(least, weighed, { count: 20 }))).toEqual(new Set(['a']));
});

test('a hash leads to the endpoint whose point comes first on the ring', () => {
  const group = groupOf({ a: {}, b: {}, c: {} });
  for (const label of ['a', 'b', 'c']) {
    expect(chosen(byAddress(), group, { count: 2, hash: hashThatMeets(group, label) })).toEqual([label, label]);
  }
});

test('who has nothing to be told by is served in turn', () => {
  for (const hash of [undefined, NO_HASH]) {
    expect(chosen(byAddress(), groupOf({ a: {}, b: {} }), { count: 3, ...(hash !== undefined && { hash }) })).toEqual([
      'a',
      'b',
      'a',
    ]);
  }
});

test('one may have its share of all requests by its weight, and no more', () => {
  const hash = (group: EndpointGroup): number => hashThatMeets(group, 'a');
  const most = byAddress({ maxLoadPercent: 100 });
  const full = groupOf({ a: { load: 8, weight: 4 }, b: {} });
  expect(chosen(most, full, { count: 1, hash: hash(full) })).toEqual(['b']);
  const roomy = groupOf({ a: { load: 7, weight: 4 }, b: { load: 1 } });
  expect(chosen(most, roomy, { count: 1, hash: hash(roomy) })).toEqual(['a']);
});

test('what a share is, is counted anew when as many were sent as there are endpoints', () => {
  const group = groupOf({ a: { load: 3 }, b: { load: 5 } });
  expect([group.mostLoad(100), group.mostLoad(100)]).toEqual([4.5, 5]);
  for (const pool of group.pools) Object.assign(pool, { load: 1 });
  expect([group.mostLoad(100), group.mostLoad(200)]).toEqual([1.5, 4]);
});

test('of a subset each has its part of the requests of one client', () => {
  const group = groupOf({ a: {}, b: {}, c: {}, d: {} });
  const counts = new Map<string, number>();
  for (const label of chosen(byAddress({ subsetSize: 2 }), group, { count: 400, hash: hashThatMeets(group, 'a') })) {
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  expect(counts.size).toBe(2);
  expect(counts.has('a')).toBe(true);
  expect(Math.min(...counts.values())).toBeGreaterThan(100);
});

test('the hash is of what the choice goes by', () => {
  const [address, header] = [byAddress(), byAddress({ keys: [{ type: 'Header', name: 'x-user' }] })];
  const turns: LoadBalancing = { type: 'RoundRobin' };
  const of = (settings: LoadBalancing): number => hashOfClient(endpointChoice(settings), '192.0.2.1');
  expect(of(address)).not.toBe(NO_HASH);
  expect([of(header), of(turns)]).toEqual([NO_HASH, NO_HASH]);
  expect(hashOf(endpointChoice(turns), {} as never)).toBe(NO_HASH);
});
