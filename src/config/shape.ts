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

/** What may stand in a line of a head as it is: whatever else is wrong, nobody ends the line, or the head. */
export const lineText = v.pipe(
  v.string(),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
  v.regex(/^[^\x00-\x08\x0a-\x1f\x7f]*$/, 'holds a control character'),
);

export const cidr = v.pipe(v.string(), v.check(isCidr, 'is no CIDR'));
