/** The data planes of a run: worker processes, so that nothing but traffic runs on a thread that serves. */

import { type Fleet, type FleetEvents, WorkerFleet } from '../delivery/index.ts';
import { newTicketSecret, ticketSecretAt } from '../value/ticket-secret.ts';
import { workerEntry } from './package-place.ts';
import type { ProxySetup } from './proxy-setup.ts';

export type FleetSetup = Omit<ProxySetup, 'shared' | 'ticketSecret'>;

export function openFleet(workers: number, given: FleetSetup, events: FleetEvents): Fleet {
  let ticketSecret = newTicketSecret();
  const setup = (): ProxySetup => {
    ticketSecret = ticketSecretAt(ticketSecret, Date.now());
    return { ...given, ticketSecret, shared: workers > 1 };
  };
  return new WorkerFleet(workers, { entry: workerEntry(), setup }, events);
}
