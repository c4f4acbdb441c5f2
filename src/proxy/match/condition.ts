/**
 * What a match asks of a request besides host and path, compiled: its method, headers and query parameters. All
 * read the request's bytes in ARENA; only regular expressions and repeated headers make a string.
 */
import type { HttpMatch, ValueMatch } from '../../config/index.ts';
import { charge } from '../ground/allowance.ts';
import { ARENA } from '../ground/arena.ts';
import { isGrpc } from '../ground/grpc-call.ts';
import {
  FIELD_STRIDE,
  fieldHash,
  type Head,
  imitatesName,
  NAME_END,
  NAME_HASH,
  NAME_START,
  VALUE_END,
  VALUE_START,
} from '../ground/head.ts';
import { sameBytes, wireText } from './byte-map.ts';
import { findParameter, found, foundEquals, foundText } from './query.ts';
import { compileRegex, type Regex } from './regex.ts';

export interface Condition {
  readonly kind: 'method' | 'grpc' | 'header' | 'query';
  /** As the user would say it: `header version is "two"`. */
  readonly text: string;
  holds(head: Head): boolean;
}

const NONE: readonly Condition[] = [];
const SLASH = 47;
/** Of each byte of header lines that become one text. */
const JOINING_STEPS = 4;

/**
 * Of a header or parameter that a request has more than once: `Whole`: what holds, holds for all of it. `Any`: also what
 * holds for one line, in whatever spelling of its name CGI-like backends know it by, or for one pair. So nobody walks
 * past a guard by adding a line, whichever of them the backend takes.
 */
export type Reading = 'Whole' | 'Any';

interface ConditionOptions {
  compile?: typeof compileRegex;
  reading?: Reading;
}

/** The conditions of a match, cheapest first. Throws DMN_CONFIG_INVALID for a regular expression that is none. */
export function compileConditions(
  match: HttpMatch,
  { compile = compileRegex, reading = 'Whole' }: ConditionOptions = {},
): readonly Condition[] {
  const { method, call } = match;
  if (method === undefined && call === undefined && match.headers.length === 0 && match.query.length === 0) return NONE;
  const conditions: Condition[] = [];
  if (method !== undefined) conditions.push(new MethodCondition(method));
  if (call !== undefined) conditions.push(new CallCondition(call));
  const [Header, Query] = reading === 'Any' ? [AnyHeader, AnyQuery] : [HeaderCondition, QueryCondition];
  for (const header of distinctHeaders(match.headers)) conditions.push(new Header(header, compile));
  for (const parameter of distinctNames(match.query)) conditions.push(new Query(parameter, compile));
  return conditions;
}

/** Spec: of several entries for one header (case ignored), only the first counts. */
export function distinctHeaders(matches: ReadonlyArray<ValueMatch>): ValueMatch[] {
  return matches.filter((match, i) => {
    const name = match.name.toLowerCase();
    return matches.findIndex((other) => other.name.toLowerCase() === name) === i;
  });
}

/** The same for query parameters, whose names are compared as written. */
export function distinctNames(matches: ReadonlyArray<ValueMatch>): ValueMatch[] {
  return matches.filter((match, i) => matches.findIndex((other) => other.name === match.name) === i);
}

/** A GRPCRoute takes calls of gRPC alone; what else asks for such a path is another route's, or nobody's. */
export const GRPC_CALL: Condition = {
  kind: 'grpc',
  text: 'it is a gRPC call (POST with a content type application/grpc)',
  holds: isGrpc,
};

class MethodCondition implements Condition {
  readonly kind = 'method';
  readonly text: string;
  readonly #method: string;

  constructor(method: string) {
    this.text = `method is ${method}`;
    this.#method = wireText(method);
  }

  holds(head: Head): boolean {
    return sameBytes(head.methodStart, head.methodEnd, this.#method);
  }
}

class CallCondition implements Condition {
  readonly kind = 'method';
  readonly text: string;
  /** With the '/' before it. */
  readonly #end: string;

  constructor(call: string) {
    this.text = `the method called is ${call}`;
    this.#end = wireText(`/${call}`);
  }

