import { expect, test } from 'vitest';
import { unreadyProblem } from './failure.ts';
import type { LiveObject } from './made-object.ts';

const workload = (kind: string, status?: object): LiveObject =>
  ({ apiVersion: 'apps/v1', kind, metadata: { namespace: 'shop', name: 'daemun-edge' }, status }) as LiveObject;

test.each([
  ['Deployment', { observedGeneration: 1, availableReplicas: 1, unavailableReplicas: 1 }],
  ['DaemonSet', { observedGeneration: 1, numberAvailable: 2 }],
  // Nobody has looked at it yet.
  ['Deployment', undefined],
  ['Deployment', {}],
])('a %s with status %j has what serves, or is not known not to', (kind, status) => {
  expect(unreadyProblem(workload(kind, status))).toBeUndefined();
});

test.each([
  ['Deployment', { observedGeneration: 1, replicas: 2, unavailableReplicas: 2 }],
  ['DaemonSet', { observedGeneration: 3, numberUnavailable: 1 }],
])('without a pod that is ready a %s gives nobody an answer, whatever was acknowledged', (kind, status) => {
  expect(unreadyProblem(workload(kind, status))).toEqual({
    reason: 'AddressNotAssigned',
    message: `no pod of ${kind} daemun-edge is ready: whoever connects to its address is refused`,
  });
});
