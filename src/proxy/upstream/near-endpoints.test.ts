import { expect, test } from 'vitest';
import type { Endpoint } from '../../config/index.ts';
import { nearEndpoints } from './near-endpoints.ts';

function endpoint(address: string, forZones?: string[], state: Endpoint['state'] = 'ready'): Endpoint {
  return { address, port: 80, state, ...(forZones ? { forZones } : {}) };
}

function addresses(endpoints: Endpoint[], zone: string | undefined): string[] {
  return nearEndpoints(endpoints, zone).map(({ address }) => address);
}

const HINTED = [endpoint('1', ['a']), endpoint('2', ['b']), endpoint('3', ['b', 'a'])];

test('endpoints that are hinted at for the zone serve it', () => {
  expect(addresses(HINTED, 'a')).toEqual(['1', '3']);
  expect(addresses(HINTED, 'b')).toEqual(['2', '3']);
});

test('without a zone, without hints for it, or where a ready one has none, all serve', () => {
  expect(addresses(HINTED, undefined)).toEqual(['1', '2', '3']);
  expect(addresses(HINTED, 'c')).toEqual(['1', '2', '3']);
  expect(addresses([...HINTED, endpoint('4')], 'a')).toEqual(['1', '2', '3', '4']);
});

test('what drains is not asked for hints, and stays for where nothing else is left', () => {
  expect(addresses([...HINTED, endpoint('4', undefined, 'draining')], 'b')).toEqual(['2', '3', '4']);
  expect(addresses([endpoint('4', undefined, 'draining')], 'b')).toEqual(['4']);
});
