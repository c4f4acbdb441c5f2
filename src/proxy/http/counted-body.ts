/**
 * Bodies that are kept for who must see them whole, is slow, or may be asked again: a filter, a mirror, a backend. Their
 * client is not held up by that, so that what one request may keep says nothing of what all of them do.
 */
import type { Upstream } from '../ground/codec.ts';
import { KeptBody } from './kept-body.ts';

/** Bytes of requests' bodies kept in this process for filters, mirrors and retries together: above it no request may keep more than MAX_FAIR_KEPT. What a filter is given is as much again. */
export const MAX_KEPT_BODIES: number = 128 * 1024 * 1024;
/** Bytes that one may keep all the same, so that whoever signs in or sends a form goes on. */
export const MAX_FAIR_KEPT: number = 16 * 1024;

let keptInAll = 0;

/** Bytes of them in this process. */
export function keptBodyBytes(): number {
  return keptInAll;
}

export class CountedBody extends KeptBody {
  #counted = 0;

  override keep(piece: Buffer): void {
    super.keep(piece);
    this.#count();
  }

  override drainTo(up: Upstream): boolean {
    const flowing = super.drainTo(up);
    this.#count();
    return flowing;
  }

  /** All together keep too much, and this one more than its part. */
  get tooMuch(): boolean {
    return keptInAll > MAX_KEPT_BODIES && this.bytes > MAX_FAIR_KEPT;
  }

  /** Nobody needs what is left of it. */
  letGo(): void {
    this.clear();
    this.#count();
  }

  #count(): void {
    keptInAll += this.bytes - this.#counted;
    this.#counted = this.bytes;
  }
}
