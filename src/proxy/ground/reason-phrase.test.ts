import { STATUS_CODES } from 'node:http';
import { expect, test } from 'vitest';
import { REASON_PHRASES } from './reason-phrase.ts';

test('statuses are called as Node.js calls them', () => {
  expect(Object.fromEntries(REASON_PHRASES)).toEqual({ ...STATUS_CODES });
});
