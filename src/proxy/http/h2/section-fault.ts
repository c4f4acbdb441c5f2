/** What can be wrong with a field section whose HPACK bytes are sound. */
export const SOUND = 0;
/** Breaks RFC 9113 8: a stream error. */
export const BROKEN = 1;
/** More bytes or fields than allowed: 431. */
export const TOO_LARGE = 2;
/** CONNECT, or an extended one for another protocol than websocket: 501. */
export const UNSUPPORTED = 3;
/** A target or host that breaks nothing of HTTP/2 and is not taken in HTTP/1.1 either: answered as there. */
export const REFUSED = 4;
export type SectionFault = typeof SOUND | typeof BROKEN | typeof TOO_LARGE | typeof UNSUPPORTED | typeof REFUSED;
