/**
 * Regular expressions of routes and policies: RE2 syntax, one step a byte. An expression must match the whole value
 * (docs/decisions/route-precedence.md), case counts unless the expression says `(?i)`. What all expressions together may
 * take for one request is bounded (docs/decisions/regular-expressions.md).
 */
import { DaemunError } from '../../observe/index.ts';
import type { Automaton } from '../../value/automaton.ts';
import { automatonOf, type ExpressionFault } from '../../value/regular-expression.ts';
import { charge } from '../ground/allowance.ts';
import { ARENA } from '../ground/arena.ts';

export interface Regex {
  /** All of ARENA[start,end) matches, one character a byte. */
  testBytes(start: number, end: number): boolean;
  /** The whole of `text` matches. */
  testExact(text: string): boolean;
}

/** Of asking one, whatever it looks at. */
const ASKING_STEPS = 16;

class BoundedRegex implements Regex {
  readonly #automaton: Automaton;

  constructor(automaton: Automaton) {
    this.#automaton = automaton;
  }

  testBytes(start: number, end: number): boolean {
    const matches = this.#automaton.matchesBytes(ARENA, start, end);
    charge(ASKING_STEPS + this.#automaton.walked);
    return matches;
  }

  testExact(text: string): boolean {
    const matches = this.#automaton.matchesText(text);
    charge(ASKING_STEPS + this.#automaton.walked);
    return matches;
  }
}

/** What may stand for itself at the start of an expression; a quantifier after it takes the last character back. */
const LITERALS = /^\^?([A-Za-z0-9/_%~:@!,;=&'"<>#-]*)([?*+{]?)/;

/**
 * A text that everything an expression matches starts with, '' where that is not easily known. A look at it spares
 * running most expressions of a host.
 */
export function literalStart(expression: string): string {
  if (hasAlternatives(expression)) return '';
  const [, literals = '', quantifier = ''] = LITERALS.exec(expression) ?? [];
  return quantifier === '' ? literals : literals.slice(0, -1);
}

/** A '|' stands outside all groups, or might (quoted text and classes are not looked into closely). */
function hasAlternatives(expression: string): boolean {
  if (!expression.includes('|')) return false;
  if (/\\Q|\[/.test(expression)) return true;
  let depth = 0;
  for (let i = 0; i < expression.length; i++) {
    const c = expression[i];
    if (c === '\\') i++;
    else if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (c === '|' && depth === 0) return true;
  }
  return false;
}

/** Throws DMN_CONFIG_INVALID, naming the expression, where it cannot be used. */
export function compileRegex(expression: string): Regex {
  try {
    return new BoundedRegex(automatonOf(expression));
  } catch (cause) {
    const { message, isSyntax } = cause as ExpressionFault;
    const why = isSyntax ? `is not RE2 syntax: ${message}` : message;
    throw new DaemunError('DMN_CONFIG_INVALID', `the regular expression "${expression}" ${why}`, { cause });
  }
}

/**
 * What an expression that cannot be read might match: everything. Of a rule that answers 500 in any case, so that its
 * requests do not fall through to a rule that guards them less (docs/decisions/dropped-rules.md).
 */
const ANYTHING: Regex = { testBytes: () => true, testExact: () => true };

export function readableRegex(expression: string): Regex {
  return isReadable(expression) ? compileRegex(expression) : ANYTHING;
}

export function isReadable(expression: string): boolean {
  try {
    automatonOf(expression);
    return true;
  } catch {
    return false;
  }
}

/** Makes every expression in a config object ready, one a step, so that compiling the object takes no time for them. */
export function* readExpressions(part: unknown): Generator<void, void, void> {
  if (typeof part !== 'object' || part === null) return;
  if ('type' in part && part.type === 'RegularExpression' && 'value' in part && typeof part.value === 'string') {
    isReadable(part.value);
    yield;
    return;
  }
  for (const inside of Object.values(part)) yield* readExpressions(inside);
}
