/** Where a run listens that was told nothing of addresses: on all of both families, or of the one that there is. */
import { once } from 'node:events';
import { createServer, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Each is bound for its own family, so that both stand side by side. */
const WILDCARDS = ['::', '0.0.0.0'];

export interface Binding {
  addresses: string[];
  /** To be told once: a family that this machine has not. */
  note?: string;
}

/** What was asked for, or else every address. */
export async function bindingOf(asked: string[] | undefined): Promise<Binding> {
  if (asked !== undefined) return { addresses: asked };
  return await everyAddress(WILDCARDS);
}

/** This machine's own addresses, for those who sit at it. */
export async function ownLoopback(): Promise<string[]> {
  return (await everyAddress(['127.0.0.1', '::1'])).addresses;
}

async function everyAddress(wanted: string[]): Promise<Binding> {
  const usable = await Promise.all(wanted.map(isUsable));
  const addresses = wanted.filter((_, at) => usable[at]);
  const [missing] = wanted.filter((_, at) => !usable[at]);
  // Without either, opening the listeners says what is wrong.
  if (missing === undefined || addresses.length === 0) return { addresses: wanted };
  const [none, one] = isIPv6(missing) ? ['IPv6', 'IPv4'] : ['IPv4', 'IPv6'];
  return { addresses, note: `this machine has no ${none}: listeners are bound for ${one}` };
}

/** Where others reach this machine; its loopback where nobody else does. Not what holds on one link only. */
export function machineAddresses(interfaces = networkInterfaces()): string[] {
  const infos = Object.values(interfaces).flatMap((some) => some ?? []);
  const own = infos.filter(({ address }) => !/^fe[89ab]/i.test(address) && !address.startsWith('169.254.'));
  const outward = own.filter(({ internal }) => !internal);
  return (outward.length > 0 ? outward : own).map(({ address }) => address);
}

/** A kernel may have a family and no address of it. */
async function isUsable(address: string): Promise<boolean> {
  const family = isIPv6(address) ? 'IPv6' : 'IPv4';
  if (!Object.values(networkInterfaces()).some((infos = []) => infos.some((info) => info.family === family)))
    return false;
  const probe = createServer().listen({ host: address, port: 0, ipv6Only: true });
  try {
    await once(probe, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    probe.close();
  }
}
