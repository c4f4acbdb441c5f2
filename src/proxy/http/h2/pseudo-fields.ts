/** The pseudo-header fields of one section: where in ARENA their values are. */
import { ARENA } from '../../ground/arena.ts';
import { STATUS } from './field-kind.ts';

export class PseudoFields {
  /** Bit `1 << kind` for each one seen. */
  seen = 0;
  readonly start: Uint32Array = new Uint32Array(STATUS + 1);
  readonly end: Uint32Array = new Uint32Array(STATUS + 1);

  /** False: it was there before. */
  note(kind: number, start: number, end: number): boolean {
    const bit = 1 << kind;
    if ((this.seen & bit) !== 0) return false;
    this.seen |= bit;
    this.start[kind] = start;
    this.end[kind] = end;
    return true;
  }

  has(kind: number): boolean {
    return (this.seen & (1 << kind)) !== 0;
  }

  length(kind: number): number {
    return this.end[kind]! - this.start[kind]!;
  }

  /** Case is kept in mind: methods and protocols differ by it. */
  equals(kind: number, text: string): boolean {
    const start = this.start[kind]!;
    if (this.end[kind]! - start !== text.length) return false;
    for (let i = 0; i < text.length; i++) if (ARENA[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }
}
