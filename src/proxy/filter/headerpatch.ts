/**
 * Changes of headers, folded at compile time: which lines of the original are dropped, and which lines are added.
 * Closed under `followedBy`, so that any number of modifiers of a rule and its backend become one patch.
 */
import type { HeaderLine, HeaderModifier } from '../../config/index.ts';
import { nameHash } from '../http/head.ts';

export class HeaderPatch {
  /** Lower-case names of lines of the original head that are not forwarded. */
  readonly drops: ReadonlySet<string>;
  /** The same by `nameHash`, for a first look on the hot path. */
  readonly dropHashes: ReadonlySet<number>;
  readonly lines: ReadonlyArray<HeaderLine>;
  /** `Name: value\r\n` of all `lines`, latin1. */
  readonly text: string;

  constructor(drops: ReadonlySet<string>, lines: ReadonlyArray<HeaderLine>) {
    this.drops = drops;
    this.dropHashes = new Set([...drops].map(nameHash));
    this.lines = lines;
    this.text = lines.map((line) => `${line.name}: ${line.value}\r\n`).join('');
  }

  static readonly NONE: HeaderPatch = new HeaderPatch(new Set(), []);

  /** Set replaces, add appends a further line, remove drops; in that order, as the filters of one rule are applied. */
  static of(modifier: HeaderModifier): HeaderPatch {
    const drops = new Set<string>();
    let lines: HeaderLine[] = [];
    for (const line of modifier.set) {
      const name = line.name.toLowerCase();
      drops.add(name);
      lines = lines.filter((other) => other.name.toLowerCase() !== name);
      lines.push(line);
    }
    lines.push(...modifier.add);
    for (const removed of modifier.remove) {
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
