/** Addresses as flags write them: `HOST:PORT`, an IP address, a network. Each reader throws an Error with the way out. */
import { BlockList, isIP } from 'node:net';
import { readNetwork } from '../value/network.ts';
import { socketName } from '../value/socket-name.ts';

export interface HostPort {
  /** A name or an IP address, without brackets. */
  host: string;
  port: number;
}

/** `HOST:PORT`, with IPv6 addresses in brackets. Port 0 only where `anyPort` says so. */
export function hostPort(text: string, { anyPort = false } = {}): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535 || (port === 0 && !anyPort)) {
    throw new Error(`"${text}" is not HOST:PORT, such as 127.0.0.1:15000 or [::1]:15000`);
  }
  return { host: match[1] ?? match[2]!, port };
}

export function ipAddress(text: string): string {
  if (isIP(text) === 0) throw new Error(`"${text}" is not an IP address, such as 0.0.0.0 or ::1`);
  return text;
}

/** A network such as `10.0.0.0/8`; a single address is a network of one. */
export function network(text: string): string {
  const read = readNetwork(text);
  if (read === undefined) throw new Error(`"${text}" is not a network, such as 10.0.0.0/8 or 2001:db8::/32`);
  return `${read.address}/${read.prefix}`;
}

export function formatHostPort({ host, port }: HostPort): string {
  return socketName(host, port);
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether only this machine reaches it. Of a name only `localhost` says so. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
