/** `konghq.com/headers.NAME`: a route takes requests with these header lines alone. */
import type { HTTPRoute, HTTPRouteMatch, HTTPRouteRule, HTTPValueMatch } from '../../api/index.ts';
import { automatonOf } from '../../value/regular-expression.ts';
import { HEADERS_SEPARATOR, HEADERS_START } from './annotation.ts';

/** One header, and what its line may say. */
export interface HeaderCondition {
  name: string;
  /** As Kong compares them, without regard to case; after `~*` a regular expression that is looked for in the line. */
  values: string[];
}

export interface AskedHeaders {
  headers: HeaderCondition[];
  /** They narrow whom the route lets in: what cannot be read must not open it. */
  broken: string[];
}

const SEPARATOR = ',';
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const EXPRESSION = '~*';

export function askedHeaders(annotations: Readonly<Record<string, string>>): AskedHeaders {
  const asked: AskedHeaders = { headers: [], broken: [] };
  const separator = annotations[HEADERS_SEPARATOR] ?? SEPARATOR;
  for (const annotation of Object.keys(annotations).sort()) {
    if (!annotation.startsWith(HEADERS_START)) continue;
    const name = annotation.slice(HEADERS_START.length).toLowerCase();
    const text = annotations[annotation]!;
    const values = (separator === '' ? [] : text.split(separator)).map((one) => one.trim()).filter((one) => one !== '');
    const why = faultOf(name, values, asked.headers);
    if (why === undefined) asked.headers.push({ name, values });
    else asked.broken.push(`${annotation}: ${why}`);
  }
  return asked;
}

function faultOf(name: string, values: readonly string[], others: readonly HeaderCondition[]): string | undefined {
  if (!TOKEN.test(name)) return 'names no header: write matches[].headers of the route';
  if (name === 'host') return 'is no condition that Host is asked for by: write hostnames of the route';
  if (others.some((one) => one.name === name)) return 'is there in another spelling, too: write one of the two';
  if (values.length === 0) return `has no value: write one, or several with ${HEADERS_SEPARATOR} between them`;
  const broken = values.find((one) => one.startsWith(EXPRESSION) && !isExpression(one.slice(EXPRESSION.length)));
  return broken && `has ${broken}, which is no RE2 regular expression`;
}

/** By itself: two halves of one may be one when they are put together. */
function isExpression(text: string): boolean {
  try {
    automatonOf(text);
    return true;
  } catch {
    return false;
  }
}

/** As matches[].headers say it. */
export function headerMatch({ name, values }: HeaderCondition): HTTPValueMatch {
  const [first] = values;
  if (values.length === 1 && !first!.startsWith(EXPRESSION) && first!.toLowerCase() === first!.toUpperCase()) {
    return { type: 'Exact', name, value: first! };
  }
  const parts = values.map((one) =>
    one.startsWith(EXPRESSION) ? `.*(?:${one.slice(EXPRESSION.length)}).*` : quoted(one),
  );
  return { type: 'RegularExpression', name, value: `(?i)${parts.length === 1 ? parts[0] : `(?:${parts.join('|')})`}` };
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The API's limit on headers of a match. */
const MOST_HEADERS = 16;

/** Each match of each rule asks for them, too. */
export function withHeaders(route: HTTPRoute, headers: readonly HeaderCondition[], any: HTTPRouteMatch): AddedHeaders {
  if (headers.length === 0) return { route, broken: [] };
  const broken = new Set<string>();
  const rules = (route.spec.rules ?? []).map((rule): HTTPRouteRule => {
    const matches = (rule.matches ?? []).length === 0 ? [any] : rule.matches;
    return {
      ...rule,
      matches: matches.map((match) => ({ ...match, headers: added(match.headers ?? [], headers, broken) })),
    };
  });
  return { route: { ...route, spec: { ...route.spec, rules } }, broken: [...broken] };
}

export interface AddedHeaders {
  route: HTTPRoute;
  broken: string[];
}

function added(
  own: readonly HTTPValueMatch[],
  headers: readonly HeaderCondition[],
  broken: Set<string>,
): HTTPValueMatch[] {
  const more = headers.flatMap((condition) => {
    const same = own.find(({ name }) => name.toLowerCase() === condition.name);
    if (same === undefined) return [headerMatch(condition)];
    if (!admits(condition, same)) {
      broken.add(
        `${HEADERS_START}${condition.name}: matches[].headers name it, too, and a match asks for a header once: write there what both say`,
      );
    }
    return [];
  });
  if (own.length + more.length > MOST_HEADERS) {
    broken.add(`${HEADERS_START}*: with them a match has more than ${MOST_HEADERS} headers: write fewer`);
  }
  return [...own, ...more];
}

/** What the match asks for is one of what the condition lets pass. */
function admits({ values }: HeaderCondition, { type, value }: HTTPValueMatch): boolean {
  if (type === 'RegularExpression') return false;
  return values.some((one) => !one.startsWith(EXPRESSION) && one.toLowerCase() === value.toLowerCase());
}
