/** What the ClientHellos on their way to a port hold of memory together, and which have to go where that is too much. */
import type { StreamLimits } from './stream-limits.ts';

/** Bytes that one may hold whatever others do: a hello that comes in pieces has no more of them, copies included. */
export const MAX_FAIR_HELLO: number = 4 * 1024;

export interface HeldHellos {
  bytes: number;
}

/** One of them holds `more` bytes than before, and `own` in all. False: that is too much. */
export function holdHello(
  held: HeldHellos,
  { more, own }: { more: number; own: number },
  { maxPeekedBytes }: Pick<StreamLimits, 'maxPeekedBytes'>,
): boolean {
  held.bytes += more;
  return held.bytes <= maxPeekedBytes || own <= MAX_FAIR_HELLO;
}
