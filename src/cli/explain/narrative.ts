/** An explanation as text: from the request to the answer, in the order in which things are decided. */
import type { Listener, RouteRule } from '../../config/index.ts';
import type { ExplainedCandidate } from '../../proxy/route/index.ts';
import { socketName } from '../../value/socket-name.ts';
import type { Paint } from '../style.ts';
import type { ExplainedBackend } from './explained-backend.ts';
import { type Explanation, percent } from './explanation.ts';
import type { FilterEffect } from './filter-effect.ts';
import type { PolicyEffect } from './policy-effect.ts';

/** Candidates that lost, shown at most. */
const SHOWN = 10;
const LABEL_WIDTH = 13;
/** Hostnames shown where none fits. */
const HOSTNAMES_SHOWN = 8;
const RULES_SHOWN = 20;

export function narrative(explanation: Explanation, paint: Paint): string {
  const { request, outcome, match, filters, backends } = explanation;
  const chosen = match.candidates[match.chosen];
  const tone = outcome.kind === 'error' || outcome.kind === 'denied' ? 'error' : 'good';
  const status = outcome.grpcStatus ?? outcome.status;
  const answer = `${status ? `${status}: ` : ''}${outcome.reason}`;
  const withoutEndpoints = `no endpoints: ${request.grpc ? 'UNAVAILABLE' : 503}`;
  const parts = [
    section(
      'Request',
      [
        `${request.method} ${request.scheme}://${socketName(request.host, request.port)}${request.target}`,
        ...(request.sent === undefined ? [] : [`sent as ${request.sent}: matched and forwarded in normal form`]),
      ],
      paint,
    ),
    section('Listener', listenerLines(explanation), paint),
    section('Connections', connectionLines(explanation, paint), paint),
    section('First', explanation.first.map(filterLine), paint),
    ...(chosen ? chosenParts(explanation, chosen, paint) : [section('Closest', closestLines(explanation), paint)]),
    section('Meant', explanation.meant ?? [], paint),
    section(
      'Policies',
      toldOnce(explanation.policies).flatMap((one) => policyLines(one, paint)),
      paint,
    ),
    section('Filters', filters.map(filterLine), paint),
    section('Timeouts', chosen ? timeoutLines(chosen.rule) : [], paint),
    section(
      'Backends',
      backends.flatMap((backend) => backendLines(backend, withoutEndpoints, paint)),
      paint,
    ),
    section('Answer', [paint(tone, answer)], paint),
    section(
      'Unusable',
      explanation.unusable.map(({ rule, message }) => paint('error', `${rule}: ${message}`)),
      paint,
    ),
  ];
  return parts.filter((part) => part !== '').join('');
}

export function section(label: string, lines: string[], paint: Paint): string {
  const indent = ' '.repeat(LABEL_WIDTH);
  return lines.map((line, i) => `${i === 0 ? paint('strong', label.padEnd(LABEL_WIDTH)) : indent}${line}\n`).join('');
}

export function connectionLines(
  { connections, connectionPolicies }: Pick<Explanation, 'connections' | 'connectionPolicies'>,
  paint: Paint,
): string[] {
  return sayingLines(connectionPolicies, connections, paint);
}

/** Who says it, or where that is not known what is said. */
function sayingLines(policies: PolicyEffect[] | undefined, text: string | undefined, paint: Paint): string[] {
  if (policies !== undefined) return policies.flatMap((one) => policyLines(one, paint));
  return text === undefined ? [] : [text];
}

function listenerLines({ match, ports, request, unserved, wider }: Explanation): string[] {
  if (match.listeners.length > 0) {
    const passed = wider.map((one) => `more specific than ${listenerText(one)}, whose routes are not asked`);
    return [...match.listeners.map(listenerText), ...passed];
  }
  if (match.hostnames.length > 0) {
    return [`none takes ${request.host}; hostnames on this port: ${match.hostnames.join(', ')}`, ...unserved];
  }
  return [`none has port ${request.port} for ${request.scheme}; ${portsText(ports)}`, ...unserved];
}

/** The ports that are there, where the one that was asked for is not. */
export function portsText(ports: readonly number[]): string {
  if (ports.length === 0) return 'there is no other port';
  return ports.length === 1 ? `there is port ${ports[0]}` : `there are ports ${ports.join(', ')}`;
}

export function listenerText({ key, protocol, port, hostname }: Listener): string {
  return `${key} (${protocol}, port ${port}, ${hostname ? `hostname ${hostname}` : 'any hostname'})`;
}

function chosenParts({ match }: Explanation, chosen: ExplainedCandidate, paint: Paint): string[] {
  const overruled = match.candidates.filter(({ outcome }) => outcome === 'overruled');
  const lines = overruled.slice(0, SHOWN).map((one) => `${candidateText(one)}: ${one.decidedBy}`);
  const more = overruled.length > SHOWN ? [`and ${overruled.length - SHOWN} more`] : [];
  const failed = match.candidates.filter(({ outcome }) => outcome === 'failed').length;
  return [
    section('Rule', [candidateText(chosen), `on hostname ${chosen.hostname}`], paint),
    section('Goes before', [...lines, ...more], paint),
    section(
      '',
      failed > 0 ? [paint('dim', `${failed} other ${failed === 1 ? 'match does' : 'matches do'} not hold`)] : [],
      paint,
    ),
  ];
}

