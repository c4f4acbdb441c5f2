import { expect, test } from 'vitest';
import { TimeWindows } from './time-window.ts';

const BERLIN = { timeZone: 'Europe/Berlin' };
const [MONDAY, FRIDAY] = [1, 5];

test.each([
  ['within', '2026-11-30T08:00:00+01:00', true],
  ['its end, which is not within', '2026-11-30T17:30:00+01:00', false],
  ['the minute before', '2026-11-30T07:59:59+01:00', false],
  ['another day', '2026-12-01T12:00:00+01:00', false],
  ['in summer, when clocks are changed', '2026-07-06T08:00:00+02:00', true],
])('%s', (_, time, holds) => {
  const windows = new TimeWindows([{ days: [MONDAY], from: 480, to: 1050, ...BERLIN }], () => Date.parse(time));
  expect(windows.holds()).toBe(holds);
});

test.each([
  ['before midnight', '2026-12-04T23:00:00+01:00', true],
  ['after it', '2026-12-05T05:59:00+01:00', true],
  ['the morning of the day', '2026-12-04T05:00:00+01:00', false],
  ['the evening after', '2026-12-05T23:00:00+01:00', false],
])('over midnight: %s', (_, time, holds) => {
  const windows = new TimeWindows([{ days: [FRIDAY], from: 1320, to: 360, ...BERLIN }], () => Date.parse(time));
  expect(windows.holds()).toBe(holds);
});

test('is looked at anew when the minute is over', () => {
  let now = Date.parse('2026-11-30T07:59:30+01:00');
  const windows = new TimeWindows([{ days: [], from: 480, to: 1440, ...BERLIN }], () => now);
  expect(windows.holds()).toBe(false);
  now += 30_000;
  expect(windows.holds()).toBe(true);
});
