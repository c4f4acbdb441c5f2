/**
 * Addresses of a name by its records. What one family says is used at once: a server that drops questions for the other
 * costs a moment and not its whole patience, and what the other family says joins when it comes (as RFC 8305 has clients do).
 */
import type { RecordWithTtl } from 'node:dns';
import dns from 'node:dns/promises';
import { MACHINE_NAMES, type MachineNames, type NameAsker } from './machine-names.ts';

/** Milliseconds that the addresses of one family wait for those of the other; and both, before the machine is asked besides. */
export const OTHER_FAMILY_PATIENCE = 250;
/** For names that only the machine's own files know. */
const FILE_TTL = 30;

export interface Resolved {
  addresses: string[];
  /** Seconds. */
  ttl: number;
  /** The family that has not said anything so far, or failed to: what was known of it may still be so. */
  silent?: 4 | 6;
  /** What that family says, when it does so; null: it fails. */
  later?: Promise<Resolved | null>;
}

export type Resolve = (hostname: string, asker: NameAsker) => Promise<Resolved>;

interface Family {
  readonly family: 4 | 6;
  records: RecordWithTtl[];
  state: 'asked' | 'known' | 'failed';
}

export interface NameSources {
  resolver?: Pick<typeof dns, 'resolve4' | 'resolve6'>;
  machine?: MachineNames;
}

/** Rejects where nobody knows the name. */
export async function resolveName(
  hostname: string,
  asker: NameAsker,
  { resolver = dns, machine = MACHINE_NAMES }: NameSources = {},
): Promise<Resolved> {
  const four: Family = { family: 4, records: [], state: 'asked' };
  const six: Family = { family: 6, records: [], state: 'asked' };
  const asked4 = settle(four, resolver.resolve4(hostname, { ttl: true }));
  const asked6 = settle(six, resolver.resolve6(hostname, { ttl: true }));
  const both = Promise.all([asked4, asked6]);
  await Promise.race([both, patience()]);
  if (found(four, six) === null && (four.state === 'asked' || six.state === 'asked')) {
    const known = await firstOf(both, [asked4, asked6], { asker, machine, hostname, families: [four, six] });
    if (known !== null) return known;
  }
  const records = found(four, six);
  if (records === null) return { addresses: await machine.addressesOf(hostname, asker), ttl: FILE_TTL };
  const other = four.state === 'known' ? six : four;
  if (other.state === 'known') return records;
  const later = (other === six ? asked6 : asked4).then(() => (other.state === 'known' ? resolvedOf(other) : null));
  return { ...records, silent: other.family, later };
}

function settle(one: Family, asked: Promise<RecordWithTtl[]>): Promise<void> {
  return asked.then(
    (records) => {
      one.records = records;
      one.state = 'known';
    },
    ({ code }: NodeJS.ErrnoException) => {
      one.state = code === dns.NODATA || code === dns.NOTFOUND ? 'known' : 'failed';
    },
  );
}

function patience(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, OTHER_FAMILY_PATIENCE).unref();
  return promise;
}

/** Both are silent so far: the machine may know it by a file or another server. Null: records came. Rejects as the machine. */
function firstOf(
  both: Promise<unknown>,
  each: Array<Promise<void>>,
  {
    asker,
    machine,
    hostname,
    families: [four, six],
  }: { asker: NameAsker; machine: MachineNames; hostname: string; families: [Family, Family] },
): Promise<Resolved | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Resolved | null>();
  let over = false;
  const end = (known: Resolved | null): void => {
    over = true;
    resolve(known);
  };
  for (const one of each) void one.then(() => found(four, six) !== null && end(null));
  const isWaiting = (): boolean => !over && asker.isWaiting();
  const known = machine.addressesOf(hostname, { ...asker, isWaiting });
  known.then(
    (addresses) => addresses.length > 0 && end({ addresses, ttl: FILE_TTL }),
    (error: Error) => both.then(() => (found(four, six) === null ? reject(error) : end(null))),
  );
  return promise;
}

function found(four: Family, six: Family): Resolved | null {
  const records = [...four.records, ...six.records];
  return records.length === 0 ? null : resolvedOf({ records });
}

function resolvedOf({ records }: Pick<Family, 'records'>): Resolved {
  return {
    addresses: records.map(({ address }) => address),
    ttl: records.length === 0 ? 0 : Math.min(...records.map(({ ttl }) => ttl)),
  };
}
