/**
 * Regular expressions of routes: RE2 syntax, linear time. An expression must match the whole value (docs/decisions/
 * route-precedence.md), case counts unless the expression says `(?i)`.
 */
import { RE2JS } from 're2js';
import { DaemunError } from '../../observe/index.ts';

export interface Regex {
  /** The whole of `text` matches. */
  testExact(text: string): boolean;
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

/** Throws DMN_CONFIG_INVALID, naming the expression, where it is not RE2 syntax. */
export function compileRegex(expression: string): Regex {
  try {
    return RE2JS.compile(expression);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DaemunError('DMN_CONFIG_INVALID', `the regular expression "${expression}" is not RE2 syntax: ${why}`, {
      cause,
    });
  }
}

/**
 * What an expression that cannot be read might match: everything. Of a rule that answers 500 in any case, so that its
 * requests do not fall through to a rule that guards them less (docs/decisions/dropped-rules.md).
 */
const ANYTHING: Regex = { testExact: () => true };

export function readableRegex(expression: string): Regex {
  return isReadable(expression) ? compileRegex(expression) : ANYTHING;
}

export function isReadable(expression: string): boolean {
  try {
    compileRegex(expression);
    return true;
  } catch {
    return false;
  }
}
