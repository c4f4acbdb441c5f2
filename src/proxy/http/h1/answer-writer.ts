/** How an answer is put on the wire of a client's connection: heads and bodies, collected and written together. */

import { ARENA } from '../../ground/arena.ts';
import { CopySender, TEXT_MAX } from '../../ground/copy-sender.ts';
import { putBytes, putText } from '../compose.ts';
import { type OutboxOwner, outbox } from '../outbox.ts';
import { chunkHeader } from './chunk-text.ts';
import { LinkedClient } from './linked-client.ts';

/** Bytes of a body up to which they join the head, or what else is collected, in one write. */
const JOINED_BODY = 16 * 1024;

export abstract class AnswerWriter extends LinkedClient implements OutboxOwner {
  /** The body under way goes out in chunks. */
  protected chunkedOut = false;
  /** The link is above its mark: the client does not keep up. */
  protected blocked = false;
  #copies: CopySender | null = null;

  beginHead(): number {
    return outbox.claim(this);
  }

  sendBody(start: number, end: number): boolean {
    const size = end - start;
    if (size > JOINED_BODY || outbox.room() < size + 64) return this.#sendLong(start, end);
    let to = outbox.claim(this);
    if (this.chunkedOut) to = putText(to, chunkHeader(size));
    to = putBytes(to, start, end);
    if (this.chunkedOut) to = putText(to, '\r\n');
    outbox.at = to;
    return !this.blocked;
  }

  #sendLong(start: number, end: number): boolean {
    const to = outbox.claim(this);
    if (this.chunkedOut) outbox.at = putText(to, chunkHeader(end - start));
    this.flush();
    this.#writeCopy(start, end);
    if (this.chunkedOut) outbox.at = putText(outbox.claim(this), '\r\n');
    return !this.blocked;
  }

  /** Puts out what ends a chunked body, and all that is collected. */
  protected endBody(trailersStart: number, trailersEnd: number): void {
    if (this.chunkedOut) {
      let to = putText(outbox.claim(this), '0\r\n');
      to = putBytes(to, trailersStart, trailersEnd);
      outbox.at = putText(to, '\r\n');
    }
    this.flush();
  }

  flush(): void {
    if (!outbox.holds(this)) return;
    const end = outbox.at;
    const start = outbox.start;
    outbox.release();
    if (end === start) return;
    if (end - start > TEXT_MAX) this.#writeCopy(start, end);
    else if (!this.link.send(ARENA.latin1Slice(start, end)) && this.link.pending > 0) this.blocked = true;
  }

  /** The link has sent everything: buffers that it held are free. */
  protected reclaim(): void {
    this.#copies?.reclaim();
  }

  #writeCopy(start: number, end: number): void {
    if (this.#copies === null) {
      this.#copies = new CopySender();
      this.#copies.link = this.link;
    }
    if (!this.#copies.send(start, end)) this.blocked = true;
  }
}
