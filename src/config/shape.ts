/** The words in which shapes of config objects are written down. */
import * as v from 'valibot';
import { isCidr } from '../value/network.ts';

export type Shape<T> = v.GenericSchema<unknown, T>;
type Entries<T> = { [K in keyof T]-?: Shape<T[K]> };

/** Wants an entry for every member of T, the optional ones too: a member that is forgotten here does not compile. */
export function object<T>(entries: Entries<T>): v.ObjectSchema<Entries<T>, undefined> {
  return v.object(entries);
}

export const key = v.pipe(v.string(), v.minLength(1));

export const cidr = v.pipe(v.string(), v.check(isCidr, 'is no CIDR'));
