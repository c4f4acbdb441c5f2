/** HTTP/2 by prior knowledge begins with `PRI * HTTP/2.0`, on a connection that was taken for one of HTTP/1.1. */
import { ARENA } from '../../ground/arena.ts';
import type { Link } from '../../ground/driver.ts';
import type { HttpService } from '../service.ts';

/** What an HTTP/1.1 connection does when its first bytes are HTTP/2's. */
export type PrefaceHandler = (link: Link, service: HttpService, bytes: { start: number; end: number }) => void;

/** Bytes that tell HTTP/2 from HTTP/1.1. */
export const PREFACE_KNOWN = 4;

/** As far as ARENA[at,end) goes. */
export function beginsAsPreface(at: number, end: number): boolean {
  const known = Math.min(end - at, PREFACE_KNOWN);
  for (let i = 0; i < known; i++) if (ARENA[at + i] !== 'PRI '.charCodeAt(i)) return false;
  return true;
}
