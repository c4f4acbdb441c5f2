/** Opening the sockets of ports that are new. Where a port may be any free one, it is the same on all its addresses. */
import { isIPv6 } from 'node:net';
import { DaemunError } from '../../observe/index.ts';
import { socketName } from '../../value/socket-name.ts';
import type { Port } from './port.ts';
import type { PortGroup } from './port-group.ts';

/** A port that is free on one address may be taken on another: so often another one is tried. */
const FREE_PORT_TRIES = 10;

export interface OpenPort {
  group: PortGroup;
  port: Port;
}

export interface FreshPort extends OpenPort {
  /** The port once more, for another try. */
  again(): Port;
}

/** What is open already, by place. */
export type OpenPorts = ReadonlyMap<string, OpenPort>;

export interface Opening {
  open: OpenPorts;
  reusePort: boolean;
  /** Called before the socket of a place is opened. */
  before(place: string): Promise<void>;
  /** It is open. */
  done(key: string, opened: OpenPort): void;
}

/**
 * One after the other, so that of two that cannot stand together the first in the config stands. Resolves with what
 * could not be opened, by place.
 */
export async function openPorts(fresh: readonly FreshPort[], opening: Opening): Promise<Map<string, DaemunError>> {
  const failed = new Map<string, DaemunError>();
  for (const kin of Map.groupBy(fresh, ({ group }) => (group.port === 0 ? group.kin : group.key)).values()) {
    const told = await openKin(kin, opening);
    for (const { group, port, error } of told) {
      if (error === undefined) opening.done(group.key, { group, port });
      else failed.set(group.key, explained(error, group, opening.open));
    }
  }
  return failed;
}

interface Tried extends FreshPort {
  error?: DaemunError;
}

/** The addresses of one port. */
async function openKin(kin: readonly FreshPort[], { open, reusePort, before }: Opening): Promise<Tried[]> {
  const asked =
    kin[0]!.group.port || numberOf([...open.values()].filter(({ group }) => group.kin === kin[0]!.group.kin));
  let ports = kin;
  for (let tries = 1; ; tries++) {
    const tried: Tried[] = [];
    for (const one of ports) {
      const { address, key, ipv6Only } = one.group;
      await before(key);
      const number = asked || numberOf(tried);
      const error = await failureOf(one.port.open({ address, port: number, ipv6Only, reusePort }));
      tried.push(error === undefined ? one : { ...one, error });
    }
    const unlucky = asked === 0 && tried.some(({ error }) => error?.code === 'DMN_PORT_IN_USE');
    if (!unlucky || tries === FREE_PORT_TRIES) return tried;
    await Promise.all(tried.map(({ port }) => port.drain(0)));
    ports = kin.map((one) => ({ ...one, port: one.again() }));
  }
}

/** The number that one of them has; 0 where none is open. */
function numberOf(ports: readonly OpenPort[]): number {
  const bound = ports.find(({ port }) => port.bound.length > 0)?.port.bound[0];
  return bound === undefined ? 0 : Number(bound.slice(bound.lastIndexOf(':') + 1));
}

async function failureOf(work: Promise<void>): Promise<DaemunError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!(error instanceof DaemunError)) throw error;
    return error;
  }
}

/** It may be ourselves who have the port. */
function explained(error: DaemunError, wanted: PortGroup, open: OpenPorts): DaemunError {
  if (error.code !== 'DMN_PORT_IN_USE') return error;
  const transport = transportOf(wanted);
  const holder = [...open.values()].find(
    ({ group }) => group.port === wanted.port && transportOf(group) === transport && meet(group, wanted),
  );
  if (holder === undefined) return error;
  return new DaemunError(
    'DMN_PORT_CONFLICT',
    `${socketName(wanted.address, wanted.port)} is taken by this gateway itself: listener ` +
      `${holder.group.listeners[0]!.key} has ${holder.port.bound.join(', ')}, which covers it; give one of the two ` +
      'another address or port.',
  );
}

function transportOf({ key }: PortGroup): string {
  return key.slice(0, key.indexOf(' '));
}

/** Sockets of the same address do, and of those that a wildcard stands for. */
function meet(one: PortGroup, other: PortGroup): boolean {
  return covers(one, other.address) || covers(other, one.address);
}

function covers({ address, ipv6Only }: PortGroup, other: string): boolean {
  if (address === '::') return isIPv6(other) || !ipv6Only;
  return address === other || (address === '0.0.0.0' && !isIPv6(other));
}
