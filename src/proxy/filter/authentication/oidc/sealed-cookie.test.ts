import { describe, expect, test } from 'vitest';
import { Sealer } from './sealed-cookie.ts';

const sealer = new Sealer(['a secret that is long enough for a key'], 'test');
/** Base64 of four lengths, so that each count of idle bits is among them. */
const SEALED = ['a', 'ab', 'abc', 'abcd'].map((name) => sealer.seal({ name }));

describe('what was sealed', () => {
  test('opens as it is', () => {
    expect(SEALED.map((one) => sealer.open(one)?.name)).toEqual(['a', 'ab', 'abc', 'abcd']);
    expect(new Set(SEALED.map((one) => one.length % 4)).size).toBeGreaterThanOrEqual(3);
  });

  test.each([
    ['with a letter more', (one: string) => `${one}b`],
    ['with letters more', (one: string) => `${one}bb`],
    ['with padding', (one: string) => `${one}=`],
    ['with a letter of no alphabet in it', (one: string) => `${one.slice(0, 9)}.${one.slice(9)}`],
    ['with a letter less', (one: string) => one.slice(0, -1)],
    ['in the other alphabet', (one: string) => `${one.replaceAll('-', '+').replaceAll('_', '/')}=`],
  ])('opens nothing %s', (_how, change) => {
    expect(SEALED.map((one) => sealer.open(change(one)))).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('opens nothing where bits that say nothing say something', () => {
    const idle = SEALED.filter((one) => one.length % 4 !== 0);
    const last = (one: string): string => String.fromCharCode(one.charCodeAt(one.length - 1) + 1);
    expect(idle.map((one) => sealer.open(one.slice(0, -1) + last(one)))).toEqual(idle.map(() => undefined));
  });
});
