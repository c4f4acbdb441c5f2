/** Characters that an expression does not tell apart are one class. */
import { assertionsOf, type Instruction, kindOf, type Program, takesCharacter } from './program.ts';

/** Steps that making a table may take: one is a tenth of a microsecond, on the thread that serves. */
export const MAX_MAKING_STEPS = 100_000;

const BYTES = 256;

export class Alphabet {
  /** Of the characters that are one byte. */
  readonly ofBytes: Uint16Array = new Uint16Array(BYTES);
  /** One character of each class. */
  readonly examples: number[] = [];
  /** Where a range begins that is one class. */
  readonly #starts: Int32Array;
  readonly #ofRange: Uint16Array;
  /** By instruction, what it takes; absent where that is no character. */
  readonly taken: ReadonlyArray<readonly number[] | undefined>;
  /** Kind of each class. */
  readonly kinds: readonly number[];
  /** Looks at ranges and instructions that it took. */
  readonly steps: number;

  /** `bounds`: between two of them the program tells no characters apart. */
  constructor(program: Program, bounds: ArrayLike<number>) {
    const starts = (this.#starts = Int32Array.from([0, ...Array.from(bounds)]));
    const asked = assertionsOf(program);
    this.#ofRange = Uint16Array.from(starts, (one) => kindOf(one, asked));
    const named = setsOf(program);
    const sets = new Map(named.flatMap((one) => (one === undefined ? [] : [[one.name, one.set]])));
    this.steps = starts.length * (sets.size + 1) + named.length;
    if (this.steps > MAX_MAKING_STEPS) throw tooComplex();
    for (const set of sets.values()) this.#split(set);
    this.#number();
    this.kinds = this.examples.map((one) => kindOf(one, asked));
    const classes = new Map(Array.from(sets, ([name, set]) => [name, this.#classesOf(set)]));
    this.taken = named.map((one) => one && classes.get(one.name));
    for (let c = 0; c < BYTES; c++) this.ofBytes[c] = this.classOf(c);
  }

  classOf(codePoint: number): number {
    const starts = this.#starts;
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= codePoint) low = middle;
      else high = middle;
    }
    return this.#ofRange[low]!;
  }

  #classesOf(set: Instruction): number[] {
    return this.examples.flatMap((one, index) => (set.matchRune(one) ? [index] : []));
  }

  /** Ranges of one class stay so only where the set takes all of them, or none. */
  #split(set: Instruction): void {
    const inside = new Map<number, number>();
    let next = this.#ofRange.reduce((most, one) => Math.max(most, one), 0) + 1;
    for (const [range, start] of this.#starts.entries()) {
      if (!set.matchRune(start)) continue;
      const before = this.#ofRange[range]!;
      if (!inside.has(before)) inside.set(before, next++);
      this.#ofRange[range] = inside.get(before)!;
    }
    this.#number();
  }

  /** Numbers without gaps. */
  #number(): void {
    const numbers = new Map<number, number>();
    this.examples.length = 0;
    for (const [range, start] of this.#starts.entries()) {
      const one = this.#ofRange[range]!;
      if (!numbers.has(one)) {
        numbers.set(one, numbers.size);
        this.examples.push(start);
      }
      this.#ofRange[range] = numbers.get(one)!;
    }
  }
}

/** By instruction; many take the same. */
function setsOf(program: Program): Array<{ name: string; set: Instruction } | undefined> {
  return Array.from({ length: program.numInst() }, (_, at) => {
    const set = program.getInst(at);
    return takesCharacter(set)
      ? { name: `${set.op} ${set.arg} ${Array.prototype.join.call(set.runes)}`, set }
      : undefined;
  });
}

export function tooComplex(): Error {
  return new Error(
    'is too complex: what follows a .* or another repetition must be told apart in too many ways; repeat less often',
  );
}
