/** What becomes of one request under a config: plain JSON, and the same from files and from a running gateway. */
import { isIP } from 'node:net';
import type {
  ClientCertificateSettings,
  Filter,
  Listener,
  RouteRule,
  Snapshot,
  WeightedBackend,
} from '../../config/index.ts';
import { askedTarget, grpcStatus } from '../../proxy/http/index.ts';
import {
  compileTable,
  type ExplainedCandidate,
  explainMatch,
  type MatchExplanation,
  PlanCache,
  plainHead,
  ruleFault,
  standIn,
} from '../../proxy/route/index.ts';
import type { AskedRequest } from './asked-request.ts';
import { backendHealth } from './backend-health.ts';
import { certificateFault, clientDemand } from './client-demand.ts';
import { backendPolicies, listenerPolicies } from './connection-policy.ts';
import type { ExplainedBackend } from './explained-backend.ts';
import { type FilterEffect, filterEffect, listenerFilterEffect } from './filter-effect.ts';
import { takesHost } from './hostname.ts';
import { type Judgement, judge } from './judgement.ts';
import type { KnownConfig } from './known-config.ts';
import { meantRoutes } from './meant-route.ts';
import type { Outcome } from './outcome.ts';
import { decided, type PolicyEffect, policyEffects } from './policy-effect.ts';
import { backendTrafficText, clientTrafficText } from './traffic-text.ts';

export interface Explanation {
  request: AskedRequest;
  outcome: Outcome;
  match: MatchExplanation;
  /** What ClientTrafficPolicies say of connections to the listener; absent: nothing. */
  connections?: string;
  /** The policies that say so, each with what is its own; absent: none, or it is not known which. */
  connectionPolicies?: PolicyEffect[];
  /** Filters of the listener: they act before the rule is chosen, which sees what they write. */
  first: FilterEffect[];
  filters: FilterEffect[];
  /** Policies that act on it, in the order of their kinds. */
  policies: PolicyEffect[];
  backends: ExplainedBackend[];
  /** Ports that some listener has, where none has the request's. */
  ports: number[];
  /** Listeners of the socket that take the host, too, and are not asked: another is more specific. */
  wider: Listener[];
  /** Listeners that are left out of the config, each with the reason; only where no listener takes the request. */
  unserved: string[];
  /** Rules that no data plane can compile, each with the reason; they answer 500 to the requests that they take. */
  unusable: Array<{ rule: string; message: string }>;
  /** Routes that have the host and are not asked, each with the reason; only where no rule takes the request. */
  meant?: string[];
}

export async function explanationOf(known: KnownConfig, asked: AskedRequest): Promise<Explanation> {
  const { snapshot, unserved } = known;
  const listeners = [...snapshot.of('Listener').values()].filter(isHttp);
  const here = socketFor(listeners, asked);
  const plans = new PlanCache();
  const { rules, unusable } = httpRules(snapshot, plans);
  const table = compileTable({ listeners: here, rules, plans, config: snapshot });
  const served = askedTarget(asked.method, asked.target, table.pathForm(plainHead(asked)));
  const request = 'target' in served ? sentAs(served.target, asked) : asked;
  const { method, host, target, headers } = request;
  const match = explainMatch(table, { method, host, target, headers }, request.serverName);
  if ('refused' in served) {
    const { status, message: reason } = served.refused;
    const nothing = { candidates: [], chosen: -1, closest: [], hostnames: [] };
    const outcome = inGrpc({ kind: 'error', status, reason }, request);
    const rest = { first: [], filters: [], policies: [], backends: [], ports: [], wider: [], unserved: [], unusable };
    return { request, outcome, match: { ...match, ...nothing }, ...rest };
  }
  const chosen = match.candidates[match.chosen];
  const filters = chosen?.rule.filters.map((filter) => filterEffect(filter, { request, chosen })) ?? [];
  const first = match.listeners.flatMap((one) => (one.filters ?? []).map(listenerFilterEffect));
  const backends = chosen ? explainedBackends(known, chosen, request) : [];
  const ports = here.length > 0 ? [] : [...new Set(listeners.map(({ port }) => port))].sort((a, b) => a - b);
  const wantsGrpc = !chosen && table.wantsGrpc(plainHead(request), request.serverName);
  const missing = match.listeners.length === 0 ? unserved : [];
  const meant = chosen ? [] : meantRoutes(known, request);
  const effects = policyEffects(snapshot, {
    listener: match.listeners[0]?.key,
    rule: chosen?.rule.key,
    backends: backends.map(({ key }) => key),
  });
  const demand = clientDemand(snapshot, match.listeners[0]?.key);
  const facts = { match, chosen, backends, here, wantsGrpc, request, listeners, demand };
  const judged = reachesFilters(facts) ? await judge(known, { request, table, backends }) : undefined;
  const policies = judged === undefined ? effects : decided(effects, judged.steps, judged.answer !== undefined);
  const outcome = inGrpc(outcomeWith(afterFirst(outcomeOf(facts), first), judged), request);
  const wider = widerThan(match, here, request);
  const explanation = {
    request,
    outcome,
    match,
    first,
    filters,
    policies,
    backends,
    ports,
    wider,
    unserved: missing,
    unusable,
  };
  const connections = clientTrafficText(snapshot, match.listeners[0]?.key);
  const entering = judgedEntry(listenerPolicies(snapshot, match.listeners[0]?.key), facts, judged);
  return {
    ...explanation,
    ...(connections === undefined ? {} : { connections }),
    ...(entering.length > 0 ? { connectionPolicies: entering } : {}),
    ...(meant.length > 0 ? { meant } : {}),
  };
}

