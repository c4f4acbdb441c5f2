/**
 * Copies of received bytes on their way to the other side. What was received lies in ARENA only until the callback
 * returns, but a write the kernel did not take at once needs its bytes longer. The buffers for it are used again as
 * soon as a link has nothing pending, which for a receiver that keeps up is right after the write.
 */
import { ARENA, RECV_SIZE } from './arena.ts';
import type { Link } from './driver.ts';

/** Free buffers kept in a process: 2 MiB. */
const MAX_FREE = 32;
/** Up to here a latin-1 string is sent: Node writes it from the stack, which costs less than a Buffer. */
export const TEXT_MAX = 4096;

const free: Buffer[] = [];

/** The sending end of one link. */
export class CopySender {
  link: Link | undefined = undefined;
  /** Buffers whose bytes the link may still hold. */
  readonly #lent: Buffer[] = [];

  /** Sends a copy of ARENA[start,end). False: the link is above its mark and will say onDrain. */
  send(start: number, end: number): boolean {
    const link = this.link!;
    const length = end - start;
    if (length <= TEXT_MAX) return link.send(ARENA.latin1Slice(start, end)) || link.pending === 0;
    if (this.#lent.length > 0) this.reclaim();
    const buffer =
      length <= RECV_SIZE ? (free.pop() ?? Buffer.allocUnsafeSlow(RECV_SIZE)) : Buffer.allocUnsafeSlow(length);
    ARENA.copy(buffer, 0, start, end);
    const below = link.send(length === buffer.length ? buffer : buffer.subarray(0, length));
    if (link.pending === 0) {
      giveBack(buffer);
      return true;
    }
    this.#lent.push(buffer);
    return below;
  }

  /** Takes buffers back once the link has sent everything. */
  reclaim(): void {
    if (this.link!.pending > 0) return;
    for (let buffer = this.#lent.pop(); buffer !== undefined; buffer = this.#lent.pop()) giveBack(buffer);
  }
}

function giveBack(buffer: Buffer): void {
  if (free.length < MAX_FREE && buffer.length === RECV_SIZE) free.push(buffer);
}
