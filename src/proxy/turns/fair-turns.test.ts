import { expect, test } from 'vitest';
import { FairTurns, MAX_IDLE_LINES } from './fair-turns.ts';

const a = { tenant: 'a', line: 'one' };
const b = { tenant: 'b', line: 'one' };

/** Takes turns of so many milliseconds by tenant and line until nobody waits. */
function run(turns: FairTurns<string>, times: Record<string, number>): string[] {
  const had: string[] = [];
  for (let next = turns.next(); next !== undefined; next = turns.next()) {
    had.push(next.one);
    turns.spend(next.waiter, times[`${next.waiter.tenant}/${next.waiter.line}`] ?? 1);
  }
  return had;
}

test('in one line who came first is first', () => {
  const turns = new FairTurns<string>();
  for (const one of ['1', '2', '3']) turns.add(a, one);
  expect(turns.size).toBe(3);
  expect(run(turns, {})).toEqual(['1', '2', '3']);
  expect(turns.size).toBe(0);
});

test('who takes long and crowds keeps another one waiting for one turn, and then for as long as that takes', () => {
  const turns = new FairTurns<string>();
  for (let i = 0; i < 4; i++) turns.add(a, `a${i}`);
  for (let i = 0; i < 4; i++) turns.add(b, `b${i}`);
  expect(run(turns, { 'a/one': 100, 'b/one': 30 })).toEqual(['a0', 'b0', 'b1', 'b2', 'b3', 'a1', 'a2', 'a3']);
});

test('many lines of one tenant have together what one line of another has', () => {
  const turns = new FairTurns<string>();
  for (let i = 0; i < 4; i++) turns.add({ tenant: 'a', line: `${i}` }, `a${i}`);
  for (let i = 0; i < 4; i++) turns.add(b, `b${i}`);
  expect(run(turns, {})).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2', 'a3', 'b3']);
});

test('of one tenant the lines take turns, too', () => {
  const turns = new FairTurns<string>();
  for (let i = 0; i < 3; i++) turns.add(a, `one${i}`);
  turns.add({ tenant: 'a', line: 'two' }, 'two0');
  expect(run(turns, { 'a/one': 100 })).toEqual(['one0', 'two0', 'one1', 'one2']);
});

test('who was away gets no credit for it, and who had much still has had it when he comes again', () => {
  const turns = new FairTurns<string>();
  turns.add(b, 'b0');
  run(turns, { 'b/one': 50 });
  for (let i = 0; i < 3; i++) turns.add(a, `a${i}`);
  turns.next();
  turns.spend(a, 10);
  turns.add(b, 'b1');
  expect(run(turns, { 'a/one': 10 })).toEqual(['a1', 'a2', 'b1']);
  for (let i = 0; i < 3; i++) turns.add(b, `b${i}`);
  turns.add({ tenant: 'new', line: 'one' }, 'n');
  expect(run(turns, {}).indexOf('n')).toBeLessThanOrEqual(1);
});

test('where there is no room the place is that of the last of whom most wait', () => {
  const turns = new FairTurns<string>();
  expect(turns.shed()).toBeUndefined();
  turns.add(b, 'b0');
  for (let i = 0; i < 2; i++) turns.add(a, `a${i}`);
  for (let i = 0; i < 3; i++) turns.add({ tenant: 'a', line: 'two' }, `two${i}`);
  expect(turns.shed()).toBe('two2');
  expect(turns.waiting(a)).toBe(2);
  expect(turns.size).toBe(5);
  expect(turns.clear().sort()).toEqual(['a0', 'a1', 'b0', 'two0', 'two1']);
  expect(turns.next()).toBeUndefined();
});

test('lines in which nobody waits are forgotten when there are many', () => {
  const turns = new FairTurns<string>();
  for (let i = 0; i < 3 * MAX_IDLE_LINES; i++) {
    turns.add({ tenant: `${i}`, line: '' }, '');
    turns.add({ tenant: 'a', line: `${i}` }, '');
    turns.next();
    turns.next();
  }
  expect(turns.lines).toBeLessThanOrEqual(2 * MAX_IDLE_LINES + 3);
  turns.add(a, 'still');
  expect(turns.next()!.one).toBe('still');
});
