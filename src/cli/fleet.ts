/** The data planes of a run: worker processes, so that nothing but traffic runs on a thread that serves. */
import { randomBytes } from 'node:crypto';
import { type Fleet, type FleetEvents, WorkerFleet } from '../delivery/index.ts';
import { workerEntry } from './package-place.ts';
import type { ProxySetup } from './proxy-setup.ts';

/** Of the keys of TLS session tickets, which live as long as the run. */
const TICKET_KEY_BYTES = 48;

export type FleetSetup = Omit<ProxySetup, 'shared' | 'ticketKeys'>;

export function openFleet(workers: number, given: FleetSetup, events: FleetEvents): Fleet {
  const ticketKeys = randomBytes(TICKET_KEY_BYTES).toString('base64');
  const setup: ProxySetup = { ...given, ticketKeys, shared: workers > 1 };
  return new WorkerFleet(workers, { entry: workerEntry(), setup }, events);
}