  holds({ pathStart, pathEnd }: Head): boolean {
    const at = pathEnd - this.#end.length;
    // A service has one character at least, and no '/'.
    return at > pathStart + 1 && sameBytes(at, pathEnd, this.#end) && ARENA.indexOf(SLASH, pathStart + 1) === at;
  }
}

class HeaderCondition implements Condition {
  readonly kind = 'header';
  readonly text: string;
  protected readonly name: string;
  readonly #hash: number;
  readonly #value: string;
  readonly #regex: Regex | undefined;
  readonly #between: string;

  constructor(match: ValueMatch, compile: typeof compileRegex) {
    this.text = `header ${match.name} ${wanted(match)}`;
    this.name = match.name.toLowerCase();
    this.#hash = fieldHash(this.name);
    // RFC 6265 5.4, RFC 9113 8.2.3: cookies are no list.
    this.#between = this.name === 'cookie' ? '; ' : ',';
    this.#value = wireText(match.value);
    this.#regex = match.type === 'RegularExpression' ? compile(match.value) : undefined;
  }

  holds(head: Head): boolean {
    charge(head.count);
    const first = head.find(this.name, this.#hash);
    if (first < 0) return false;
    const more = head.find(this.name, this.#hash, first + 1) >= 0;
    if (!more) return this.fits(head, first);
    // RFC 9110 5.2: lines of the same name are one list, joined by commas.
    const joined = head.joined(this.name, this.#hash, this.#between)!;
    charge(joined.length * JOINING_STEPS);
    return this.#regex === undefined ? joined === this.#value : this.#regex.testExact(joined);
  }

  /** The value of one line is what is asked for. */
  protected fits(head: Head, line: number): boolean {
    const start = head.fields[line * FIELD_STRIDE + VALUE_START]!;
    const end = head.fields[line * FIELD_STRIDE + VALUE_END]!;
    return this.#regex === undefined ? sameBytes(start, end, this.#value) : this.#regex.testBytes(start, end);
  }
}

class AnyHeader extends HeaderCondition {
  // All spellings of a name have one hash.
  readonly #either: number;

  constructor(match: ValueMatch, compile: typeof compileRegex) {
    super(match, compile);
    this.#either = fieldHash(this.name);
  }

  override holds(head: Head): boolean {
    return super.holds(head) || this.#anyHolds(head);
  }

  #anyHolds(head: Head): boolean {
    const { fields, count } = head;
    charge(count);
    for (let line = 0; line < count; line++) {
      const at = line * FIELD_STRIDE;
      if (fields[at + NAME_HASH] !== this.#either) continue;
      const isNamed = imitatesName(fields[at + NAME_START]!, fields[at + NAME_END]!, this.name);
      if (isNamed && this.fits(head, line)) return true;
    }
    return false;
  }
}

class QueryCondition implements Condition {
  readonly kind = 'query';
  readonly text: string;
  protected readonly name: string;
  readonly #value: string;
  readonly #regex: Regex | undefined;

  constructor(match: ValueMatch, compile: typeof compileRegex) {
    this.text = `query parameter ${match.name} ${wanted(match)}`;
    this.name = wireText(match.name);
    this.#value = wireText(match.value);
    this.#regex = match.type === 'RegularExpression' ? compile(match.value) : undefined;
  }

  holds(head: Head): boolean {
    return findParameter(head, this.name) && this.fits();
  }

  /** The value found last is what is asked for. */
  protected fits(): boolean {
    return this.#regex === undefined ? foundEquals(this.#value) : this.#regex.testExact(foundText());
  }
}

class AnyQuery extends QueryCondition {
  override holds(head: Head): boolean {
    for (let from = head.queryStart; findParameter(head, this.name, from); from = found.end + 1) {
      if (this.fits()) return true;
    }
    return false;
  }
}

/** A path prefix as it is compared: by path elements, so that a '/' at its end says nothing. */
export function prefixText(value: string): string {
  return wireText(value.endsWith('/') ? value.slice(0, -1) : value);
}

function wanted(match: ValueMatch): string {
  return match.type === 'Exact' ? `is "${match.value}"` : `matches "${match.value}"`;
}
