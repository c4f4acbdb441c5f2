import {
  type HTTPRoute,
  type HTTPRouteRetry,
  type HTTPRouteRule,
  type HTTPRouteTimeouts,
  ROUTE_REASON,
} from '../../api/index.ts';
import type { Retry, Timeouts } from '../../config/index.ts';
import type { BackendScope } from '../backend/backend-ref.ts';
import { milliseconds } from '../duration.ts';
import { describe, type Problem, problem } from '../status/problem.ts';
import { readFilters } from './http-filter.ts';
import { readHttpMatches } from './http-match.ts';
import { emptyReading, type RouteReading, type RuleDraft, readBackends } from './rule-draft.ts';

export function readHttpRoute(scope: BackendScope, route: HTTPRoute): RouteReading {
  const rules = route.spec.rules ?? [];
  const reading = emptyReading(rules.length);
  for (const [index, rule] of rules.entries()) readRule(scope, { rule, index }, reading);
  return reading;
}

/**
 * A rule whose matches cannot be compiled is dropped; one that matches but cannot be served as written stays, and
 * answers 500: its requests must not fall through to a rule that guards them less.
 */
function readRule(
  scope: BackendScope,
  { rule, index }: { rule: HTTPRouteRule; index: number },
  reading: RouteReading,
): void {
  const field = `spec.rules[${index}]`;
  const matches = readHttpMatches(rule.matches, `${field}.matches`);
  const filters = readFilters(scope, rule.filters ?? [], `${field}.filters`);
  const backends = readBackends(scope, rule.backendRefs ?? [], { reading, field: `${field}.backendRefs` });
  const unsupported = [...filters.unsupported];
  const timeouts = readTimeouts(rule.timeouts, `${field}.timeouts`, unsupported);
  const retry = readRetry(rule.retry, `${field}.retry`, unsupported);
  reading.uses.push(...filters.uses);
  reading.unresolved.push(...filters.unresolved);
  const invalid = [...matches.invalid, ...unsupported.filter(({ reason }) => reason !== ROUTE_REASON.InvalidKind)];
  if (invalid.length > 0) reading.invalid.push({ index, problems: invalid });
  if (matches.invalid.length > 0) return;
  const draft: RuleDraft = { index, matches: matches.matches, filters: filters.filters, backends };
  if (rule.name !== undefined) draft.name = rule.name;
  if (timeouts !== undefined) draft.timeouts = timeouts;
  if (retry !== undefined) draft.retry = retry;
  if (unsupported.length > 0) draft.broken = describe(unsupported);
  reading.rules.push(draft);
}

function readTimeouts(
  timeouts: HTTPRouteTimeouts | undefined,
  field: string,
  invalid: Problem[],
): Timeouts | undefined {
  if (timeouts === undefined) return undefined;
  const request = readDuration(timeouts.request, `${field}.request`, invalid);
  const backendRequest = readDuration(timeouts.backendRequest, `${field}.backendRequest`, invalid);
  if (request !== undefined && backendRequest !== undefined && request > 0 && backendRequest > request) {
    const message = `${timeouts.backendRequest} is longer than request (${timeouts.request}): it would never end first`;
    invalid.push(problem(ROUTE_REASON.UnsupportedValue, `${field}.backendRequest`, message));
  }
  const read: Timeouts = {};
  if (request !== undefined) read.request = request;
  if (backendRequest !== undefined) read.backendRequest = backendRequest;
  return read;
}

function readDuration(duration: string | undefined, field: string, invalid: Problem[]): number | undefined {
  if (duration === undefined) return undefined;
  const read = milliseconds(duration);
  if (read === undefined) {
    const message = `${duration} is no duration: write it like 10s, 500ms or 1h30m`;
    invalid.push(problem(ROUTE_REASON.UnsupportedValue, field, message));
  }
  return read;
}

function readRetry(retry: HTTPRouteRetry | undefined, field: string, invalid: Problem[]): Retry | undefined {
  if (retry === undefined) return undefined;
  const read: Retry = { codes: retry.codes ?? [], attempts: retry.attempts ?? 1 };
  const backoff = readDuration(retry.backoff, `${field}.backoff`, invalid);
  if (backoff !== undefined) read.backoff = backoff;
  return read;
}
