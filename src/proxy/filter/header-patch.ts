/**
 * Changes of headers, folded at compile time: which lines of the original are dropped, and which lines are added.
 * Closed under `followedBy`, so that any number of modifiers of a rule and its backend become one patch.
 */
import { bareHeaderValue, type HeaderLine, type HeaderModifier, headerFault } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { fieldHash } from '../ground/head.ts';

const WRITTEN = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'x-request-id'];

const NO_DROPS: ReadonlySet<string> = new Set();
const NO_HASHES: ReadonlySet<number> = new Set();

export class HeaderPatch {
  /** Lower-case names of lines of the original head that are not forwarded. */
  readonly drops: ReadonlySet<string>;
  /** The same by `fieldHash`, for a first look on the hot path. */
  readonly dropHashes: ReadonlySet<number>;
  readonly lines: ReadonlyArray<HeaderLine>;
  /** `Name: value\r\n` of all `lines`, latin1. */
  readonly text: string;
  /** Lines that the proxy writes itself are among those that are set or removed. */
  readonly changesForwarded: boolean;

  constructor(drops: ReadonlySet<string>, lines: ReadonlyArray<HeaderLine>) {
    this.drops = drops;
    this.dropHashes = drops.size === 0 ? NO_HASHES : new Set([...drops].map(fieldHash));
    this.lines = lines;
    this.changesForwarded = drops.size > 0 && WRITTEN.some((name) => drops.has(name));
    this.text = lines.map((line) => `${line.name}: ${line.value}\r\n`).join('');
  }

  static readonly NONE: HeaderPatch = new HeaderPatch(NO_DROPS, []);

  /** Lines that are added to what is there. They are not looked at: whoever makes them knows that they can be sent. */
  static adding(lines: ReadonlyArray<HeaderLine>): HeaderPatch {
    return new HeaderPatch(NO_DROPS, lines);
  }

  /**
   * Set replaces, add appends a further line, remove drops; in that order, as the filters of one rule are applied.
   * Of several entries of one list for the same name the first counts (spec). Throws DMN_CONFIG_INVALID for names
   * and values that cannot stand in a head, and for names that the proxy alone may write.
   */
  static of(modifier: HeaderModifier): HeaderPatch {
    const drops = new Set<string>();
    let lines: HeaderLine[] = [];
    for (const line of distinct(modifier.set)) {
      drops.add(line.name.toLowerCase());
      lines.push(checked(line));
    }
    lines.push(...distinct(modifier.add).map(checked));
    for (const removed of modifier.remove) {
      refuse(headerFault(removed));
      const name = removed.toLowerCase();
      drops.add(name);
      lines = lines.filter((line) => line.name.toLowerCase() !== name);
    }
    return new HeaderPatch(drops, lines);
  }

  /** This patch, and then `next` on its outcome. */
  followedBy(next: HeaderPatch): HeaderPatch {
    if (next.isEmpty) return this;
    if (this.isEmpty) return next;
    const kept = this.lines.filter((line) => !next.drops.has(line.name.toLowerCase()));
    return new HeaderPatch(new Set([...this.drops, ...next.drops]), [...kept, ...next.lines]);
  }

  get isEmpty(): boolean {
    return this.drops.size === 0 && this.lines.length === 0;
  }
}

function distinct(lines: ReadonlyArray<HeaderLine>): HeaderLine[] {
  const seen = new Set<string>();
  return lines.filter(({ name }) => !seen.has(name.toLowerCase()) && seen.add(name.toLowerCase()));
}

function checked(line: HeaderLine): HeaderLine {
  refuse(headerFault(line.name, line.value));
  // Values go on the wire as the bytes of their UTF-8 form, one character a byte.
  return { name: line.name, value: Buffer.from(bareHeaderValue(line.value), 'utf8').latin1Slice() };
}

function refuse(fault: string | undefined): void {
  if (fault !== undefined) throw new DaemunError('DMN_CONFIG_INVALID', fault);
}