/** Whoever asks for certificates lets clients in or not, or to a page and no further. */
function judgedEntry(
  policies: readonly PolicyEffect[],
  { demand, request }: OutcomeFacts,
  judged: Judgement | undefined,
): PolicyEffect[] {
  if (request.scheme === 'http') return [...policies];
  const refused = certificateFault(demand, request) !== undefined;
  const page = judged?.steps.find(({ type, decision }) => type === 'ClientCertificates' && decision === 'answers');
  const decision = refused ? 'refuses' : (page?.decision ?? 'passes');
  const status = page?.status === undefined ? {} : { status: page.status };
  return policies.map((one) =>
    one.type === 'ClientCertificates' ? { ...one, decides: true, decision, ...status } : one,
  );
}

/** There is a connection and a host that some listener has, so that filters and policies are asked. */
function reachesFilters(facts: OutcomeFacts): boolean {
  const { match, here } = facts;
  if (connectionFault(facts) !== undefined) return false;
  return here.length > 0 && match.listeners.length > 0 && !match.misdirected && !match.overdrawn;
}

/** Nobody knows here what they write. */
function afterFirst(outcome: Outcome, first: readonly FilterEffect[]): Outcome {
  if (outcome.status !== 404 || first.length === 0) return outcome;
  return { ...outcome, reason: `${outcome.reason}, unless by what filters of the listener write` };
}

/** What filters and policies say comes before the backend, and before that there is none. */
function outcomeWith(routed: Outcome, judged: Judgement | undefined): Outcome {
  if (judged === undefined) return routed;
  if (judged.answer !== undefined) return judged.answer;
  const { open } = judged;
  if (routed.kind !== 'proxied' || open.length === 0) return routed;
  return { ...routed, reason: `${routed.reason}, if ${open.join(', ')} let it pass` };
}

function sentAs(target: string, asked: AskedRequest): AskedRequest {
  return target === asked.target ? asked : { ...asked, target, sent: asked.target };
}

function isHttp({ protocol }: Listener): boolean {
  return protocol === 'HTTP' || protocol === 'HTTPS';
}

function widerThan({ listeners }: MatchExplanation, here: readonly Listener[], { host }: AskedRequest): Listener[] {
  if (listeners.length === 0) return [];
  const asked = new Set(listeners.map(({ key }) => key));
  return here.filter(({ key, hostname }) => !asked.has(key) && takesHost(hostname, host));
}

/** As a data plane takes them that meets them for the first time. */
function httpRules(snapshot: Snapshot, plans: PlanCache): { rules: RouteRule[]; unusable: Explanation['unusable'] } {
  const unusable: Explanation['unusable'] = [];
  const rules: RouteRule[] = [];
  for (const rule of snapshot.of('RouteRule').values()) {
    if (rule.matches.length === 0) continue;
    const fault = ruleFault(plans, rule);
    if (fault !== undefined) unusable.push({ rule: rule.key, message: fault.message });
    rules.push(fault === undefined ? rule : standIn(rule, undefined, fault)!);
  }
  return { rules, unusable };
}

/** Listeners of one socket: of several that have the port, the one with a listener for the host. */
function socketFor(listeners: Listener[], { port, scheme, host }: AskedRequest): Listener[] {
  const protocol = scheme === 'https' ? 'HTTPS' : 'HTTP';
  const fitting = listeners.filter((listener) => listener.port === port && listener.protocol === protocol);
  const sockets = [...Map.groupBy(fitting, ({ addresses }) => addresses.join(' ')).values()];
  return sockets.find((socket) => socket.some(({ hostname }) => takesHost(hostname, host))) ?? sockets[0] ?? [];
}

function inGrpc(outcome: Outcome, { grpc }: AskedRequest): Outcome {
  const { kind, status, ...rest } = outcome;
  if (!grpc || (kind !== 'error' && kind !== 'denied') || status === undefined) return outcome;
  return { kind, ...rest, status: 200, grpcStatus: GRPC_NAMES[grpcStatus(status)] ?? 'UNKNOWN' };
}

/** Of the statuses that a gateway has for its own answers. */
const GRPC_NAMES: Readonly<Record<number, string>> = {
  4: 'DEADLINE_EXCEEDED',
  7: 'PERMISSION_DENIED',
  8: 'RESOURCE_EXHAUSTED',
  12: 'UNIMPLEMENTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
};

