/**
 * The one buffer that heads and bodies pass through in a worker. All regions live in the same buffer so that
 * forwarding a run of header lines is one `copyWithin`, with no view object made for it.
 *
 * Invariants: a region serves one purpose, so that what one connection waits for is never where another one writes.
 * What is composed is written by a Cursor (cursor.ts), which ends where its region does. Bytes in RECV are valid only
 * during the callback that delivered them; whoever needs them longer copies them out before returning. Bytes in SEND
 * belong to the one owner of `outbox` (see outbox.ts).
 */
declare global {
  /** Node's own fast paths, not in its published types. */
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
    latin1Write(text: string, offset?: number, length?: number): number;
  }
}

const KIB = 1024;

/** Where drivers read into. */
export const RECV_START = 0;
export const RECV_SIZE = 64 * KIB;
export const RECV_END = RECV_START + RECV_SIZE;

/** Where what came in several reads is put together to be read again: heads, requests that waited, frames. */
export const JOIN_START = RECV_END;
export const JOIN_SIZE = 160 * KIB;
export const JOIN_END = JOIN_START + JOIN_SIZE;

/** Where the header block of several frames is put together. */
export const BLOCK_START = JOIN_END;
export const BLOCK_SIZE = 64 * KIB;
export const BLOCK_END = BLOCK_START + BLOCK_SIZE;

/** Where a decoder that does not read HTTP/1.1 form (HTTP/2) writes heads in that form. */
export const DECODE_START = BLOCK_END;
export const DECODE_SIZE = 128 * KIB;
export const DECODE_END = DECODE_START + DECODE_SIZE;

/** Where the 101 is put together that an answer to an extended CONNECT stands for. */
export const SWITCH_START = DECODE_END;
export const SWITCH_SIZE = 128 * KIB;
export const SWITCH_END = SWITCH_START + SWITCH_SIZE;

/** Where request heads to backends are composed. */
export const COMPOSE_START = SWITCH_END;
export const COMPOSE_SIZE = 256 * KIB;
export const COMPOSE_END = COMPOSE_START + COMPOSE_SIZE;

/** Where a head is put back that was copied out because a filter waits. */
export const HELD_START = COMPOSE_END;
export const HELD_SIZE = 160 * KIB;
export const HELD_END = HELD_START + HELD_SIZE;

/** Where the lines of a head are put that an encoder makes other bytes of (HTTP/2). */
export const ENCODE_START = HELD_END;
export const ENCODE_SIZE = 272 * KIB;
export const ENCODE_END = ENCODE_START + ENCODE_SIZE;

/** Where the kept pieces of a body are put when they go on. */
export const KEPT_START = ENCODE_END;
export const KEPT_SIZE = 64 * KIB;
export const KEPT_END = KEPT_START + KEPT_SIZE;

/** Where the pieces of a body are put that the gateway makes itself. */
export const MADE_START = KEPT_END;
export const MADE_SIZE = 64 * KIB;
export const MADE_END = MADE_START + MADE_SIZE;

/** Where a trailer section is put together to be parsed. */
export const TRAILER_START = MADE_END;
export const TRAILER_SIZE = 16 * KIB;
export const TRAILER_END = TRAILER_START + TRAILER_SIZE;

/** Where kept trailer lines are put when they go on. */
export const TRAILER_LINES_START = TRAILER_END;
export const TRAILER_LINES_SIZE = 64 * KIB;
export const TRAILER_LINES_END = TRAILER_LINES_START + TRAILER_LINES_SIZE;

/** Where messages are composed to be sent: a head and what is known of its body. */
export const SEND_START = TRAILER_LINES_END;
export const SEND_SIZE = 384 * KIB;
export const SEND_END = SEND_START + SEND_SIZE;

/** One byte more than the regions: parsers put a stop byte behind what they read, for the time they read it. */
export const ARENA: Buffer = Buffer.allocUnsafeSlow(SEND_END + 1);
