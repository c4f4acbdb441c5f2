/** How an answer is put on the wire of a client's connection: heads and bodies, collected and written together. */

import { strict as assert } from 'node:assert';
import { ARENA } from '../../ground/arena.ts';
import { LEAST_HEAD_ROOM } from '../../ground/codec.ts';
import { CopySender, TEXT_MAX } from '../../ground/copy-sender.ts';
import type { Composed, Cursor } from '../../ground/cursor.ts';
import { type OutboxOwner, outbox } from '../outbox.ts';
import { chunkHeader } from './chunk-text.ts';
import type { EndedClient } from './ended-client.ts';
import { LinkedClient } from './linked-client.ts';
import { ZERO } from './octets.ts';

/** Bytes of a body up to which they join the head, or what else is collected, in one write. */
const JOINED_BODY = 16 * 1024;
/** Bytes for what the codec itself adds to a head. */
const HEAD_TAIL = 128;
/** Bytes for what stands around a chunk, or around the trailers. */
const CHUNK_FRAME = 64;
/** Where `HTTP/1.1 100` differs from other 1xx heads. */
const LAST_DIGIT = 'HTTP/1.1 10'.length;
const CRLF = '\r\n';

export abstract class AnswerWriter extends LinkedClient implements OutboxOwner {
  /** The body under way goes out in chunks. */
  protected chunkedOut = false;
  /** The link is above its mark: the client does not keep up. */
  protected blocked = false;
  /** Of the request that is answered. */
  protected minorVersion = 1;
  /** The client may hold its body back, since it was not told to go on. */
  protected expectsContinue = false;
  /** The client will send nothing more. */
  protected ended: EndedClient | null = null;
  #copies: CopySender | null = null;

  beginHead(): Cursor {
    const to = outbox.claim(this, LEAST_HEAD_ROOM + HEAD_TAIL);
    to.begin(to.end);
    to.leave(HEAD_TAIL);
    return to;
  }

  /** The cursor behind a head that was composed with it a moment ago. */
  protected tailOf(head: Composed): Cursor {
    const { cursor } = outbox;
    if (!Object.is(cursor, head) || !outbox.holds(this)) assert.fail('a head is sent by whom it was composed for');
    cursor.useSpare();
    return cursor;
  }

  /** HTTP/1.0 has none. */
  sendInformational(head: Composed): void {
    if (ARENA[head.start + LAST_DIGIT] === ZERO) this.expectsContinue = false;
    const to = this.tailOf(head);
    if (this.minorVersion === 0) to.begin(to.start);
    else to.text('\r\n');
  }

  sendBody(start: number, end: number): boolean {
    const size = end - start;
    if (size > JOINED_BODY) return this.#sendLong(start, end);
    const to = outbox.claim(this, size + CHUNK_FRAME);
    if (this.chunkedOut) to.text(chunkHeader(size));
    to.bytes(start, end);
    if (this.chunkedOut) to.text(CRLF);
    return !this.blocked;
  }

  #sendLong(start: number, end: number): boolean {
    if (this.chunkedOut) outbox.claim(this, CHUNK_FRAME).text(chunkHeader(end - start));
    this.flush();
    this.#writeCopy(start, end);
    if (this.chunkedOut) outbox.claim(this, CHUNK_FRAME).text(CRLF);
    return !this.blocked;
  }

  /** Puts out what ends a chunked body, and all that is collected. */
  protected endBody(trailersStart: number, trailersEnd: number): void {
    if (this.chunkedOut) {
      const to = outbox.claim(this, trailersEnd - trailersStart + CHUNK_FRAME);
      to.text('0\r\n');
      to.bytes(trailersStart, trailersEnd);
      to.text(CRLF);
    }
    this.flush();
  }

  flush(): void {
    if (!outbox.holds(this)) return;
    let { start, end } = outbox;
    outbox.release();
    if (end === start) return;
    if (this.ended !== null) start += this.ended.takeAhead();
    if (end - start > TEXT_MAX) this.#writeCopy(start, end);
    else if (!this.link.send(ARENA.latin1Slice(start, end)) && this.link.pending > 0) this.blocked = true;
  }

  /** The link has sent everything: buffers that it held are free. */
  protected reclaim(): void {
    this.#copies?.reclaim();
  }

  #writeCopy(start: number, end: number): void {
    if (this.ended !== null) this.ended.moved = true;
    if (this.#copies === null) {
      this.#copies = new CopySender();
      this.#copies.link = this.link;
    }
    if (!this.#copies.send(start, end)) this.blocked = true;
  }
}
