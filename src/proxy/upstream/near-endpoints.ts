/** Which endpoints serve a gateway that knows its zone: the rule by which Kubernetes' own proxy goes, too. */
import type { Endpoint } from '../../config/index.ts';

/**
 * Those that slices hint at for the zone, where every ready one is hinted at for some zone and one is for this. Else all:
 * half of the hints would send too much to those that have one. What drains stays, for where nothing else is left.
 */
export function nearEndpoints(endpoints: Endpoint[], zone: string | undefined): Endpoint[] {
  if (zone === undefined) return endpoints;
  const ready = endpoints.filter(({ state }) => state === 'ready');
  if (ready.some(({ forZones = [] }) => forZones.length === 0)) return endpoints;
  if (!ready.some(({ forZones }) => forZones?.includes(zone))) return endpoints;
  return endpoints.filter(({ state, forZones }) => state === 'draining' || forZones?.includes(zone));
}
