import { expect, test } from 'vitest';
import type { Ack, Endpoints } from '../config/index.ts';
import { type Rejection, Rejections } from './rejections.ts';

const object: Endpoints = { kind: 'Endpoints', key: 'a/b:1', endpoints: [] };
const rejection: Rejection = { kind: 'Endpoints', key: 'a/b:1', code: 'DMN_CONFIG_INVALID', message: 'no' };

function ack(version: number, rejected: Rejection[] = []): Ack {
  return { version, proxy: 'worker-0', rejected, listeners: [] };
}

test('an object stays rejected until a new form of it or its end comes', () => {
  const rejections = new Rejections();
  rejections.replaced({ version: 1, upserts: [object], removals: [] });
  expect(rejections.complete(ack(1, [rejection])).rejected).toEqual([rejection]);
  rejections.replaced({ version: 2, upserts: [{ ...object, key: 'c/d:1' }], removals: [] });
  expect(rejections.complete(ack(2)).rejected).toEqual([rejection]);
  rejections.replaced({ version: 3, upserts: [object], removals: [] });
  expect(rejections.complete(ack(3)).rejected).toEqual([]);
  rejections.complete(ack(3), [rejection]);
  rejections.replaced({ version: 4, upserts: [], removals: [object] });
  expect(rejections.complete(ack(4)).rejected).toEqual([]);
});
