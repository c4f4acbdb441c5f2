/** A head that must outlive the call that handed it over: copied out of ARENA, and put back for who goes on with it. */
import { ARENA, HELD_START } from '../ground/arena.ts';
import { FIELD_STRIDE, type Head, HeadTable, NAME_END, NAME_START, VALUE_END, VALUE_START } from '../ground/head.ts';
import { HELD } from '../ground/region.ts';

/** Every pair of offsets of a head besides those of its fields. */
export const PAIRS = [
  ['methodStart', 'methodEnd'],
  ['targetStart', 'targetEnd'],
  ['pathStart', 'pathEnd'],
  ['queryStart', 'queryEnd'],
  ['authorityStart', 'authorityEnd'],
  ['hostStart', 'hostEnd'],
  ['reasonStart', 'reasonEnd'],
  ['upgradeStart', 'upgradeEnd'],
] as const;
const FIELD_OFFSETS = [NAME_START, NAME_END, VALUE_START, VALUE_END];

/** Valid until the next one is put back. */
const RESTORED = new HeadTable();

export class HeldHead {
  /** The head, and what of it lay elsewhere. */
  readonly #bytes: Buffer;
  readonly #plain: Record<string, unknown>;
  readonly #fields: Uint32Array;
  readonly #drop: Uint8Array;

  /** Offsets are kept as if the bytes lay where they are put back. */
  constructor(head: Head) {
    const { start, end, fields, drop, count, ...plain } = head;
    const pieces = [Buffer.from(ARENA.subarray(start, end))];
    let size = end - start;
    for (const [from, to] of PAIRS) {
      const [first, last] = [head[from], head[to]];
      if (last === 0) continue;
      if (first >= start && last <= end) {
        plain[from] = first - start + HELD_START;
        plain[to] = last - start + HELD_START;
      } else {
        pieces.push(Buffer.from(ARENA.subarray(first, last)));
        plain[from] = HELD_START + size;
        size += last - first;
        plain[to] = HELD_START + size;
      }
    }
    this.#bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    this.#plain = { ...plain, count, start: HELD_START, end: HELD_START + end - start };
    this.#fields = fields.slice(0, count * FIELD_STRIDE);
    this.#drop = drop.slice(0, count);
    for (let at = 0; at < this.#fields.length; at += FIELD_STRIDE) {
      for (const offset of FIELD_OFFSETS) this.#fields[at + offset] = this.#fields[at + offset]! - start + HELD_START;
    }
  }

  /** Puts it back into ARENA. */
  restore(): Head {
    HELD.load(this.#bytes);
    RESTORED.fields.set(this.#fields);
    RESTORED.drop.set(this.#drop);
    return Object.assign(RESTORED, this.#plain) as unknown as Head;
  }
}
