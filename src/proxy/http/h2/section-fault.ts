/** What can be wrong with a field section whose HPACK bytes are sound. */
export const SOUND = 0;
/** Breaks RFC 9113 8: a stream error. */
export const BROKEN = 1;
/** More bytes or fields than allowed: 431. */
export const TOO_LARGE = 2;
/** CONNECT, or an extended one for another protocol than websocket: 501. */
export const UNSUPPORTED = 3;
export type SectionFault = typeof SOUND | typeof BROKEN | typeof TOO_LARGE | typeof UNSUPPORTED;
