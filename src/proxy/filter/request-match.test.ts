import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fewest, threadTime } from '../../../test/pace.ts';
import type { HttpMatch } from '../../config/index.ts';
import { Overdrawn, renewAllowance } from '../ground/allowance.ts';
import type { Head } from '../ground/head.ts';
import { RecordedScope } from './filter.suite.ts';
import { RequestMatches } from './request-match.ts';

beforeEach(renewAllowance);
afterEach(renewAllowance);

const LONG = 7_800;
const regex = (value: string): HttpMatch['path'] => ({ type: 'RegularExpression', value });
const onPath = (value: string): HttpMatch => ({ path: regex(value), headers: [], query: [] });
const ROOT: HttpMatch['path'] = { type: 'PathPrefix', value: '/' };

const head = (target: string, headers: Array<[string, string]> = []): Head =>
  new RecordedScope({ target, headers }).head;

const count = (most: number, make: (i: number) => HttpMatch) => Array.from({ length: most }, (_, i) => make(i));

/** What tenants may write, and the request that makes most of it. */
const WORST: Array<[name: string, matches: HttpMatch[], request: () => Head]> = [
  ['paths', count(4_096, (i) => onPath(`.*[ab]*x${i}`)), () => head(`/${'ab'.repeat(LONG / 2)}`)],
  [
    'headers',
    count(4_096, (i) => ({
      path: ROOT,
      headers: [{ type: 'RegularExpression', name: 'x', value: `.*y${i}` }],
      query: [],
    })),
    () => head('/', [['x', 'a'.repeat(LONG)]]),
  ],
  [
    'repeated headers',
    count(4_096, (i) => ({ path: ROOT, headers: [{ type: 'Exact', name: 'x', value: `${i}` }], query: [] })),
    () =>
      head(
        '/',
        Array.from({ length: 60 }, () => ['x', 'a'.repeat(120)] as [string, string]),
      ),
  ],
  [
    'parameters',
    count(4_096, (i) => ({ path: ROOT, headers: [], query: [{ type: 'Exact', name: `p${i}`, value: 'x' }] })),
    () => head(`/?${'q=1&'.repeat(LONG / 4)}`),
  ],
];

/** Milliseconds. */
const MOST = 5;

describe('what a tenant may ask of a request', () => {
  it.each(WORST)('is bounded: %s', async (_, matches, request) => {
    const compiled = new RequestMatches(matches, 'Any');
    const asked = request();
    const ask = (): void => {
      renewAllowance();
      expect(() => compiled.holds(asked)).toThrow(Overdrawn);
    };
    // What is asked often is compiled.
    for (let i = 0; i < 20; i++) ask();
    expect(await fewest(MOST, 100, () => threadTime(ask))).toBeLessThan(MOST);
  });
});
