/** A request as a backend is sent it: its head, and what is kept of its body so that it can be sent late or again. */

import { HeaderPatch } from '../filter/index.ts';
import { ARENA } from '../ground/arena.ts';
import { BODY_TUNNEL, type BodyFraming, type Upstream } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import { TRAILER_LINES } from '../ground/region.ts';
import { CountedBody } from './counted-body.ts';
import { MAX_REPLAY_BYTES } from './service.ts';
import { keptTrailers } from './trailer-lines.ts';

const UPGRADE = '\r\nUpgrade: ';

export class BackendRequest {
  /** With framing lines and without the blank line. */
  readonly head: string;
  readonly framing: BodyFraming;
  /** It asks for another protocol, at once or behind its body. */
  upgrades = false;
  /** Lines after the body, each with CRLF, or ''. */
  trailers = '';
  /** What rule and filters say of the head's lines. */
  patch: HeaderPatch = HeaderPatch.NONE;
  /** Nothing is to be added to it. */
  complete: boolean;
  /** Body bytes went to a backend that are not kept: the request cannot be sent again. */
  spent = false;
  #kept: CountedBody | null = null;
  #replays = false;

  constructor(head: string, framing: BodyFraming, complete: boolean) {
    this.head = head;
    this.framing = framing;
    this.complete = complete;
  }

  get method(): string {
    return this.head.slice(0, this.head.indexOf(' '));
  }

  /** Of a head with status 101: it switches to what was asked for, or to some of it, and not in the middle of the request. */
  asksFor(head: Head): boolean {
    if (!this.upgrades || !this.complete || head.upgradeEnd === 0) return false;
    const at = this.head.lastIndexOf(UPGRADE) + UPGRADE.length;
    const asked = protocolsOf(this.head.slice(at, this.head.indexOf('\r', at)));
    return protocolsOf(ARENA.latin1Slice(head.upgradeStart, head.upgradeEnd)).every((one) => asked.includes(one));
  }

  /** What may be sent again is kept, up to MAX_REPLAY_BYTES. */
  keepForReplay(): void {
    this.#replays = true;
    this.#kept ??= new CountedBody();
  }

  /** It is not sent again. */
  forget(): void {
    this.#kept?.letGo();
    this.#kept = null;
    this.spent = true;
  }

  /** Body bytes came. `late`: there is no backend yet to send them to. */
  keep(start: number, end: number, late: boolean): void {
    const kept = this.#kept;
    if (late) {
      (this.#kept ??= new CountedBody()).add(start, end);
    } else if (kept !== null && kept.bytes + (end - start) <= MAX_REPLAY_BYTES && !kept.tooMuch) {
      kept.add(start, end);
    } else {
      this.forget();
    }
  }

  keepTrailers(start: number, end: number): void {
    if (end > start) this.trailers = keptTrailers(ARENA.latin1Slice(start, end), this.patch, true);
  }

  /**
   * Sends what there is of it, and the end where it is complete; `lines` are further ones of the head, each with CRLF.
   * False: the client is to wait with the rest.
   */
  sendTo(up: Upstream, lines: string): boolean {
    up.sendHead(lines === '' ? this.head : this.head + lines, this.framing);
    const kept = this.#kept;
    let flowing = true;
    if (kept !== null && !kept.empty) {
      flowing = kept.sendAll(up);
      if (!this.#replays) this.forget();
    }
    if (this.complete && this.framing !== BODY_TUNNEL) {
      up.sendEnd(TRAILER_LINES.start, TRAILER_LINES.loadText(this.trailers));
    }
    return flowing;
  }
}

/** Names of protocols are compared whatever their case (RFC 9110 7.8). */
function protocolsOf(list: string): string[] {
  return list
    .toLowerCase()
    .split(',')
    .map((one) => one.trim());
}
