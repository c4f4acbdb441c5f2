import { expect, test } from 'vitest';
import { assignAddresses, CLUSTER, SENTINEL } from './address-request.ts';

const OUTER = { value: '203.0.113.10', routability: '' };
const OTHER = { value: '2001:db8::1', routability: '' };
const INNER = { value: '10.96.0.42', routability: CLUSTER };
const any = { routability: '' };
const cluster = { routability: CLUSTER };

test('where nothing is asked for, all that there is is given', () => {
  expect(assignAddresses([], [OUTER, INNER])).toEqual({ given: [OUTER, INNER], missing: [] });
});

test('each request gets one address, in whatever order they are, and none gets one that is reached from elsewhere', () => {
  for (const requests of [
    [any, cluster],
    [cluster, any],
  ])
    expect(new Set(assignAddresses(requests, [INNER, OUTER, OTHER]).given)).toEqual(new Set([OUTER, INNER]));
  expect(assignAddresses([cluster], [OUTER, OTHER])).toEqual({ given: [], missing: [0] });
  expect(assignAddresses([{ routability: 'example.com/Corp' }, any], [OUTER])).toEqual({
    given: [OUTER],
    missing: [0],
  });
  expect(assignAddresses([any, any, any], [OUTER, OTHER])).toEqual({ given: [OUTER, OTHER], missing: [2] });
});

test('whoever takes any takes the cluster’s own where there is no other, and leaves it to whoever needs it', () => {
  expect(assignAddresses([any], [INNER])).toEqual({ given: [INNER], missing: [] });
  expect(assignAddresses([any, cluster], [INNER])).toEqual({ given: [INNER], missing: [0] });
});

test('a value is that address, however it is written', () => {
  const asked = { value: '2001:DB8:0::1', routability: '' };
  expect(assignAddresses([any, asked], [OTHER, OUTER]).given).toEqual([OUTER, OTHER]);
  expect(assignAddresses([{ value: '10.96.0.42', routability: CLUSTER }], [INNER]).given).toEqual([INNER]);
  expect(assignAddresses([{ value: '192.0.2.9', routability: '' }], [OUTER])).toEqual({ given: [], missing: [0] });
});

test('names are no IP addresses, and the suite’s own scope is told as it was asked for', () => {
  expect(assignAddresses([any], [{ value: 'lb.example', routability: '' }]).missing).toEqual([0]);
  const sentinel = { routability: SENTINEL };
  expect(assignAddresses([any, sentinel], [OUTER, INNER]).given).toEqual([INNER, { ...OUTER, routability: SENTINEL }]);
});
