import { expect, test } from 'vitest';
import { MAX_PURGE_TEXT, readPurge } from './purge-request.ts';

test('what is to be forgotten is read as it was meant', () => {
  expect(readPurge({ all: true })).toEqual({});
  expect(readPurge({ all: true, dryRun: true })).toEqual({ dryRun: true });
  expect(readPurge({ policy: 'shop/kept' })).toEqual({ policy: 'ResponsePolicy/shop/kept' });
  expect(readPurge({ policy: 'ResponsePolicy/shop/kept' })).toEqual({ policy: 'ResponsePolicy/shop/kept' });
  const purge = { host: 'Shop.example:8080', target: '/a?b=%20', prefix: true };
  expect(readPurge(purge)).toEqual({ ...purge, host: 'shop.example:8080' });
});

test.each<[unknown, string]>([
  [{}, 'name a policy or a host'],
  [null, 'Expected Object'],
  [[], 'name a policy or a host'],
  [{ all: false }, 'all:'],
  [{ all: true, host: 'a' }, 'all, and a policy or a host'],
  [{ target: '/a' }, 'name a policy or a host'],
  [{ policy: 'a/b', target: '/a' }, 'a target needs the host'],
  [{ host: 'a', prefix: true }, 'a prefix needs a target'],
  [{ host: 'a/b' }, 'host: is no host'],
  [{ host: 'a', target: 'b' }, 'target: is no path'],
  [{ host: 'a', target: '/a b' }, 'target: is no path'],
  [{ host: 'a', target: `/${'a'.repeat(MAX_PURGE_TEXT)}` }, 'target:'],
  [{ policy: 'kept' }, 'policy: is not NAMESPACE/NAME'],
  [{ all: true, everything: 1 }, 'everything'],
])('%j is refused, and why', (value, message) => {
  expect(() => readPurge(value)).toThrow(message);
});
