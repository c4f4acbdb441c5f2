/** The data planes of a run: one proxy here, or several in worker processes. */
import { randomBytes } from 'node:crypto';
import { type Fleet, type FleetEvents, MemoryFleet, WorkerFleet } from '../delivery/index.ts';
import { workerEntry } from './package-place.ts';
import type { ProxySetup } from './proxy-setup.ts';

/** Of the keys of TLS session tickets, which live as long as the run. */
const TICKET_KEY_BYTES = 48;

export async function openFleet(workers: number, setup: ProxySetup, events: FleetEvents): Promise<Fleet> {
  if (workers > 1) {
    const shared: ProxySetup = { ...setup, ticketKeys: randomBytes(TICKET_KEY_BYTES).toString('base64') };
    return new WorkerFleet(workers, { entry: workerEntry(), setup: shared }, events);
  }
  // Loaded only where it runs: the parent of workers serves nothing itself.
  const { proxyOf } = await import('./proxy-setup.ts');
  return new MemoryFleet('worker-0', proxyOf(setup, { shared: false }).open, events);
}
