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
    const path = grpcPath(match.method);
    if (path.type === 'RegularExpression') checkRegex(path.value, `${where}.method`, { invalid, work });
    const headers = readHeaders(match.headers, `${where}.headers`, { invalid, work });
    reading.matches.push({ path, headers, query: [] });
  }
  if (reading.matches.length === 0) reading.matches.push(EVERYTHING);
  return reading;
}

function grpcPath(method: GRPCRouteMatch['method']): HttpMatch['path'] {
  const { type = 'Exact', service, method: name } = method ?? {};
  if (service === undefined && name === undefined) return EVERYTHING.path;
  if (type === 'RegularExpression') {
    return { type, value: `/${service ?? '[^/]+'}/${name ?? '[^/]+'}` };
  }
  if (service === undefined) return { type: 'RegularExpression', value: `/[^/]+/${quoted(name!)}` };
  return name === undefined
    ? { type: 'PathPrefix', value: `/${service}` }
    : { type: 'Exact', value: `/${service}/${name}` };
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
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
