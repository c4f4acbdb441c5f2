/**
 * What a match asks of a request besides host and path, compiled: its method, headers and query parameters. All
 * read the request's bytes in ARENA; only regular expressions and repeated headers make a string.
 */
import type { HttpMatch, ValueMatch } from '../../config/index.ts';
import { isGrpc } from '../ground/grpc-call.ts';
import { FIELD_STRIDE, fieldHash, type Head, VALUE_END, VALUE_START } from '../ground/head.ts';
import { sameBytes, wireText } from './byte-map.ts';
import { findParameter, foundEquals, foundText } from './query.ts';
import { compileRegex, type Regex } from './regex.ts';

export interface Condition {
  readonly kind: 'method' | 'grpc' | 'header' | 'query';
  /** As the user would say it: `header version is "two"`. */
  readonly text: string;
  holds(head: Head): boolean;
}

const NONE: readonly Condition[] = [];

/** The conditions of a match, cheapest first. Throws DMN_CONFIG_INVALID for a regular expression that is none. */
export function compileConditions(match: HttpMatch, compile = compileRegex): readonly Condition[] {
  if (match.method === undefined && match.headers.length === 0 && match.query.length === 0) return NONE;
  const conditions: Condition[] = [];
  if (match.method !== undefined) conditions.push(new MethodCondition(match.method));
  for (const header of distinctHeaders(match.headers)) conditions.push(new HeaderCondition(header, compile));
  for (const parameter of distinctNames(match.query)) conditions.push(new QueryCondition(parameter, compile));
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

class HeaderCondition implements Condition {
  readonly kind = 'header';
  readonly text: string;
  readonly #name: string;
  readonly #hash: number;
  readonly #value: string;
  readonly #regex: Regex | undefined;

  constructor(match: ValueMatch, compile: typeof compileRegex) {
    this.text = `header ${match.name} ${wanted(match)}`;
    this.#name = match.name.toLowerCase();
    this.#hash = fieldHash(this.#name);
    this.#value = wireText(match.value);
    this.#regex = match.type === 'RegularExpression' ? compile(match.value) : undefined;
  }

  holds(head: Head): boolean {
    const first = head.find(this.#name, this.#hash);
    if (first < 0) return false;
    const more = head.find(this.#name, this.#hash, first + 1) >= 0;
    if (this.#regex !== undefined) return this.#regex.testExact(this.#joined(head, first));
    if (more) return this.#joined(head, first) === this.#value;
    const at = first * FIELD_STRIDE;
    return sameBytes(head.fields[at + VALUE_START]!, head.fields[at + VALUE_END]!, this.#value);
  }

  /** RFC 9110 5.2: lines of the same name are one list, joined by commas. */
  #joined(head: Head, first: number): string {
    let joined = head.value(first);
    for (let i = head.find(this.#name, this.#hash, first + 1); i >= 0; i = head.find(this.#name, this.#hash, i + 1)) {
      joined += `,${head.value(i)}`;
    }
    return joined;
  }
}

class QueryCondition implements Condition {
  readonly kind = 'query';
  readonly text: string;
  readonly #name: string;
  readonly #value: string;
  readonly #regex: Regex | undefined;

  constructor(match: ValueMatch, compile: typeof compileRegex) {
    this.text = `query parameter ${match.name} ${wanted(match)}`;
    this.#name = wireText(match.name);
    this.#value = wireText(match.value);
    this.#regex = match.type === 'RegularExpression' ? compile(match.value) : undefined;
  }

  holds(head: Head): boolean {
    if (!findParameter(head, this.#name)) return false;
    return this.#regex === undefined ? foundEquals(this.#value) : this.#regex.testExact(foundText());
  }
}

/** A path prefix as it is compared: by path elements, so that a '/' at its end says nothing. */
export function prefixText(value: string): string {
  return wireText(value.endsWith('/') ? value.slice(0, -1) : value);
}

function wanted(match: ValueMatch): string {
  return match.type === 'Exact' ? `is "${match.value}"` : `matches "${match.value}"`;
}
