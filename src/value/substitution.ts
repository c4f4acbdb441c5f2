/** A regular expression that picks parts out of a text, and texts that those parts are put into. */
import { RE2JS } from 're2js';
import { ExpressionFault, MAX_EXPRESSION_LENGTH } from './regular-expression.ts';

/**
 * Instructions of an expression that picks. Picking takes a step for each of them at each character, 20 to 50 ns, unlike
 * matching, which takes one step a character; ordinary ones have 10 to 40.
 */
export const MAX_PICKING_SIZE = 96;

/** What was picked: the whole match first, then the groups; '' for a group that took no part. */
export type Picked = readonly string[];

/** A text with places for what is picked: `$1`, `${1}`, `$name`, `${name}`; `$$` is a dollar sign. */
export class Template {
  /** Texts, and numbers of groups. */
  readonly #parts: ReadonlyArray<string | number>;

  constructor(parts: ReadonlyArray<string | number>) {
    this.#parts = parts;
  }

  fill(picked: Picked): string {
    let text = '';
    for (const part of this.#parts) text += typeof part === 'string' ? part : (picked[part] ?? '');
    return text;
  }
}

export class Picker {
  readonly #expression: RE2JS;
  readonly #groups: number;
  /** Instructions. */
  readonly size: number;

  /** Throws an ExpressionFault. */
  constructor(expression: string) {
    if (expression.length > MAX_EXPRESSION_LENGTH) {
      throw new ExpressionFault(`is longer than ${MAX_EXPRESSION_LENGTH} characters`, false);
    }
    this.#expression = compiled(expression);
    this.#groups = this.#expression.groupCount();
    this.size = this.#expression.programSize();
    if (this.size > MAX_PICKING_SIZE) {
      const message = `is too large: it has ${this.size} instructions, and ${MAX_PICKING_SIZE} is the most that may pick parts out of paths`;
      throw new ExpressionFault(message, false);
    }
  }

  /** Its first match anywhere in the text. */
  pick(text: string): Picked | undefined {
    const matcher = this.#expression.matcher(text);
    if (!matcher.find()) return undefined;
    return Array.from({ length: this.#groups + 1 }, (_, group) => matcher.group(group) ?? '');
  }

  /** Throws an ExpressionFault that names what the expression does not have. `literal`: how plain text goes in. */
  template(text: string, literal: (plain: string) => string = (plain) => plain): Template {
    const parts: Array<string | number> = [];
    let end = 0;
    for (const { 0: found, 1: braced, 2: bare, index } of text.matchAll(PLACE)) {
      if (index > end) parts.push(literal(text.slice(end, index)));
      end = index + found.length;
      parts.push(found === '$$' ? literal('$') : this.#group(braced ?? bare, found));
    }
    if (end < text.length) parts.push(literal(text.slice(end)));
    return new Template(parts);
  }

  #group(name: string | undefined, found: string): number {
    const names = this.#expression.namedGroups() as Record<string, number>;
    const number = name === undefined ? Number.NaN : /^\d+$/.test(name) ? Number(name) : (names[name] ?? Number.NaN);
    if (number <= this.#groups) return number;
    const has = this.#groups === 0 ? 'no groups' : `${this.#groups} ${this.#groups === 1 ? 'group' : 'groups'}`;
    throw new ExpressionFault(`${found} names no group: the pattern has ${has}; write $$ for a dollar sign`, false);
  }
}

const PLACE = /\$(?:\$|\{(\w+)\}|(\d|[A-Za-z_]\w*)|)/g;

function compiled(expression: string): RE2JS {
  try {
    return RE2JS.compile(expression);
  } catch (cause) {
    throw new ExpressionFault(cause instanceof Error ? cause.message : String(cause), true);
  }
}
