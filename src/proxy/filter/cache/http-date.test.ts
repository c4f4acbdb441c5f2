import { expect, test } from 'vitest';
import { httpDate } from './http-date.ts';

const AT = Date.UTC(1994, 10, 6, 8, 49, 37);

test.each([
  'Sun, 06 Nov 1994 08:49:37 GMT',
  'SUN, 06 nov 1994 08:49:37 gMT',
  'Sunday, 06-Nov-94 08:49:37 GMT',
  'Sun Nov  6 08:49:37 1994',
])('%s is a date', (text) => {
  expect(httpDate(text, 2026)).toBe(AT);
});

test('a year of two digits is 50 years ahead at most', () => {
  const year = (digits: string): number =>
    new Date(httpDate(`Sunday, 06-Nov-${digits} 08:49:37 GMT`, 2026)!).getUTCFullYear();
  expect([year('00'), year('76'), year('77'), year('99')]).toEqual([2000, 2076, 1977, 1999]);
});

test.each([
  '0',
  '-1',
  '',
  '1994-11-06T08:49:37Z',
  'Sun, 06 Nov 1994 08:49:37 UTC',
  'Sun, 06 Nov 1994 08:49:37 +0000',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun 06 Nov 1994 08:49:37 GMT',
  'Sun, 06  Nov  1994 08:49:37 GMT',
  'Sun, 06-Nov-1994 08:49:37 GMT',
  'Sun, 06 Nov 94 08:49:37 GMT',
  'Sun, 06 Nov 1994 8:49:37 GMT',
  'Sun, 06 Nov 1994 08.49.37 GMT',
  'Sun, 06 Nov 1994 25:49:37 GMT',
  'Sun, 66 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
])('%j is none', (text) => {
  expect(httpDate(text)).toBeUndefined();
});
