/** The body of a request while it is read: where it ends, and what comes behind it. One for all of a connection. */
import { TRAILER_LINES } from '../../ground/region.ts';
import { ChunkDecoder, type ChunkSink } from './chunk.ts';

export class BodyReader {
  /** Bytes that are still to come; UNTOLD of a body in chunks. */
  remaining = 0;
  readonly #chunks = new ChunkDecoder();

  begin(contentLength: number, chunked: boolean): void {
    this.remaining = chunked ? UNTOLD : contentLength;
    if (chunked) this.#chunks.reset();
  }

  /** Reads ARENA[at,end) as far as the body goes; answers how many bytes that were, or a code of fault.ts. */
  read(at: number, end: number, to: ChunkSink): number {
    if (this.remaining === UNTOLD) return this.#chunks.feed(at, end, to);
    const size = Math.min(end - at, this.remaining);
    this.remaining -= size;
    to.onData(at, at + size);
    return size;
  }

  get done(): boolean {
    return this.remaining === UNTOLD ? this.#chunks.done : this.remaining === 0;
  }

  /** Puts the trailer lines into their region, once it is done; answers their end, or 0 where there are none. */
  loadTrailers(): number {
    const trailers = this.remaining === UNTOLD ? this.#chunks.trailers : '';
    return trailers === '' ? 0 : TRAILER_LINES.loadText(trailers);
  }
}

export const UNTOLD = -1;
