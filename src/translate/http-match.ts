import { type GRPCRouteMatch, type HTTPRouteMatch, type HTTPValueMatch, ROUTE_REASON } from '../api/index.ts';
import type { HttpMatch, ValueMatch } from '../config/index.ts';
import { isLiteralPath, NO_LITERAL_PATH } from '../value/literal-path.ts';
import { automatonOf, ExpressionFault, MAX_EXPRESSION_STEPS } from '../value/regular-expression.ts';
import { type Problem, problem } from './verdict/problem.ts';

/** Matches of a rule, and what makes some of them impossible. */
export interface MatchReading {
  matches: HttpMatch[];
  invalid: Problem[];
}

/** What expressions that belong together, those of a rule or a policy, take to be made ready. */
export interface ExpressionWork {
  steps: number;
}

const EVERYTHING: HttpMatch = { path: { type: 'PathPrefix', value: '/' }, headers: [], query: [] };

/** `work`: of what was read before, where that belongs to the same. */
export function readHttpMatches(
  matches: ReadonlyArray<HTTPRouteMatch> | undefined,
  field: string,
  work: ExpressionWork = { steps: 0 },
): MatchReading {
  const reading: MatchReading = { matches: [], invalid: [] };
  const { invalid } = reading;
  for (const [at, match] of (matches ?? []).entries()) {
    const where = `${field}[${at}]`;
    const read: HttpMatch = {
      path: readPath(match.path, `${where}.path`, { invalid, work }),
      headers: readHeaders(match.headers, `${where}.headers`, { invalid, work }),
      query: valueMatches(match.queryParams, `${where}.queryParams`, { invalid, work, fold: false }),
    };
    if (match.method !== undefined) read.method = match.method;
    reading.matches.push(read);
  }
  if (reading.matches.length === 0) reading.matches.push(EVERYTHING);
  return reading;
}

/** A gRPC method is the path `/service/method`, always with POST. */
export function readGrpcMatches(matches: ReadonlyArray<GRPCRouteMatch> | undefined, field: string): MatchReading {
  const reading: MatchReading = { matches: [], invalid: [] };
  const { invalid } = reading;
  const work: ExpressionWork = { steps: 0 };
  for (const [at, match] of (matches ?? []).entries()) {
    const where = `${field}[${at}]`;
    const call = grpcCall(match.method, `${where}.method`, { invalid, work });
    const headers = readHeaders(match.headers, `${where}.headers`, { invalid, work });
    reading.matches.push({ ...call, headers, query: [] });
  }
  if (reading.matches.length === 0) reading.matches.push(EVERYTHING);
  return reading;
}

/** An empty service or method is any, as one that is left out. */
function grpcCall(
  method: GRPCRouteMatch['method'],
  field: string,
  readings: Readings,
): Pick<HttpMatch, 'path' | 'call'> {
  const { type = 'Exact', service = '', method: name = '' } = method ?? {};
  const { path } = EVERYTHING;
  if (service === '' && name === '') return { path };
  if (type === 'Exact') {
    // Spec: whoever names a service comes first.
    if (service === '') return { path, call: name };
    if (name === '') return { path: { type: 'PathPrefix', value: `/${service}` } };
    return { path: { type: 'Exact', value: `/${service}/${name}` } };
  }
  const value = `/${part(service)}/${part(name)}`;
  const { invalid } = readings;
  const before = invalid.length;
  // Each for itself: two that are none may be one when they are put together. Their steps count there.
  const apart = { invalid, work: { steps: 0 } };
  checkRegex(service, `${field}.service`, apart);
  checkRegex(name, `${field}.method`, apart);
  checkAnchors(service, `${field}.service`, invalid);
  checkAnchors(name, `${field}.method`, invalid);
  if (invalid.length === before) checkRegex(value, field, readings);
  return { path: { type, value } };
}

/** It is put between two slashes, where a text never begins or ends: what asks for that in a group would never hold. */
function checkAnchors(text: string, field: string, invalid: Problem[]): void {
  const left = alternatives(text)
    .map(unanchored)
    .flatMap((one) => one.match(PIECES) ?? [])
    .find((piece) => ANCHORS.has(piece));
  if (left === undefined) return;
  const message = `${text} has ${left} in the middle or in a group: an expression holds for the whole of a service or method, so leave it out`;
  invalid.push(problem(ROUTE_REASON.UnsupportedValue, field, message));
}

