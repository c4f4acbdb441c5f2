/**
 * The order in which rules that may match a request are tried: the spec's precedence, one criterion a line, each
 * with the name that explanations show. See docs/decisions/route-precedence.md for where the spec leaves a choice.
 */
import type { Candidate } from './candidate.ts';
import { ANY_HOST } from './host-index.ts';

export interface Criterion {
  /** Why the first of two candidates comes before the second, in a user's words. */
  readonly name: string;
  /** Negative: `a` comes first. 0: the next criterion decides. */
  compare(a: Candidate, b: Candidate): number;
}

const PATH_ORDER = { Exact: 0, RegularExpression: 1, PathPrefix: 2 } as const;

export const CRITERIA: ReadonlyArray<Criterion> = [
  { name: 'exact hostname before wildcard', compare: (a, b) => hostRank(a.hostname) - hostRank(b.hostname) },
  { name: 'longer hostname', compare: (a, b) => b.hostname.length - a.hostname.length },
  {
    name: 'exact path before regular expression before prefix',
    compare: (a, b) => PATH_ORDER[a.match.path.type] - PATH_ORDER[b.match.path.type],
  },
  { name: 'longer path', compare: (a, b) => b.match.pathText.length - a.match.pathText.length },
  {
    name: 'a dropped rule whose path cannot be read',
    compare: (a, b) => Number(b.match.unreadable) - Number(a.match.unreadable),
  },
  // Which takes calls alone: after an HTTPRoute for the same it would get none of them.
  { name: 'GRPCRoute before HTTPRoute', compare: (a, b) => kindRank(a) - kindRank(b) },
  { name: 'method match', compare: (a, b) => b.match.methods - a.match.methods },
  { name: 'more header matches', compare: (a, b) => b.match.headers - a.match.headers },
  { name: 'more query parameter matches', compare: (a, b) => b.match.parameters - a.match.parameters },
  { name: 'older route', compare: (a, b) => (a.plan.created === b.plan.created ? 0 : a.plan.created - b.plan.created) },
  { name: 'namespace/name in alphabetical order', compare: (a, b) => compareText(a.plan.routeName, b.plan.routeName) },
  { name: 'earlier rule of the route', compare: (a, b) => a.plan.rule.index - b.plan.rule.index },
  { name: 'earlier match of the rule', compare: (a, b) => a.match.index - b.match.index },
  // One rule of the user's that serves Gateways in several ways: the order must not depend on what came first.
  { name: 'earlier form of the rule', compare: (a, b) => compareText(a.plan.rule.key, b.plan.rule.key) },
];

/** Sorts candidates into the order in which they are tried. A total order: only equal candidates compare as 0. */
export function comparePrecedence(a: Candidate, b: Candidate): number {
  for (const criterion of CRITERIA) {
    const order = criterion.compare(a, b);
    if (order !== 0) return order;
  }
  return 0;
}

/** The name of the criterion by which `first` is tried before `second`. */
export function decidedBy(first: Candidate, second: Candidate): string {
  return CRITERIA.find((criterion) => criterion.compare(first, second) !== 0)?.name ?? 'the same match';
}

function hostRank(hostname: string): number {
  if (hostname === ANY_HOST) return 2;
  return hostname.startsWith('*.') ? 1 : 0;
}

function kindRank({ plan }: Candidate): number {
  return plan.rule.route.kind === 'GRPCRoute' ? 0 : 1;
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
