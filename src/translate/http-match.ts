import { RE2JS } from 're2js';
import { type GRPCRouteMatch, type HTTPRouteMatch, type HTTPValueMatch, ROUTE_REASON } from '../api/index.ts';
import type { HttpMatch, ValueMatch } from '../config/index.ts';
import { type Problem, problem } from './verdict/problem.ts';

/** Matches of a rule, and what makes some of them impossible. */
export interface MatchReading {
  matches: HttpMatch[];
  invalid: Problem[];
}

const EVERYTHING: HttpMatch = { path: { type: 'PathPrefix', value: '/' }, headers: [], query: [] };

export function readHttpMatches(matches: ReadonlyArray<HTTPRouteMatch> | undefined, field: string): MatchReading {
  const reading: MatchReading = { matches: [], invalid: [] };
  for (const [at, match] of (matches ?? []).entries()) {
    const where = `${field}[${at}]`;
    const { type = 'PathPrefix', value = '/' } = match.path ?? {};
    if (type === 'RegularExpression') checkRegex(value, `${where}.path.value`, reading.invalid);
    const read: HttpMatch = {
      path: { type, value },
      headers: valueMatches(match.headers, `${where}.headers`, { invalid: reading.invalid, fold: true }),
      query: valueMatches(match.queryParams, `${where}.queryParams`, { invalid: reading.invalid, fold: false }),
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
  for (const [at, match] of (matches ?? []).entries()) {
    const where = `${field}[${at}]`;
    const path = grpcPath(match.method);
    if (path.type === 'RegularExpression') checkRegex(path.value, `${where}.method`, reading.invalid);
    const headers = valueMatches(match.headers, `${where}.headers`, { invalid: reading.invalid, fold: true });
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

/** "If multiple entries specify equivalent names, only the first counts": later ones are left out. */
function valueMatches(
  matches: ReadonlyArray<HTTPValueMatch> | undefined,
  field: string,
  { invalid, fold }: { invalid: Problem[]; fold: boolean },
): ValueMatch[] {
  const read = new Map<string, ValueMatch>();
  for (const [at, { type = 'Exact', name, value }] of (matches ?? []).entries()) {
    const folded = fold ? name.toLowerCase() : name;
    if (read.has(folded)) continue;
    if (type === 'RegularExpression') checkRegex(value, `${field}[${at}].value`, invalid);
    read.set(folded, { type, name: folded, value });
  }
  return Array.from(read.values());
}

function checkRegex(expression: string, field: string, invalid: Problem[]): void {
  try {
    RE2JS.compile(expression);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `${expression} is no RE2 regular expression: ${why}`;
    invalid.push(problem(ROUTE_REASON.UnsupportedValue, field, message));
  }
}