interface OutcomeFacts {
  match: MatchExplanation;
  chosen: ExplainedCandidate | undefined;
  backends: ExplainedBackend[];
  here: Listener[];
  wantsGrpc: boolean;
  request: AskedRequest;
  /** Of all ports. */
  listeners: Listener[];
  /** What the listener asks of clients' certificates. */
  demand: ClientCertificateSettings | undefined;
}

/** Before any request is read. */
function connectionFault({ here, listeners, request, demand }: OutcomeFacts): string | undefined {
  const { port, scheme, serverName } = request;
  if (here.length > 0) {
    const known =
      scheme === 'http' || isIP(serverName) !== 0 || here.some((one) => takesHost(one.hostname, serverName));
    if (!known) return `no listener takes the server name ${serverName}: the TLS handshake fails`;
    return scheme === 'http' ? undefined : certificateFault(demand, request);
  }
  if (!listeners.some((listener) => listener.port === port)) {
    return 'no listener has this port and protocol: the connection is refused';
  }
  return scheme === 'http'
    ? `port ${port} speaks TLS, and this is plain HTTP: ask for https`
    : `port ${port} speaks plain HTTP: the TLS handshake fails`;
}

function outcomeOf(facts: OutcomeFacts): Outcome {
  const { match, chosen, backends, wantsGrpc } = facts;
  const fault = connectionFault(facts);
  if (fault !== undefined) return { kind: 'error', reason: fault };
  if (match.misdirected) {
    return {
      kind: 'error',
      status: 421,
      reason: 'the TLS connection was made for another host than the request asks for',
    };
  }
  if (match.overdrawn) {
    const reason = 'it takes too long to find out which of the rules of this host takes the request';
    return { kind: 'error', status: 500, reason };
  }
  if (!chosen) {
    if (wantsGrpc)
      return { kind: 'error', status: 415, reason: 'only GRPCRoutes serve this host, and this is no gRPC call' };
    const known = match.listeners.length > 0;
    return { kind: 'error', status: 404, reason: known ? 'no rule matches' : 'no listener takes this host' };
  }
  const { rule } = chosen;
  if (rule.broken !== undefined) return { kind: 'error', status: 500, reason: rule.broken };
  const redirect = rule.filters.find((filter) => filter.type === 'RequestRedirect');
  if (redirect) return { kind: 'answered', status: redirect.statusCode, reason: 'a filter redirects it' };
  return backendOutcome(backends);
}

function backendOutcome(backends: ExplainedBackend[]): Outcome {
  const used = backends.filter(({ share }) => share > 0);
  if (used.length === 0) return { kind: 'error', status: 500, reason: 'the rule has no backend with a weight' };
  const fine = used.filter(({ broken, endpoints, dns }) => broken === undefined && (endpoints.length > 0 || dns));
  const first = used[0]!;
  if (fine.length > 0) {
    const part = fine.reduce((sum, { share }) => sum + share, 0);
    const reason = part > 0.999_999 ? 'a backend answers' : `a backend answers ${percent(part)} of such requests`;
    return { kind: 'proxied', reason };
  }
  if (first.broken !== undefined) return { kind: 'error', status: 500, reason: first.broken };
  return { kind: 'error', status: 503, reason: 'no backend has an endpoint' };
}

export function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function explainedBackends(known: KnownConfig, chosen: ExplainedCandidate, request: AskedRequest): ExplainedBackend[] {
  const { rule } = chosen;
  return weightedBackends(known, rule).map((backend, i) => ({
    ...backend,
    filters: rule.backends[i]!.filters.map((filter: Filter) => filterEffect(filter, { request, chosen })),
  }));
}

function withTraffic(snapshot: Snapshot, key: string): Pick<ExplainedBackend, 'traffic' | 'policies'> {
  const traffic = backendTrafficText(snapshot, key);
  const policies = backendPolicies(snapshot, key);
  return { ...(traffic === undefined ? {} : { traffic }), ...(policies.length > 0 ? { policies } : {}) };
}

/** A rule's backends, without what filters do. */
export function weightedBackends({ snapshot, told = [] }: KnownConfig, rule: RouteRule): ExplainedBackend[] {
  const total = rule.backends.reduce((sum, { weight }) => sum + weight, 0);
  return rule.backends.map((weighted: WeightedBackend): ExplainedBackend => {
    const key = weighted.backend ?? '';
    const endpoints = snapshot.get('Endpoints', key);
    const health = backendHealth(snapshot, key, told);
    const backend = snapshot.get('Backend', key);
    return {
      key,
      weight: weighted.weight,
      share: total === 0 ? 0 : weighted.weight / total,
      protocol: backend?.protocol ?? '',
      ...(backend?.tls === undefined ? {} : { tls: backend.tls.hostname }),
      ...(weighted.broken === undefined ? {} : { broken: weighted.broken }),
      endpoints: endpoints?.endpoints ?? [],
      ...(endpoints?.dns ? { dns: endpoints.dns } : {}),
      ...(health.length === 0 ? {} : { health }),
      ...withTraffic(snapshot, key),
      filters: [],
    };
  });
}
