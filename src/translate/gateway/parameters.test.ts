import { describe, expect, test } from 'vitest';
import { mergedParameters } from './parameters.ts';

describe('parameters of a class and of a Gateway', () => {
  test('are joined field by field, and the Gateway wins', () => {
    const base = { service: { type: 'LoadBalancer', loadBalancerClass: 'x' }, logLevel: 'info' } as const;
    const over = { service: { type: 'NodePort' }, workers: 2 } as const;
    expect(mergedParameters(base, over)).toEqual({
      service: { type: 'NodePort', loadBalancerClass: 'x' },
      logLevel: 'info',
      workers: 2,
    });
  });

  test('have lists as a whole, but for patches, where the class comes first', () => {
    const env = (name: string) =>
      ({ pod: { env: [{ name }] }, patches: [{ kind: 'Pod', patch: { of: name } }] }) as const;
    const merged = mergedParameters({ ...env('a') } as never, { ...env('b') } as never);
    expect(merged.pod?.env).toEqual([{ name: 'b' }]);
    expect(merged.patches?.map(({ patch }) => patch.of)).toEqual(['a', 'b']);
  });

  test.each([
    [{ replicas: 3 }, { autoscaling: { maxReplicas: 5 } }, { autoscaling: { maxReplicas: 5 } }],
    [{ autoscaling: { maxReplicas: 5 } }, { replicas: 3 }, { replicas: 3 }],
    [{ replicas: 3 }, { workload: 'DaemonSet' }, { workload: 'DaemonSet' }],
    [
      { disruptionBudget: { minAvailable: 1 } },
      { disruptionBudget: { maxUnavailable: 1 } },
      { disruptionBudget: { maxUnavailable: 1 } },
    ],
  ] as const)('%j and %j are %j', (base, over, merged) => expect(mergedParameters(base, over)).toEqual(merged));
});
