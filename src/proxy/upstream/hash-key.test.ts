/** What a consistent hash is taken of: one key is one hash, however often and by whom it is asked for. */
import { describe, expect, test } from 'vitest';
import type { HashPart } from '../../config/index.ts';
import { plainHead } from '../route/plain-request.ts';
import { addressHash, hashReader, NO_HASH } from './hash-key.ts';

interface Asking {
  target?: string;
  host?: string;
  headers?: Array<readonly [string, string]>;
  clientAddress?: string;
}

function hashOf(
  parts: HashPart[],
  { target = '/', host = 'a.example', headers = [], clientAddress = '10.0.0.1' }: Asking,
): number {
  const head = plainHead({ method: 'GET', host, target, headers });
  return hashReader(parts)({ head, clientAddress, matchedPrefix: 0, secure: false });
}

const line = (name: string, value: string): Asking => ({ headers: [[name, value]] });

/** Of each part: two requests that it tells apart, one that is as the first to it, and one without it. */
const PARTS: Array<[HashPart, { one: Asking; other: Asking; same: Asking; none?: Asking }]> = [
  [
    { type: 'ClientAddress' },
    {
      one: { clientAddress: '10.0.0.1' },
      other: { clientAddress: '10.0.0.2' },
      same: { clientAddress: '10.0.0.1', target: '/b' },
      none: { clientAddress: '' },
    },
  ],
  [
    { type: 'Header', name: 'X-Key' },
    { one: line('x-key', 'a'), other: line('X-Key', 'b'), same: line('X-KEY', 'a'), none: line('x-key', '') },
  ],
  [
    { type: 'Cookie', name: 'k' },
    {
      one: line('Cookie', 'k=a'),
      other: line('Cookie', 'k=b'),
      same: line('Cookie', 'x=1; k=a'),
      none: line('Cookie', 'K=a'),
    },
  ],
  [
    { type: 'Query', name: 'k' },
    { one: { target: '/?k=a' }, other: { target: '/?k=b' }, same: { target: '/x?y=1&k=a' }, none: { target: '/k=a' } },
  ],
  [{ type: 'Path' }, { one: { target: '/a' }, other: { target: '/b' }, same: { target: '/a?x' } }],
  [
    { type: 'Uri' },
    { one: { target: '/a?b' }, other: { target: '/a?c' }, same: { target: '/a?b', host: 'b.example' } },
  ],
  [
    { type: 'Host' },
    { one: { host: 'a.example' }, other: { host: 'b.example' }, same: { host: 'A.EXAMPLE' }, none: { host: '' } },
  ],
];

describe.each(PARTS)('%j', (part, { one, other, same, none }) => {
  test('the same is the same, another another, and nothing nothing', () => {
    const hash = hashOf([part], one);
    expect(hash).not.toBe(NO_HASH);
    expect(hashOf([part], same)).toBe(hash);
    expect(hashOf([part], other)).not.toBe(hash);
    if (none !== undefined) expect(hashOf([part], none)).toBe(NO_HASH);
  });
});

test('a path is what stands before the query, and a URI both', () => {
  expect(hashOf([{ type: 'Path' }], { target: '/a?b' })).toBe(hashOf([{ type: 'Path' }], { target: '/a?c' }));
  expect(hashOf([{ type: 'Uri' }], { target: '/a?b' })).not.toBe(hashOf([{ type: 'Uri' }], { target: '/c?b' }));
});

test('all lines of a header are one value', () => {
  const part: HashPart = { type: 'Header', name: 'x-key' };
  const lines = (...values: string[]): Asking => ({ headers: values.map((value) => ['x-key', value] as const) });
  expect(hashOf([part], lines('a', 'b'))).not.toBe(hashOf([part], lines('a')));
  expect(hashOf([part], lines('a', 'b'))).not.toBe(hashOf([part], lines('b', 'a')));
});

test('a host is letter by letter, and only letters have a case', () => {
  const hash = (host: string): number => hashOf([{ type: 'Host' }], { host });
  expect(hash('AZ.example')).toBe(hash('az.example'));
  // '@' and '[' stand beside the letters.
  expect(hash('a@')).not.toBe(hash('a`'));
  expect(hash('a[')).not.toBe(hash('a{'));
});

test('a host ends where it ends, and an address begins with its first letter', () => {
  const [host, address]: HashPart[][] = [[{ type: 'Host' }], [{ type: 'ClientAddress' }]];
  expect(hashOf(host!, { headers: [['b', 'c']] })).toBe(hashOf(host!, { headers: [['x', 'y']] }));
  expect(hashOf(address!, { clientAddress: '10.0.0.1' })).not.toBe(hashOf(address!, { clientAddress: '20.0.0.1' }));
});

test('several parts together: each counts in its place, and one of them is enough', () => {
  const parts: HashPart[] = [
    { type: 'Header', name: 'a' },
    { type: 'Header', name: 'b' },
  ];
  const asking = (a: string, b: string): Asking => ({
    headers: [
      ['a', a],
      ['b', b],
    ],
  });
  const hashes = [asking('x', 'y'), asking('y', 'x'), asking('xy', ''), asking('', 'xy'), asking('x', '')].map((one) =>
    hashOf(parts, one),
  );
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(hashes).not.toContain(NO_HASH);
  expect(hashOf(parts, {})).toBe(NO_HASH);
  // What an earlier request had is none of the next.
  expect(hashOf(parts, asking('x', 'y'))).toBe(hashes[0]);
});

test('an address alone has the hash that a request from it has', () => {
  for (const clientAddress of ['10.0.0.1', '2001:db8::1']) {
    expect(addressHash(clientAddress)).toBe(hashOf([{ type: 'ClientAddress' }], { clientAddress }));
  }
});
