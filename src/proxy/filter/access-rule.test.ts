import { afterEach, beforeEach, expect, test } from 'vitest';
import { compileCel } from '../../value/cel.ts';
import { COUNTED_BYTES, MAX_CEL_STEPS } from '../../value/cel-cost.ts';
import { charge, MAX_MATCH_STEPS, Overdrawn, renewAllowance, taken } from '../ground/allowance.ts';
import { CompiledAccessRule } from './access-rule.ts';
import { RecordedScope } from './filter.suite.ts';

beforeEach(renewAllowance);
afterEach(renewAllowance);

/** Of the dearest that are taken: each slash of a path is a turn of the loop. */
const DEAR = 'request.path.split("/").exists(part, part == "admin")';

function ruleOf(cel: string): CompiledAccessRule {
  const rule = { name: 'r', addresses: [], methods: [], paths: [], headers: [], times: [], cel };
  return new CompiledAccessRule(rule, 'Any');
}

const ask = (target: string) => new RecordedScope({ target });

test('what an expression may cost is counted as looks of the request, by the length of the request', () => {
  const rule = ruleOf(DEAR);
  expect(rule.takes(ask('/a/admin'), true)).toBe(true);
  const short = taken();
  expect(short).toBeLessThan(MAX_MATCH_STEPS / 20);
  renewAllowance();
  expect(rule.takes(ask(`/${'a/'.repeat(4_000)}`), true)).toBe(false);
  expect(taken()).toBeGreaterThan(8 * short);
  expect(taken()).toBeLessThan(MAX_MATCH_STEPS);
});

test('a request that was looked at for long enough is not asked about further, whatever is said where nobody knows', () => {
  charge(MAX_MATCH_STEPS + 1);
  expect(() => ruleOf('true').takes(ask('/'), true)).toThrow(Overdrawn);
});

test('all policies of a request together take what one request may take, and one expression more', () => {
  const rule = ruleOf(DEAR);
  const long = ask(`/${'/'.repeat(7_800)}`);
  let asked = 0;
  const before = process.threadCpuUsage();
  expect(() => {
    for (;;) {
      rule.takes(long, false);
      asked++;
    }
  }).toThrow(Overdrawn);
  const { user, system } = process.threadCpuUsage(before);
  expect(asked).toBeLessThan(10);
  expect(taken()).toBeLessThanOrEqual(MAX_MATCH_STEPS + MAX_CEL_STEPS);
  // Milliseconds.
  expect((user + system) / 1_000).toBeLessThan(20);
});

test('a request costs less than in proportion to the longest', () => {
  const { steps, stepsFor } = compileCel(DEAR);
  expect(stepsFor(COUNTED_BYTES, 1)).toBe(steps);
  expect(stepsFor(COUNTED_BYTES / 4, 1)).toBeLessThan(steps / 3);
  expect(stepsFor(0, 0)).toBeGreaterThan(0);
  expect(compileCel('request.headers.exists(n, n == "x")').stepsFor(0, 512)).toBeGreaterThan(512 * 12);
});
