/**
 * Why a request goes where it goes, for `daemun explain`: everything that `match` would look at, in its order, with
 * what held and what did not. It reads the same table and asks the same conditions, and asserts that it agrees.
 */
import { strict as assert } from 'node:assert';
import type { HttpMatch, Listener, RouteRule } from '../../config/index.ts';
import { Overdrawn, renewAllowance } from '../ground/allowance.ts';
import type { Head } from '../ground/head.ts';
import type { Condition } from '../match/condition.ts';
import type { Candidate } from './candidate.ts';
import type { CompiledTable, Consideration } from './compiled-table.ts';
import { type PlainRequest, plainHead } from './plain-request.ts';
import { decidedBy } from './precedence.ts';
import type { RouteMatch } from './table.ts';

/** Plain JSON: it travels from a running gateway to the command. */
export interface MatchExplanation {
  /** The listeners that take requests for this host, several where Gateways share the hostname; empty: none (404). */
  listeners: Listener[];
  /** The connection's SNI chose other listeners than the request's host does (421). */
  misdirected: boolean;
  /** It takes too long to find out (500), and nothing is chosen. */
  overdrawn: boolean;
  /** In the order of precedence; none where misdirected or overdrawn. */
  candidates: ExplainedCandidate[];
  /** Index in `candidates` of what serves the request, or -1. */
  chosen: number;
  /** Where nothing serves it: indexes of the candidates that came closest, at most CLOSEST, the closest first. */
  closest: number[];
  /** Hostnames that routes serve on the listeners, or the socket's listeners' own where none takes the host. */
  hostnames: string[];
}

export interface ExplainedCandidate {
  rule: RouteRule;
  match: HttpMatch;
  matchIndex: number;
  /** The hostname that takes the request's host. */
  hostname: string;
  /** Key of the listener. */
  listener: string;
  outcome: 'chosen' | 'overruled' | 'failed';
  /** Where failed: the first condition that does not hold. */
  failed?: { part: 'path' | Condition['kind']; text: string };
  /** Where overruled: the criterion of the spec by which the chosen one comes first. */
  decidedBy?: string;
}

const CLOSEST = 3;

/** `serverName`: SNI, lower case, or ''. Must not be called while bytes of a connection are being handled. */
export function explainMatch(table: CompiledTable, request: PlainRequest, serverName: string): MatchExplanation {
  const head = plainHead(request);
  const served = servedBy(table, head, serverName);
  const overdrawn = served === undefined;
  const considered = table.consider(head, serverName);
  if (overdrawn) considered.candidates = [];
  const failures = considered.candidates.map((candidate) => firstFailure(candidate, head));
  const chosen = failures.indexOf(undefined);
  assert.equal(served?.plan, considered.candidates[chosen]?.plan, 'explanation and match must agree');
  return {
    listeners: [...(considered.group?.listeners ?? [])],
    misdirected: considered.misdirected,
    overdrawn,
    candidates: considered.candidates.map((candidate, i) =>
      explained(candidate, failures[i], i === chosen ? undefined : considered.candidates[chosen]),
    ),
    chosen,
    closest: chosen >= 0 ? [] : closest(considered.candidates, failures, head),
    hostnames: hostnamesOf(considered),
  };
}

/** Undefined: it takes too long to find out. */
function servedBy(table: CompiledTable, head: Head, serverName: string): RouteMatch | null | undefined {
  try {
    return table.match(head, serverName);
  } catch (error) {
    if (error instanceof Overdrawn) return undefined;
    throw error;
  }
}

type Failure = NonNullable<ExplainedCandidate['failed']>;

function firstFailure({ match }: Candidate, head: Head): Failure | undefined {
  const { path } = match;
  renewAllowance();
  if (!match.takesPath(head)) return { part: 'path', text: `path ${PATH_WORDS[path.type]} ${path.value}` };
  const broken = match.conditions.find((condition) => !condition.holds(head));
  return broken && { part: broken.kind, text: broken.text };
}

const PATH_WORDS = { Exact: 'is', PathPrefix: 'has the prefix', RegularExpression: 'matches' } as const;

function explained(
  candidate: Candidate,
  failed: Failure | undefined,
  winner: Candidate | undefined,
): ExplainedCandidate {
  const { plan, match, hostname, listener } = candidate;
  const about = {
    rule: plan.rule,
    match: plan.rule.matches[match.index]!,
    matchIndex: match.index,
    hostname,
    listener: listener.key,
  };
  if (failed !== undefined) return { ...about, outcome: 'failed', failed };
  if (winner === undefined) return { ...about, outcome: 'chosen' };
  return { ...about, outcome: 'overruled', decidedBy: decidedBy(winner, candidate) };
}

/** Those whose path holds come first, then those whose path starts most like the request's. */
function closest(candidates: Candidate[], failures: Array<Failure | undefined>, head: Head): number[] {
  const path = head.path();
  const nearness = candidates.map(({ match }, i) =>
    failures[i]?.part === 'path' ? commonStart(match.pathText, path) : Number.POSITIVE_INFINITY,
  );
  return [...candidates.keys()]
    .sort((a, b) => (nearness[a] === nearness[b] ? a - b : nearness[b]! - nearness[a]!))
    .slice(0, CLOSEST);
}

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

function hostnamesOf({ group, served }: Consideration): string[] {
  return group === undefined ? served.map((other) => other.hostname) : group.hosts.names();
}
