/** The data planes of a run: worker processes, so that nothing but traffic runs on a thread that serves. */

import { randomBytes } from 'node:crypto';
import { openSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inheritedAt, type OwnFleet, type WorkerEvents, WorkerFleet } from '../delivery/index.ts';
import { newTicketSecret, ticketSecretAt } from '../value/ticket-secret.ts';
import { givenName, givenSockets, type NamedSocket } from './given-sockets.ts';
import { workerEntry } from './package-place.ts';
import type { ProxySetup } from './proxy-setup.ts';

export type FleetSetup = Omit<ProxySetup, 'shared' | 'ticketSecret' | 'given'>;

export function openFleet(workers: number, own: FleetSetup, events: WorkerEvents): OwnFleet {
  const sockets = usableSockets(workers, events);
  const given = sockets.map((one, at) => ({ ...one, fd: inheritedAt(at) }));
  const memory = workers > 1 ? openSharedMemory(events) : undefined;
  const sharedMemory = memory && { fd: inheritedAt(sockets.length), workers, seed: randomBytes(4).readUInt32LE() };
  let ticketSecret = newTicketSecret();
  const setup = (): ProxySetup => {
    ticketSecret = ticketSecretAt(ticketSecret, Date.now());
    const shared = workers > 1 || own.handsOver === true;
    return { ...own, given, ticketSecret, shared, ...(sharedMemory ? { sharedMemory } : {}) };
  };
  const inherited = [...sockets.map(({ fd }) => fd), ...(memory === undefined ? [] : [memory])];
  return new WorkerFleet(workers, { entry: workerEntry(), inherited, setup }, events);
}

/** Where a file takes memory and no disk, and where one may be made at all. */
const PLACES = ['/dev/shm', tmpdir()];

/** A file that has no name any more: it goes with the last process that has it open. */
function openSharedMemory({ log }: WorkerEvents): number | undefined {
  for (const place of PLACES) {
    try {
      const path = join(place, `daemun-${process.pid}-${randomBytes(8).toString('hex')}`);
      const fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return fd;
    } catch {}
  }
  log.warn({}, `rate limits count for each worker by itself: no file can be made in ${PLACES.join(' or ')}`);
  return undefined;
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
