/**
 * A regular expression as a table: one step a character, whatever the expression is. The table is made whole before the
 * first request, so that what a match costs is known, and what would become too large is refused where it is written.
 */
import { Alphabet, MAX_MAKING_STEPS, tooComplex } from './alphabet.ts';
import { assertionsOf, KIND, OP, type Program, placeBetween } from './program.ts';

/** Cells of a table: one for each state and class of characters. */
export const MAX_AUTOMATON_CELLS = 32_768;
/** The row from which nothing is accepted any more. */
const NOWHERE = 0;

export class Automaton {
  /** Rows of cells: for each class the row it leads to, then 1 where the text may end. */
  readonly #cells: Uint16Array;
  readonly #start: number;
  readonly #alphabet: Alphabet;
  readonly #ofBytes: Uint16Array;
  readonly #ends: number;
  /** That making it took. */
  readonly steps: number;
  /** Steps of the last match: what came after them could not matter. */
  walked = 0;

  /** Throws an Error with the reason where the table would be too large. */
  constructor(program: Program, bounds: ArrayLike<number>) {
    this.#alphabet = new Alphabet(program, bounds);
    this.#ofBytes = this.#alphabet.ofBytes;
    this.#ends = this.#alphabet.examples.length;
    const table = new Table(program, this.#alphabet);
    this.#start = table.start;
    this.#cells = table.cells();
    this.steps = table.steps;
  }

  /** All of it matches, a byte a character. */
  matchesBytes(bytes: Uint8Array, start: number, end: number): boolean {
    const cells = this.#cells;
    const classes = this.#ofBytes;
    let row = this.#start;
    let at = start;
    while (at < end && row !== NOWHERE) row = cells[row + classes[bytes[at++]!]!]!;
    this.walked = at - start;
    return cells[row + this.#ends] === 1;
  }

  matchesText(text: string): boolean {
    const cells = this.#cells;
    let row = this.#start;
    let at = 0;
    while (at < text.length && row !== NOWHERE) {
      const codePoint = text.codePointAt(at)!;
      row = cells[row + this.#alphabet.classOf(codePoint)]!;
      at += codePoint > 0xffff ? 2 : 1;
    }
    this.walked = at;
    return cells[row + this.#ends] === 1;
  }
}

/** Where a program may be after the same text, as few places as tell all that may follow. */
interface State {
  /** Instructions that take a character, matches, and assertions that wait for the next character; in order. */
  places: readonly number[];
  /** Kind of the character before, where an assertion waits. */
  before: number;
}

class Table {
  readonly start: number;
  steps: number;
  readonly #program: Program;
  readonly #alphabet: Alphabet;
  readonly #asked: number;
  readonly #width: number;
  readonly #states: State[] = [];
  readonly #rows = new Map<string, number>();
  readonly #cells: number[] = [];
  /** In which round an instruction was seen. */
  readonly #seen: Uint32Array;
  /** Of all classes. */
  readonly #kinds: readonly number[];
  #round = 0;

  constructor(program: Program, alphabet: Alphabet) {
    this.#program = program;
    this.#alphabet = alphabet;
    this.#asked = assertionsOf(program);
    this.#width = alphabet.examples.length + 1;
    this.#kinds = [...new Set(alphabet.kinds)];
    this.steps = alphabet.steps;
    this.#seen = new Uint32Array(program.numInst());
    this.#rowOf({ places: [], before: KIND.other });
    this.start = this.#rowOf(this.#stateAt([program.start], KIND.edge));
    // States that are found on the way are appended.
    for (let index = 0; index < this.#states.length; index++) this.#fill(index);
  }

  cells(): Uint16Array {
    return Uint16Array.from(this.#cells);
  }

  #fill(index: number): void {
    const { kinds } = this.#alphabet;
    const row = index * this.#width;
    const state = this.#states[index]!;
    // Most classes lead where others do.
    const known = new Map<string, number>();
    for (const [one, target] of this.#targets(state).entries()) {
      const name = String.fromCharCode(kinds[one]!, ...target);
      const next = known.get(name) ?? this.#rowOf(this.#stateAt(target, kinds[one]!));
      known.set(name, next);
      this.#cells[row + one] = next;
    }
    const ends = this.#settled(state, KIND.edge).some((at) => this.#program.getInst(at).op === OP.Match);
    this.#cells[row + kinds.length] = ends ? 1 : 0;
  }

  /** By class, what follows one of its characters. */
  #targets(state: State): number[][] {
    const { kinds, taken } = this.#alphabet;
    const targets: number[][] = kinds.map(() => []);
    for (const kind of this.#kinds) {
      for (const at of this.#settled(state, kind)) {
        const { out } = this.#program.getInst(at);
        for (const one of taken[at] ?? []) if (kinds[one] === kind) targets[one]!.push(out);
        this.#spend(1 + (taken[at]?.length ?? 0));
      }
    }
    return targets;
  }

  /** Throws where there are too many. */
  #rowOf(state: State): number {
    const name = String.fromCharCode(state.before, ...state.places);
    const known = this.#rows.get(name);
    if (known !== undefined) return known;
    const row = this.#states.length * this.#width;
    if (row + this.#width > MAX_AUTOMATON_CELLS) throw tooComplex();
    this.#spend(this.#width);
    this.#rows.set(name, row);
    this.#states.push(state);
    for (let i = 0; i < this.#width; i++) this.#cells.push(NOWHERE);
    return row;
  }

  #stateAt(from: readonly number[], before: number): State {
    const places = this.#reached(from, 0).sort((a, b) => a - b);
    const waits = places.some((at) => this.#program.getInst(at).op === OP.Assertion);
    return { places, before: waits ? before : KIND.other };
  }

  /** The places of a state once the kind of the next character is known: no assertion waits any more. */
  #settled({ places, before }: State, after: number): readonly number[] {
    if (this.#asked === 0) return places;
    return this.#reached(places, placeBetween(before, after));
  }

  /** What can be reached without a character; assertions that `place` does not satisfy stay where they are. */
  #reached(from: readonly number[], place: number): number[] {
    const places: number[] = [];
    const open = from.toReversed();
    this.#round++;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (this.#seen[at] === this.#round) continue;
      this.#seen[at] = this.#round;
      this.#spend(1);
      const { op, out, arg } = this.#program.getInst(at);
      if (op === OP.Fail) continue;
      if (op === OP.Alternatives || op === OP.AlternativesOfMatch) open.push(arg, out);
      else if (op === OP.Assertion && (arg & ~place) === 0) open.push(out);
      else if (op === OP.Match || op === OP.Assertion || this.#alphabet.taken[at] !== undefined) places.push(at);
      else open.push(out);
    }
    return places;
  }

  /** Throws where they are too many. */
  #spend(steps: number): void {
    this.steps += steps;
    if (this.steps > MAX_MAKING_STEPS) throw tooComplex();
  }
}
