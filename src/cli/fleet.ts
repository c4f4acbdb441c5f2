/** The data planes of a run: worker processes, so that nothing but traffic runs on a thread that serves. */

import { type Fleet, inheritedAt, type WorkerEvents, WorkerFleet } from '../delivery/index.ts';
import { newTicketSecret, ticketSecretAt } from '../value/ticket-secret.ts';
import { givenName, givenSockets, type NamedSocket } from './given-sockets.ts';
import { workerEntry } from './package-place.ts';
import type { ProxySetup } from './proxy-setup.ts';

export interface FleetSetup extends Omit<ProxySetup, 'shared' | 'ticketSecret' | 'given'> {
  /** Another run may have the same ports for a while, such as the one that takes this one's place. */
  sharedPorts?: boolean;
}

export function openFleet(workers: number, { sharedPorts, ...own }: FleetSetup, events: WorkerEvents): Fleet {
  const sockets = usableSockets(workers, events);
  const given = sockets.map((one, at) => ({ ...one, fd: inheritedAt(at) }));
  let ticketSecret = newTicketSecret();
  const setup = (): ProxySetup => {
    ticketSecret = ticketSecretAt(ticketSecret, Date.now());
    return { ...own, given, ticketSecret, shared: workers > 1 || sharedPorts === true };
  };
  return new WorkerFleet(workers, { entry: workerEntry(), inherited: sockets.map(({ fd }) => fd), setup }, events);
}

/** All workers accept from one socket; datagrams of one client would come to any of them. */
function usableSockets(workers: number, { log }: WorkerEvents): NamedSocket[] {
  const { sockets, problems } = givenSockets();
  for (const problem of problems) log.warn({}, problem);
  const usable = sockets.filter(({ transport }) => transport === 'tcp' || workers === 1);
  for (const one of sockets) {
    if (!usable.includes(one)) log.warn({}, `${givenName(one)} is not used: several workers cannot share it`);
  }
  return usable;
}
