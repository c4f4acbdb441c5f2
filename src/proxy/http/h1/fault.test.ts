import { expect, test } from 'vitest';
import * as fault from './fault.ts';

const codes = Object.entries<unknown>(fault).flatMap(([name, code]) =>
  typeof code === 'number' ? [[name, code] as const] : [],
);

test('every fault has a number and a message of its own', () => {
  const faults = codes.filter(([name]) => name !== 'INCOMPLETE');
  const unknown = fault.requestError(-9999).message;
  const messages = faults.map(([, code]) => fault.requestError(code).message);
  expect(faults.every(([, code]) => code < fault.INCOMPLETE)).toBe(true);
  expect(new Set([...messages, unknown]).size).toBe(faults.length + 1);
  expect(new Set(faults.map(([, code]) => code)).size).toBe(faults.length);
});
