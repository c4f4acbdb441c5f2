/** What was made for a Gateway and is wanted no longer. Pure. */
import type { LiveObject, MadeObject } from './made-object.ts';
import { ADDRESS_ANNOTATION } from './metadata.ts';

/**
 * Never a Service: its address is in people's DNS. Only one that was made for an address of several goes, when
 * others are asked for. A Deployment that became a DaemonSet, or the other way round, stays until the one that follows it has
 * a pod that serves.
 */
export function surplus(live: Iterable<LiveObject>, wanted: readonly MadeObject[]): LiveObject[] {
  const all = [...live];
  const isWanted = (one: LiveObject) =>
    wanted.some(({ kind, metadata }) => kind === one.kind && metadata.name === one.metadata.name);
  return all.filter((one) => {
    if (isWanted(one)) return false;
    switch (one.kind) {
      case 'HorizontalPodAutoscaler':
      case 'PodDisruptionBudget':
      case 'NetworkPolicy':
        return true;
      case 'Service':
        return (
          one.metadata.annotations?.[ADDRESS_ANNOTATION] !== undefined && wanted.some(({ kind }) => kind === 'Service')
        );
      case 'Deployment':
      case 'DaemonSet':
        return all.some((other) => other.kind !== one.kind && isWanted(other) && serves(other));
      default:
        return false;
    }
  });
}

function serves({ status }: LiveObject): boolean {
  const { availableReplicas = 0, numberAvailable = 0 } = (status ?? {}) as Record<string, number | undefined>;
  return availableReplicas + numberAvailable > 0;
}
