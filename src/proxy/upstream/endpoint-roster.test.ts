/** The form in which endpoints are balanced over, made from the form before. */
import { describe, expect, test } from 'vitest';
import type { Endpoint, LoadBalancing } from '../../config/index.ts';
import { atOnce } from '../ground/slice.ts';
import type { EndpointPool } from './connection.ts';
import { EndpointGroup } from './endpoint-group.ts';
import { EMPTY_ROSTER, type Roster, type RosterRules, type RosterStep, rosterStep } from './endpoint-roster.ts';

const at = (address: string, more: Partial<Endpoint> = {}): Endpoint => ({
  address,
  port: 80,
  state: 'ready',
  ...more,
});
const all = (...names: string[]): Endpoint[] => Array.from(names.join(''), (name) => at(name));

const newPool: RosterRules['newPool'] = ({ address, port }, label) =>
  ({ address, port, label, load: 0 }) as unknown as EndpointPool;
const RULES: RosterRules = { loadBalancing: undefined, zone: undefined, newPool };

function step(before: Roster, offered: readonly Endpoint[], rules: Partial<RosterRules> = {}): RosterStep {
  return atOnce(rosterStep(before, offered, { ...RULES, ...rules }));
}
const first = (offered: readonly Endpoint[], rules?: Partial<RosterRules>): Roster =>
  step(EMPTY_ROSTER, offered, rules).roster;
const names = (pools: readonly EndpointPool[]): string => pools.map(({ address }) => address).join('');

describe('a list', () => {
  test('has a pool for each, in its order', () => {
    const { roster, come, gone, before } = step(EMPTY_ROSTER, all('abc'));
    expect([roster.members, roster.pools, roster.ready.pools, come].map(names)).toEqual(['abc', 'abc', 'abc', 'abc']);
    expect(roster.pools.map(({ label }) => label)).toEqual(['a:80', 'b:80', 'c:80']);
    expect([gone, before]).toEqual([[], EMPTY_ROSTER]);
    // Lists are not made twice: there are thousands of backends.
    expect([roster.pools, roster.ready.pools]).toEqual([roster.members, roster.members]);
    expect(roster.pools).toBe(roster.members);
    expect(roster.ready.pools).toBe(roster.members);
  });

  test('of nothing is nothing', () => {
    const { roster, come } = step(EMPTY_ROSTER, []);
    expect([roster.members, come]).toEqual([[], []]);
    for (const group of [roster.ready, roster.near, roster.draining]) expect(group).toBe(EndpointGroup.NONE);
  });

  test('that says one twice has one pool for it, and its turns', () => {
    const { roster, come } = step(EMPTY_ROSTER, all('aba'));
    expect([roster.members, roster.pools, roster.ready.pools, come].map(names)).toEqual(['aba', 'ab', 'aba', 'ab']);
    expect(roster.members[2]).toBe(roster.members[0]);
  });

  test('tells addresses and ports apart', () => {
    const { roster } = step(EMPTY_ROSTER, [at('a'), at('a', { port: 81 }), at('b', { port: 81 })]);
    const next = step(roster, [at('b', { port: 81 }), at('a', { port: 81 }), at('b')]);
    expect(next.roster.members.slice(0, 2)).toEqual([roster.members[2], roster.members[1]]);
    expect(names(next.come)).toBe('b');
    expect(next.gone).toEqual([roster.members[0]]);
  });

  test.each([
    ['abcd', 'abcd', '', ''],
    ['abcd', 'acd', '', 'b'],
    ['abcd', 'abxcd', 'x', ''],
    ['abcd', 'dcba', '', ''],
    ['abcd', 'xyab', 'xy', 'cd'],
    ['abab', 'ba', '', ''],
    ['ab', 'xx', 'x', 'ab'],
    ['abcd', '', '', 'abcd'],
    ['ab', 'b', '', 'a'],
    ['', 'a', 'a', ''],
  ])('after %s, of %s: those that stay have their pool', (was, is, comes, goes) => {
    const before = first(all(was));
    const { roster, come, gone } = step(before, all(is));
    expect([names(roster.members), names(come), names(gone)]).toEqual([is, comes, goes]);
    const pools = new Map(before.pools.map((pool) => [pool.label, pool]));
    for (const pool of roster.pools) expect(pools.get(pool.label) ?? pool).toBe(pool);
  });
});

describe('those of a list', () => {
  test('are ready, or drain', () => {
    const { ready, draining, pools } = first([at('a'), at('b', { state: 'draining' }), at('c')]);
    expect([ready.pools, draining.pools, pools].map(names)).toEqual(['ac', 'b', 'abc']);
  });

  const PREFER: LoadBalancing = { type: 'RoundRobin', zone: 'PreferLocal' };
  const zoned = [
    at('a', { zone: 'here' }),
    at('b', { zone: 'there' }),
    at('c'),
    at('d', { zone: 'here', state: 'draining' }),
  ];
  test.each<[string, Partial<RosterRules>, string]>([
    ['in our zone, where they are to come first', { loadBalancing: PREFER, zone: 'here' }, 'a'],
    ['anywhere, where that is not asked for', { loadBalancing: { type: 'RoundRobin' }, zone: 'here' }, ''],
    ['anywhere, where we have no zone', { loadBalancing: PREFER }, ''],
    ['anywhere, where there is no policy', { zone: 'here' }, ''],
  ])('are %s', (_, rules, near) => {
    expect(names(first(zoned, rules).near.pools)).toBe(near);
  });

  test('weigh what the first network says that holds them, or one', () => {
    const weights = [
      { networks: ['10.0.0.0/24', '10.0.2.0/24'], weight: 3 },
      { networks: ['10.0.0.0/16'], weight: 5 },
    ];
    const offered = ['10.0.0.1', '10.0.1.1', '10.0.2.1', '10.1.0.1'].map((address) => at(address));
    const roster = first(offered, { loadBalancing: { type: 'RoundRobin', weights } });
    expect(roster.members.map((pool) => roster.weights!.get(pool))).toEqual([3, 5, 3, 1]);
    expect(first(offered).weights).toBeNull();
  });
});

describe('of a long list', () => {
  const LENGTH = 1_280;
  const STEP = 128;
  const list = (from = 0): Endpoint[] =>
    Array.from({ length: LENGTH }, (_, i) => at(`10.${(from + i) >> 8}.${i & 255}.1`));
  const weights = [{ networks: ['10.0.0.0/16'], weight: 2 }];

  /** How often it stops. */
  function stops(before: Roster, offered: Endpoint[], rules: Partial<RosterRules> = {}): number {
    const making = rosterStep(before, offered, { ...RULES, ...rules });
    let count = 0;
    while (making.next().done !== true) count++;
    return count;
  }

  test('each look through it stops after so many, and no more often', () => {
    const looks = LENGTH / STEP;
    // Pools, which of them are used, the ready ones, those that drain; and between, four times more.
    expect(stops(EMPTY_ROSTER, list())).toBe(4 * looks + 4);
    expect(stops(EMPTY_ROSTER, list(), { loadBalancing: { type: 'RoundRobin', weights } })).toBe(5 * looks + 4);
    // Those of before, where one is not where it was, and which of them are gone.
    const before = first(list());
    expect(stops(before, list().reverse())).toBe(6 * looks + 4);
    expect(stops(before, list())).toBe(5 * looks + 4);
  });
});
