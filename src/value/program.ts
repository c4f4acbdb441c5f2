/** Regular expressions as re2js compiles them: instructions, each with what follows it. */

export interface Program {
  start: number;
  numInst(): number;
  getInst(at: number): Instruction;
}

export interface Instruction {
  op: number;
  out: number;
  /** The other way of an alternative; what an assertion asks for. */
  arg: number;
  runes: ArrayLike<number>;
  matchRune(codePoint: number): boolean;
}

/** Numbers of re2js; what is none of these goes on without a character. */
export const OP = { Alternatives: 1, AlternativesOfMatch: 2, Assertion: 4, Fail: 5, Match: 6 } as const;
/** These four take a character. */
const FIRST_OF_CHARACTERS = 8;
const LAST_OF_CHARACTERS = 11;

/** What assertions ask of the place between two characters. */
export const PLACE = {
  lineBegins: 1,
  lineEnds: 2,
  textBegins: 4,
  textEnds: 8,
  wordBoundary: 16,
  noWordBoundary: 32,
} as const;

/** What a character is to assertions, or the edge of the text. */
export const KIND = { other: 0, edge: 1, word: 2, newline: 4 } as const;

export function takesCharacter({ op }: Instruction): boolean {
  return op >= FIRST_OF_CHARACTERS && op <= LAST_OF_CHARACTERS;
}

/** All that assertions of a program ask for. */
export function assertionsOf(program: Program): number {
  let asked = 0;
  for (let at = 0; at < program.numInst(); at++) {
    const { op, arg } = program.getInst(at);
    if (op === OP.Assertion) asked |= arg;
  }
  return asked;
}

/** As far as anybody asks. */
export function kindOf(codePoint: number, asked: number): number {
  if (codePoint === 10 && asked & (PLACE.lineBegins | PLACE.lineEnds)) return KIND.newline;
  return isWord(codePoint) && asked & (PLACE.wordBoundary | PLACE.noWordBoundary) ? KIND.word : KIND.other;
}

function isWord(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || c === 95 || (c >= 97 && c <= 122);
}

/** What holds between a character of one kind and one of another. */
export function placeBetween(before: number, after: number): number {
  let place = (before === KIND.word) === (after === KIND.word) ? PLACE.noWordBoundary : PLACE.wordBoundary;
  if (before === KIND.edge) place |= PLACE.textBegins | PLACE.lineBegins;
  if (before === KIND.newline) place |= PLACE.lineBegins;
  if (after === KIND.edge) place |= PLACE.textEnds | PLACE.lineEnds;
  if (after === KIND.newline) place |= PLACE.lineEnds;
  return place;
}