function closestLines({ match, request }: Explanation): string[] {
  if (match.listeners.length > 0 && match.candidates.length === 0 && !match.misdirected && !match.overdrawn) {
    if (match.hostnames.length === 0) return ['no route attaches to this listener'];
    const names =
      match.hostnames.slice(0, HOSTNAMES_SHOWN).join(', ') + (match.hostnames.length > HOSTNAMES_SHOWN ? ', …' : '');
    return [`no route here takes ${request.host}; there are routes for ${names}`];
  }
  return match.closest.map((index) => {
    const candidate = match.candidates[index]!;
    return `${candidateText(candidate)}: does not hold: ${candidate.failed?.text ?? ''}`;
  });
}

function candidateText({ rule, match, matchIndex }: ExplainedCandidate): string {
  const conditions = [
    `${match.path.type} ${match.path.value}`,
    ...(match.method ? [match.method] : []),
    ...(match.call ? [`method ${match.call}`] : []),
    ...match.headers.map(({ name, value }) => `header ${name}: ${value}`),
    ...match.query.map(({ name, value }) => `query ${name}=${value}`),
  ];
  const name = rule.name ? ` "${rule.name}"` : '';
  const { kind, namespace } = rule.route;
  return `${kind} ${namespace}/${rule.route.name}, rule ${rule.index}${name}, match ${matchIndex} (${conditions.join(', ')})`;
}

function filterLine({ type, effect }: FilterEffect): string {
  return `${type}: ${effect}`;
}

/** One that is broken stands for each of its kind's types, and says the same for all: the one that refused tells it. */
function toldOnce(policies: readonly PolicyEffect[]): PolicyEffect[] {
  const textOf = ({ policy, holds, through, effect }: PolicyEffect) => [policy, holds, through, effect].join(' ');
  const groups = Map.groupBy(policies, textOf);
  return [...groups.values()].map((all) => all.find(({ decision }) => decision === 'refuses') ?? all[0]!);
}

export function policyLines(
  { policy, holds, through, effect, decision, status, says = [] }: PolicyEffect,
  paint: Paint,
): string[] {
  const line = `${policy} (${holds.toLowerCase()}, through ${through}): ${effect}`;
  if (decision === undefined) return [line];
  const verdict = `${decision}${status === undefined ? '' : ` with ${status}`}`;
  const text = says.length === 0 ? verdict : `${verdict}: ${says.join('; ')}`;
  const tone = decision === 'refuses' ? 'error' : decision === 'passes' || decision === 'answers' ? 'good' : 'dim';
  return [line, `  ${paint(tone, text)}`];
}

/** All that it acts on through listeners and backends; a policy of a rule has them as its places. */
function ruleLines(places: readonly PolicyEffect[]): string[] {
  const rules = [...new Set(places.flatMap((place) => place.rules ?? []))];
  const more = rules.length - RULES_SHOWN;
  return more > 0 ? [...rules.slice(0, RULES_SHOWN), `and ${more} more`] : rules;
}

/** Policies that are named where none has the name that was asked for. */
const MOST_NAMED = 10;

/** Where one policy acts, and where it was to act and does not. */
export function policyNarrative(
  name: string,
  places: readonly PolicyEffect[],
  { paint, known }: { paint: Paint; known: readonly string[] },
): string {
  if (places.length === 0) {
    const others = known.length > MOST_NAMED ? [...known.slice(0, MOST_NAMED), '…'] : known;
    const there = others.length === 0 ? [] : [`there are ${others.join(', ')}`];
    return section('Policy', [paint('error', `no policy ${name} acts on anything`), ...there], paint);
  }
  // One that is broken stands for each of its kind's types, and is in a place once.
  const lines = places.map(({ policy, holds, through }) => `${policy} (${holds.toLowerCase()}): ${through}`);
  const told = (accepted: boolean) => [
    ...new Set(lines.filter((_, at) => (places[at]!.accepted ?? true) === accepted)),
  ];
  const effects = [...new Set(places.map(({ effect }) => effect))];
  const settings = [...new Set(places.flatMap((place) => place.settings ?? []))];
  return [
    section('Policy', effects, paint),
    section('Settings', settings, paint),
    section('Acts on', told(true), paint),
    section('Rules', ruleLines(places), paint),
    section('Not accepted', told(false), paint),
  ].join('');
}

function timeoutLines({ timeouts, retry }: RouteRule): string[] {
  const text = (name: string, value: number | undefined) =>
    value === undefined ? [] : [`${name} ${value === 0 ? 'off' : `${value} ms`}`];
  return [
    ...text('request', timeouts?.request),
    ...text('backend request', timeouts?.backendRequest),
    ...(retry ? [retryText(retry)] : []),
  ];
}

function retryText({ attempts, codes }: NonNullable<RouteRule['retry']>): string {
  if (attempts === 0) return 'nothing is tried again';
  return `up to ${attempts} retries on ${[...codes, 'connection errors'].join(', ')}`;
}

/** `withoutEndpoints`: what it comes to where there are none. */
export function backendLines(backend: ExplainedBackend, withoutEndpoints: string, paint: Paint): string[] {
  const { key, share, protocol, tls, broken, endpoints, dns, health = [], filters, traffic, policies } = backend;
  const where = broken
    ? `broken: ${broken}`
    : dns
      ? `DNS ${dns.hostname}:${dns.port}`
      : endpoints
          .map(({ address, port, state }) => `${socketName(address, port)}${state === 'ready' ? '' : ' (draining)'}`)
          .join(', ') || withoutEndpoints;
  const spoken = tls === undefined ? protocol : `${protocol} over TLS, as ${tls}`;
  const name = key === '' ? 'broken reference' : `${key} (${spoken})`;
  return [
    `${percent(share).padStart(6)}  ${name} -> ${where}`,
    ...sayingLines(policies, traffic, paint).map((line) => `        ${line}`),
    ...health.map((line) => `        ${line}`),
    ...filters.map((filter) => `        ${filterLine(filter)}`),
  ];
}
