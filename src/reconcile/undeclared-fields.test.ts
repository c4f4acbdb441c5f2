import { expect, test } from 'vitest';
import { UndeclaredFields } from './undeclared-fields.ts';

const PATCH = 'failed to create typed patch object (shop/edge; gateway.networking.k8s.io/v1, Kind=Gateway): ';

test('fields are left out wherever a list has them, of the kind that lacks them', () => {
  const fields = new UndeclaredFields();
  const message = `${PATCH}errors:\n  .status.sets: field not declared in schema\n  .status.listeners[name="http"].note: field not declared in schema\n  .status.addresses[0].place: field not declared in schema`;
  expect(fields.learn('Gateway', message)).toBe(true);
  const status = {
    sets: 1,
    note: 'kept',
    listeners: [{ name: 'a', note: 'x' }, { name: 'b' }],
    addresses: [{ value: '1', place: '' }],
  };
  expect(fields.without('Gateway', status)).toEqual({
    note: 'kept',
    listeners: [{ name: 'a' }, { name: 'b' }],
    addresses: [{ value: '1' }],
  });
  expect(fields.without('ListenerSet', status)).toBe(status);
});

test('a list that has another form in the cluster is left out', () => {
  const fields = new UndeclaredFields();
  const message = `${PATCH}.status.supportedFeatures: element 0: associative list without keys has an element that's a map type`;
  expect(fields.learn('GatewayClass', message)).toBe(true);
  expect(fields.without('GatewayClass', { conditions: [], supportedFeatures: [{ name: 'Gateway' }] })).toEqual({
    conditions: [],
  });
});

test('other refusals teach nothing', () => {
  expect(new UndeclaredFields().learn('Gateway', `${PATCH}.metadata.note: field not declared in schema`)).toBe(false);
});
