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
