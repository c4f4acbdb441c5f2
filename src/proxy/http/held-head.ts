/** A head that must outlive the call that handed it over: copied out of ARENA, and put back for who goes on with it. */
import type { HeaderPatch } from '../filter/header-patch.ts';
import { type Head, HeadTable } from '../ground/head.ts';
import { HELD } from '../ground/region.ts';
import { type KeptHead, keptHead } from './kept-head.ts';
import { writtenHead } from './written-head.ts';

/** Valid until the next one is put back. */
const RESTORED = new HeadTable();

export class HeldHead {
  readonly #kept: KeptHead;

  constructor(from: Head | KeptHead) {
    this.#kept = from instanceof HeadTable ? keptHead(from) : from;
  }

  /** With what filters wrote before the route was chosen; undefined: there is no room for it. */
  written(patch: HeaderPatch): HeldHead | undefined {
    const kept = writtenHead(this.#kept, patch);
    return kept && new HeldHead(kept);
  }

  /** Puts it back into ARENA. */
  restore(): Head {
    const { bytes, plain, fields, drop } = this.#kept;
    HELD.load(bytes);
    RESTORED.fields.set(fields);
    RESTORED.drop.set(drop);
    return Object.assign(RESTORED, plain) as unknown as Head;
  }
}