/** One element of the path. What an expression says of itself, such as a '|' or '(?i)', ends where it ends. */
function part(text: string): string {
  if (text === '') return '[^/]+';
  const bare = alternatives(text).map(unanchored).join('|');
  return /\||\(\?/.test(bare) ? `(?:${bare})` : bare;
}

/** Quoted text, escaped characters, classes, and what groups and alternatives are made of. */
const PIECES = /\\Q[\s\S]*?(?:\\E|$)|\\[\s\S]|\[\^?\]?(?:\\[\s\S]|\[:\^?\w+:\]|[^\]\\])*\]|[\s\S]/g;

/** What stands between the '|' that are in no group. Quoted text that is not ended ends with the expression. */
function alternatives(expression: string): string[] {
  const found = [''];
  let depth = 0;
  for (const [piece] of expression.matchAll(PIECES)) {
    if (piece === '(') depth++;
    else if (piece === ')') depth--;
    if (piece === '|' && depth === 0) found.push('');
    else found[found.length - 1] += /^\\Q[\s\S]*(?<!\\E)$/.test(piece) ? `${piece}\\E` : piece;
  }
  return found;
}

const ANCHORS: ReadonlySet<string> = new Set(['^', '$', '\\A', '\\z']);

/** It has to match the whole element anyhow, and in the middle of a path no text begins or ends. */
function unanchored(alternative: string): string {
  const pieces = alternative.match(PIECES) ?? [];
  const [first = '', last = ''] = [pieces[0], pieces.at(-1)];
  const start = first === '^' || first === '\\A' ? 1 : 0;
  const end = pieces.length > start && (last === '$' || last === '\\z') ? -1 : undefined;
  return pieces.slice(start, end).join('');
}

export function readPath(path: HTTPRouteMatch['path'], field: string, readings: Readings): HttpMatch['path'] {
  const { type = 'PathPrefix', value = '/' } = path ?? {};
  if (type === 'RegularExpression') checkRegex(value, `${field}.value`, readings);
  // No request has such a path: who meant to keep one out would keep out none.
  else if (!isLiteralPath(value)) {
    const message = `${value} cannot be the path of a request: it ${NO_LITERAL_PATH}`;
    readings.invalid.push(problem(ROUTE_REASON.UnsupportedValue, `${field}.value`, message));
  }
  return { type, value };
}

export function readHeaders(matches: HTTPRouteMatch['headers'], field: string, readings: Readings): ValueMatch[] {
  return valueMatches(matches, field, { ...readings, fold: true });
}

/** "If multiple entries specify equivalent names, only the first counts": later ones are left out. */
function valueMatches(
  matches: ReadonlyArray<HTTPValueMatch> | undefined,
  field: string,
  { invalid, work, fold }: Readings & { fold: boolean },
): ValueMatch[] {
  const read = new Map<string, ValueMatch>();
  for (const [at, { type = 'Exact', name, value }] of (matches ?? []).entries()) {
    const folded = fold ? name.toLowerCase() : name;
    if (read.has(folded)) continue;
    if (type === 'RegularExpression') checkRegex(value, `${field}[${at}].value`, { invalid, work });
    read.set(folded, { type, name: folded, value });
  }
  return Array.from(read.values());
}

/** What reading adds to. */
export interface Readings {
  invalid: Problem[];
  work: ExpressionWork;
}

function checkRegex(expression: string, field: string, { invalid, work }: Readings): void {
  const fault = expressionFault(expression, work);
  if (fault !== undefined) invalid.push(problem(ROUTE_REASON.UnsupportedValue, field, `${expression} ${fault}`));
}

function expressionFault(expression: string, work: ExpressionWork): string | undefined {
  // Of all that follow the one that was too much it is said once.
  if (work.steps > MAX_EXPRESSION_STEPS) return undefined;
  try {
    work.steps += automatonOf(expression).steps;
  } catch (error) {
    if (!(error instanceof ExpressionFault)) throw error;
    return error.isSyntax ? `is no RE2 regular expression: ${error.message}` : error.message;
  }
  if (work.steps <= MAX_EXPRESSION_STEPS) return undefined;
  return 'is too complex together with the expressions before it: make them simpler, or spread them over several objects';
}
