/** The data planes of a run: `openPlane` starts one proxy here, or several in worker processes. */
import type { DataPlane, PlaneEvents, PlaneSetup } from './data-plane.ts';
import { WorkerPlane } from './worker-plane.ts';

export type { DataPlane, PlaneEvents, PlaneSetup } from './data-plane.ts';

export async function openPlane(workers: number, setup: PlaneSetup, events: PlaneEvents): Promise<DataPlane> {
  if (workers > 1) return new WorkerPlane(workers, setup, events);
  // Loaded only where it runs: the parent of workers serves nothing itself.
  const { LocalPlane } = await import('./local-plane.ts');
  return new LocalPlane(setup, events);
}
