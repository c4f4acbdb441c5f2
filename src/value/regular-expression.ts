/**
 * Regular expressions that users write, in RE2's syntax, as automata. Whoever writes them and sends requests to them
 * holds up everybody on the worker for as long as they take: what one may cost is known before it is used.
 */
import { RE2JS } from 're2js';
import { Automaton } from './automaton.ts';

/** Characters of an expression with its counted repetitions written out; a class of Unicode counts for many. */
export const MAX_EXPRESSION_SIZE = 2_048;
/** Steps that making all expressions of one rule or policy may take; an ordinary one takes some hundred. */
export const MAX_EXPRESSION_STEPS = 3_000_000;

/** Characters of an expression as it is written. */
export const MAX_EXPRESSION_LENGTH = 4_096;

/** Ranges of characters that a class of Unicode has, nearly. */
const UNICODE_RANGES = 64;
/** Automata that are kept for whoever asks next, by the steps that made them. A rule's go in. */
const KEPT_STEPS = 2 * MAX_EXPRESSION_STEPS;

const kept = new Map<string, Automaton>();
let keptSteps = 0;

/** Why an expression cannot be used, in words that follow the expression. */
export class ExpressionFault extends Error {
  readonly isSyntax: boolean;

  constructor(message: string, isSyntax: boolean) {
    super(message);
    this.isSyntax = isSyntax;
  }
}

/** Throws an ExpressionFault. The same object for whoever asks again soon. */
export function automatonOf(expression: string): Automaton {
  const known = kept.get(expression);
  if (known !== undefined) return known;
  const made = make(expression);
  kept.set(expression, made);
  keptSteps += made.steps;
  for (const [oldest, { steps }] of kept) {
    if (keptSteps <= KEPT_STEPS) break;
    kept.delete(oldest);
    keptSteps -= steps;
  }
  return made;
}

function make(expression: string): Automaton {
  if (expression.length > MAX_EXPRESSION_LENGTH) {
    throw new ExpressionFault(`is longer than ${MAX_EXPRESSION_LENGTH} characters`, false);
  }
  if (writtenOut(expression) > MAX_EXPRESSION_SIZE) {
    const message = `is too large: with its repetitions written out it has more than ${MAX_EXPRESSION_SIZE} characters`;
    throw new ExpressionFault(message, false);
  }
  const compiled = compile(expression);
  try {
    return new Automaton(compiled.prog, compiled.dfa.classBounds);
  } catch (cause) {
    throw new ExpressionFault((cause as Error).message, false);
  }
}

function compile(expression: string): ReturnType<RE2JS['re2']> {
  try {
    return RE2JS.compile(expression).re2();
  } catch (cause) {
    throw new ExpressionFault(cause instanceof Error ? cause.message : String(cause), true);
  }
}

/** A piece of an expression: quoted text, an escape, a class of characters, a counted repetition, or one character. */
const PIECE =
  /\\Q.*?(?:\\E|$)|\\[pP](?:\{[^}]*\}|.)|\\x\{[^}]*\}|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\{\d+(?:,\d*)?\}|./gsu;

/** At least as large as what it compiles to, nearly; of what is no expression it says anything. */
export function writtenOut(expression: string): number {
  // Of each group that is open: what it holds so far, and the last of it, which a repetition repeats.
  const open = [{ size: 0, last: 0 }];
  for (const [piece] of expression.matchAll(PIECE)) {
    const group = open.at(-1)!;
    if (piece === '(') open.push({ size: 0, last: 0 });
    else if (piece === ')' && open.length > 1) {
      open.pop();
      add(open.at(-1)!, group.size + 1);
    } else if (/^\{\d/.test(piece)) add(group, group.last * (mostOf(piece) - 1), group.last * mostOf(piece));
    else add(group, sizeOf(piece));
  }
  return open.reduce((sum, { size }) => sum + size, 0);
}

function add(group: { size: number; last: number }, size: number, last = size): void {
  group.size += size;
  group.last = last;
}

function sizeOf(piece: string): number {
  if (piece.startsWith('\\Q')) return piece.length;
  return Math.max(1, (piece.match(/\\[pP]/g)?.length ?? 0) * UNICODE_RANGES);
}

/** How often `{n}`, `{n,}` or `{n,m}` repeats at most. */
function mostOf(repetition: string): number {
  const numbers = repetition.match(/\d+/g)!.map(Number);
  return Math.max(1, ...numbers) + (repetition.endsWith(',}') ? 1 : 0);
}
