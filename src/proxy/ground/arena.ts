/**
 * The one buffer that heads and bodies pass through in a worker. Receive and send regions live in the same
 * buffer so that forwarding a run of header lines is one `copyWithin`, with no view object made for it.
 *
 * Invariant: bytes in RECV are valid only during the callback that delivered them; whoever needs them longer
 * copies them out before returning. Bytes in SEND belong to the one owner of `outbox` (see outbox.ts).
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

/** Where a head that came in several reads is put together (kept part, then the new read). */
export const JOIN_START = RECV_END;
export const JOIN_SIZE = 160 * KIB;
export const JOIN_END = JOIN_START + JOIN_SIZE;

/** Where a decoder that does not read HTTP/1.1 form (HTTP/2) writes heads in that form. */
export const DECODE_START = JOIN_END;
export const DECODE_SIZE = 128 * KIB;
export const DECODE_END = DECODE_START + DECODE_SIZE;

/** Where an encoder that does not send HTTP/1.1 form (HTTP/2) has heads composed before it encodes them. */
export const COMPOSE_START = DECODE_END;
export const COMPOSE_SIZE = 160 * KIB;
export const COMPOSE_END = COMPOSE_START + COMPOSE_SIZE;

/** Where messages are composed to be sent: a head and what is known of its body. */
export const SEND_START = COMPOSE_END;
export const SEND_SIZE = 384 * KIB;
export const SEND_END = SEND_START + SEND_SIZE;

/** Where a trailer section is put together to be parsed. */
export const TRAILER_START = SEND_END;
export const TRAILER_SIZE = 16 * KIB;
export const TRAILER_END = TRAILER_START + TRAILER_SIZE;

/** One byte more than the regions: parsers put a stop byte behind what they read, for the time they read it. */
export const ARENA: Buffer = Buffer.allocUnsafeSlow(TRAILER_END + 1);
