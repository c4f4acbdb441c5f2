/** Lines of a request that go with a question about it. */
import type { HeaderChoice } from '../../../config/index.ts';
import { ARENA } from '../../ground/arena.ts';
import {
  FIELD_KEPT,
  FIELD_STRIDE,
  FIELD_WRITTEN,
  fieldHash,
  type Head,
  imitatesName,
  NAME_END,
  NAME_HASH,
  NAME_START,
  sameName,
  VALUE_END,
  VALUE_START,
} from '../../ground/head.ts';

/** Of the message, and of the gateways that it went through: whoever asks writes those. */
const OWN = ['content-length', 'cdn-loop'];
/** The blank line at the end of a head. */
const CRLF_LENGTH = 2;

interface Name {
  readonly name: string;
  readonly hash: number;
}

/**
 * Which lines of a request are told. Those that belong to the connection are not, nor those that only a gateway may write:
 * a service that believes them would believe the client.
 */
export class ToldLines {
  /** Null: all but those left out. */
  readonly #chosen: readonly Name[] | null;
  readonly #left: readonly Name[];
  readonly #leftHashes: ReadonlySet<number>;

  /** `replaced`: names whose lines the question has of its own. */
  constructor(choice: HeaderChoice, replaced: readonly string[]) {
    this.#left = [...OWN, ...replaced].map(named);
    this.#leftHashes = new Set(this.#left.map(({ hash }) => hash));
    this.#chosen = choice === '*' ? null : choice.map(named).filter(({ name }) => !this.#isLeft(name));
  }

  #isLeft(name: string): boolean {
    return this.#left.some((one) => one.name === name);
  }

  /** As they stand, each with CRLF. */
  text(head: Head): string {
    let lines = '';
    if (this.#chosen === null) return this.#runs(head);
    for (const { name, hash } of this.#chosen) {
      for (let i = head.find(name, hash); i !== -1; i = head.find(name, hash, i + 1)) {
        if (isSaid(head, i)) lines += lineOf(head, i);
      }
    }
    return lines;
  }

  /** Neighbours that are told, as one piece: a line ends where the next one's name starts. */
  #runs(head: Head): string {
    let lines = '';
    let run = -1;
    for (let i = 0; i < head.count; i++) {
      const start = head.fields[i * FIELD_STRIDE + NAME_START]!;
      if (this.#isTold(head, i)) {
        if (run === -1) run = start;
      } else if (run !== -1) {
        lines += ARENA.latin1Slice(run, start);
        run = -1;
      }
    }
    return run === -1 ? lines : lines + ARENA.latin1Slice(run, head.end - CRLF_LENGTH);
  }

  /** Calls back with the name in lower case and the value of each. */
  each(head: Head, call: (name: string, value: string) => void): void {
    for (let i = 0; i < head.count; i++) {
      if (!this.#isTold(head, i)) continue;
      const at = i * FIELD_STRIDE;
      const name = ARENA.latin1Slice(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!).toLowerCase();
      if (this.#chosen === null || this.#chosen.some((one) => one.name === name)) call(name, head.value(i));
    }
  }

  #isTold(head: Head, index: number): boolean {
    if (!isSaid(head, index)) return false;
    const at = index * FIELD_STRIDE;
    if (!this.#leftHashes.has(head.fields[at + NAME_HASH]!)) return true;
    const [start, end] = [head.fields[at + NAME_START]!, head.fields[at + NAME_END]!];
    return !this.#left.some(({ name }) => sameName(start, end, name) || imitatesName(start, end, name));
  }
}

/** By the client, or by a filter before. */
function isSaid({ drop }: Head, index: number): boolean {
  return drop[index] === FIELD_KEPT || drop[index] === FIELD_WRITTEN;
}

function named(name: string): Name {
  const lower = name.toLowerCase();
  return { name: lower, hash: fieldHash(lower) };
}

function lineOf(head: Head, index: number): string {
  const at = index * FIELD_STRIDE;
  const name = ARENA.latin1Slice(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!);
  return `${name}: ${ARENA.latin1Slice(head.fields[at + VALUE_START]!, head.fields[at + VALUE_END]!)}\r\n`;
}
