import { describe, expect, test } from 'vitest';
import { MAX_ONE_BY_ONE, readFlags } from './command-line.ts';
import { quantile } from './tally.ts';

test('a quantile is a value that was measured', () => {
  const values = Array.from({ length: 100 }, (_, at) => 100 - at);
  expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([1, 50, 99, 100]);
  expect(quantile([7], 0.99)).toBe(7);
});

describe('the command line', () => {
  test('without flags is every part that is not asked for', () => {
    const flags = readFlags([]);
    expect(flags).toMatchObject({ atOnce: 1000, oneByOne: 300, seconds: 60, services: 5000, rate: 500 });
    expect(flags?.most).toBeUndefined();
    expect(flags?.implementation.name).toBe('daemun');
    const parts = ['flip', 'one-by-one', 'at-once', 'services'];
    expect(flags?.parts).toEqual([...parts, 'endpoints', 'backends', 'data-planes', 'replicas', 'controllers']);
  });

  test('takes another implementation, by where its pods are', () => {
    const place = ['--controllers', 'system/app=it', '--data-planes', 'system/gateway=edge'];
    const found = readFlags(['--class', 'other', ...place])?.implementation;
    expect(found?.name).toBe('other');
    expect(found?.controllers).toMatchObject({ namespace: 'system', selector: 'app=it' });
    expect(found?.dataPlanes('shop')).toMatchObject({ namespace: 'system', selector: 'gateway=edge' });
    expect(() => readFlags(['--class', 'other'])).toThrow('--controllers must be NAMESPACE/SELECTOR');
  });

  test('names what is wrong', () => {
    expect(readFlags(['--one-by-one', String(MAX_ONE_BY_ONE)])?.oneByOne).toBe(3000);
    expect(() => readFlags(['--one-by-one', String(MAX_ONE_BY_ONE + 1)])).toThrow('--one-by-one must be 3000 at most');
    expect(() => readFlags(['--seconds', '0'])).toThrow('--seconds must be a whole number above 0, not 0');
    expect(() => readFlags(['--only', 'nothing'])).toThrow('there is no part called nothing, but flip');
    expect(() => readFlags(['--only', 'command'])).toThrow('the part command needs --command');
    expect(readFlags(['--help'])).toBeUndefined();
  });
});
