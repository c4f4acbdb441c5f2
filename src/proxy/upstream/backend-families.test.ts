import { expect, test } from 'vitest';
import { BackendState } from '../state/index.ts';
import { backendFamilies, MAX_ENDPOINT_ROWS } from './backend-families.ts';

function rows(states: Map<string, BackendState>, name: string, isServed = true): Array<Record<string, unknown>> {
  const family = backendFamilies(states, () => isServed).find((one) => one.name === name)!;
  return family.series.map(({ labels, value }) => ({ ...labels, value }));
}

test('an endpoint has rows of what went wrong, by what it was, for as long as it is there', () => {
  const state = new BackendState({ now: 0 });
  const states = new Map([['shop/cart:80', state]]);
  const health = state.endpoints.hold('10.0.0.1:80');
  health.refused();
  health.unanswered();
  health.answered(503);
  health.answered(200);
  health.answered(501);
  const at = { backend: 'shop/cart:80', endpoint: '10.0.0.1:80' };
  expect(rows(states, 'daemun_endpoint_failures_total')).toEqual([
    { ...at, cause: 'connect', value: 1 },
    { ...at, cause: 'unanswered', value: 1 },
    { ...at, cause: 'status', value: 1 },
  ]);
  expect(rows(states, 'daemun_endpoint_requests_total')).toContainEqual({ ...at, outcome: 'answered', value: 3 });
  expect(rows(states, 'daemun_endpoint_failures_total', false)).toEqual([]);
  state.endpoints.letGo('10.0.0.1:80');
  expect(rows(states, 'daemun_endpoint_failures_total')).toEqual([]);
});

test('so many endpoints have rows, and how many have none is told', () => {
  const state = new BackendState({ now: 0 });
  for (let i = 0; i < MAX_ENDPOINT_ROWS + 7; i++) state.endpoints.hold(`10.0.0.1:${i}`);
  const states = new Map([['shop/cart:80', state]]);
  expect(rows(states, 'daemun_endpoint_evicted')).toHaveLength(MAX_ENDPOINT_ROWS);
  expect(rows(states, 'daemun_endpoint_rows_left_out')).toEqual([{ value: 7 }]);
});
