/** The words in which shapes of config objects are written down. */
import { isIPv4, isIPv6 } from 'node:net';
import * as v from 'valibot';

export type Shape<T> = v.GenericSchema<unknown, T>;
type Entries<T> = { [K in keyof T]-?: Shape<T[K]> };

/** Wants an entry for every member of T, the optional ones too: a member that is forgotten here does not compile. */
export function object<T>(entries: Entries<T>): v.ObjectSchema<Entries<T>, undefined> {
  return v.object(entries);
}

export const key = v.pipe(v.string(), v.minLength(1));

export const cidr = v.pipe(v.string(), v.check(isCidr, 'is no CIDR'));

function isCidr(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/');
  const width = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return rest.length === 0 && bits !== undefined && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= width;
}
