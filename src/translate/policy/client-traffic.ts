import { type ClientTrafficPolicy, POLICY_REASON } from '../../api/index.ts';
import {
  type ClientConnections,
  type ClientTraffic,
  type ConfigObject,
  headerFault,
  type Listener,
  POLICY_TYPES,
  type PolicySource,
  type ProxyProtocolFromClients,
  policyKey,
} from '../../config/index.ts';
import { type Collection, counts, type Index, index, join } from '../../graph/index.ts';
import { milliseconds } from '../../value/duration.ts';
import { ownerKey } from '../gateway/declared.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Listeners } from '../gateway/listeners.ts';
import type { Lookup } from '../lookup.ts';
import { configOutput, type Graph, one } from '../stage.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { type AttachedPolicy, named, type Policies, type PolicyReading, type PolicyTarget } from './attached-policy.ts';
import {
  asks,
  type CertificateRules,
  certificateEffect,
  closedRules,
  type Demanded,
  deriveDemands,
  levelsOf,
  readCertificates,
} from './client-certificates.ts';
import { readTls } from './client-tls.ts';
import { waysBeside } from './guard-passed.ts';
import { effective, type Reach } from './inheritance.ts';
import type { Effect, Enforcement, PolicyKind, PolicySurroundings } from './policy-kind.ts';
import type { StandsFor } from './policy-refusal.ts';
import {
  askedBy,
  type Decisions,
  decideOnPort,
  decisionsFor,
  NOTHING_ASKED,
  PORT_SETTINGS,
  type PortMember,
  type PortOutcome,
  portConflicts,
  same,
} from './port-setting.ts';
import { type Given, sourcesOf } from './setting-source.ts';

/** As they are read: what is asked of certificates goes to data planes as a policy of its own. */
type ClientTrafficSpec = ClientTraffic['spec'] & { clientCertificates?: CertificateRules };
type AskedTraffic = ClientTrafficPolicy['spec'];
type ClientTrafficView = AttachedPolicy<ClientTrafficSpec>;

/** Settings that each listener has for itself, and what it must be for them to mean something. */
const OWN_SETTINGS = {
  headers: { fits: isHttp, why: 'no header is read' },
  pathForm: { fits: isHttp, why: 'no path is read' },
  body: { fits: isHttp, why: 'no request is read' },
  requestId: { fits: isHttp, why: 'no request is read' },
  hsts: { fits: endsTls, why: undefined },
  clientAddress: { fits: isHttp, why: 'no header is read' },
  tlsProfile: { fits: endsTls, why: undefined },
  tls: { fits: endsTls, why: undefined },
  keepAlive: { fits: isHttp, why: 'no request is read' },
  http2: { fits: isHttp, why: 'no request is read' },
  earlyHints: { fits: isHttp, why: 'no request is read' },
} satisfies { [K in keyof ClientTraffic['spec']]: { fits(view: ListenerView): boolean; why: string | undefined } };
type OwnSetting = keyof typeof OWN_SETTINGS;
const OWN_NAMES = Object.keys(OWN_SETTINGS) as OwnSetting[];

/** What ClientTrafficPolicies come to for one listener. */
export interface ListenerTraffic {
  listener: string;
  /** Name of the listener, and its owner's object key. */
  name: string;
  owner: string;
  /** Key of the policy nearest to the listener. */
  nearest?: string;
  decisions: Decisions;
  proxyProtocol?: ProxyProtocolFromClients;
  connection?: ClientConnections;
  /** Of the nearest policy: listeners of a port may differ in them. */
  own: Pick<ClientTrafficSpec, OwnSetting>;
  /** Whose each setting is. */
  sources: PolicySource[];
  port: number;
  protocol: Listener['protocol'];
}

/** What its policies come to, by listener key; those that a policy has a say in. */
interface Traffic {
  traffic: Collection<ListenerTraffic>;
  byPolicy: Index<ListenerTraffic>;
}

export const clientTraffic: PolicyKind<'ClientTrafficPolicy', ClientTrafficSpec> = {
  kind: 'ClientTrafficPolicy',
  targets: ['Gateway', 'ListenerSet'],
  read(look, policy) {
    const { clientCertificates: asked, refused } = policy.spec;
    const unresolved: Problem[] = [];
    const rules = asked && readCertificates(asked, { look, policy, unresolved });
    const reading = readSettings(policy);
    if (refused !== undefined) {
      const refusals = [problem(POLICY_REASON.Invalid, 'spec', refused)];
      return { settings: { clientCertificates: closedRules(refused) }, refusals, told: true };
    }
    if (asked === undefined) return reading;
    // What guards is not left out where the rest cannot be followed.
    const [fault] = reading.refusals;
    const clientCertificates = fault === undefined ? rules! : closedRules(`${fault.field}: ${fault.message}`);
    const loud = asked.mode === 'OptionalUnverified' ? { remarks: [UNVERIFIED] } : {};
    return { ...reading, settings: { ...reading.settings, clientCertificates }, unresolved, ...loud };
  },
  enforce(graph, policies, known) {
    const { listeners } = known;
    const byGateway = index('listeners of gateways', listeners.views, ({ gateway }) => [`Gateway/${gateway}`]);
    const members = portMembers(graph, policies, listeners);
    const outcomes = portOutcomes(graph, members);
    const traffic = graph.derive('listener traffic', members, (context, member, key) =>
      one(key, trafficOf(member, context.fetch(outcomes, member.port) ?? NOTHING_ASKED)),
    );
    const byPolicy = index('listener traffic by policy', traffic, saidBy);
    const own = graph.derive('client traffic', traffic, (_context, one) => {
      const policy = configOf(one);
      return policy === undefined ? [] : [configOutput(policy)];
    });
    const { demands, objects } = deriveDemands(graph, policies, listeners);
    const config = join<ConfigObject>('client traffic config', [own, objects]);
    const effect: Enforcement<ClientTrafficSpec>['effect'] = (look, policy, target) =>
      effectAt({ look, known, byGateway, traffic, byPolicy, demands }, policy, target);
    const listenersOf: Enforcement<ClientTrafficSpec>['listenersOf'] = (look, policy, target) =>
      (look.context.fetch(byPolicy, policy.key) ?? [])
        .filter((one) => one.nearest === policy.key && isBelow(one, target) && isFelt(one))
        .map(({ listener }) => listener);
    const byBundle = index('ClientTrafficPolicies by bundle', policies.views, ({ settings }) =>
      (settings?.clientCertificates?.bundles ?? []).map(({ key }) => key),
    );
    const standsFor: StandsFor = (context, object) => {
      if (object.kind === 'TrustBundle') return (context.fetch(byBundle, object.key) ?? []).map(({ key }) => key);
      if (object.kind !== 'Policy' || object.type !== 'ClientTraffic') return [];
      const held = context.fetch(traffic, object.target.key);
      return held === undefined ? [] : saidBy(held);
    };
    return { config, effect, listenersOf, standsFor, guards: asks, guarding: guardingOf, unusable: UNUSABLE };
  },
};

function guardingOf(policy: ClientTrafficView): string | undefined {
  return asks(policy) ? 'clientCertificates' : undefined;
}

/** Keys of the policies that have a say in it. */
function saidBy({ nearest, decisions }: ListenerTraffic): string[] {
  const all = new Set([nearest, ...PORT_SETTINGS.map((setting) => decisions[setting].decides)]);
  return [...all].flatMap((key) => key ?? []);
}

function readSettings({ spec }: ClientTrafficPolicy): PolicyReading<ClientTrafficSpec> {
  const {
    targetRefs: _,
    clientCertificates: _certificates,
    refused: _refused,
    body,
    hsts,
    headers,
    keepAlive,
    http2,
    earlyHints,
    headersWithUnderscores: underscores,
    tls: asked,
    ...others
  } = spec;
  const settings: ClientTrafficSpec = { ...others };
  if (headers !== undefined) settings.headers = headersOf(headers);
  if (keepAlive !== undefined) settings.keepAlive = keepAliveOf(keepAlive);
  if (http2 !== undefined) settings.http2 = http2Of(http2);
  if (earlyHints !== undefined) settings.earlyHints = { to: earlyHints.to ?? 'Http2', links: earlyHints.links ?? [] };
  if (underscores !== undefined) settings.headers = { ...settings.headers, underscores };
  if (body !== undefined) settings.body = bodyOf(body);
  if (hsts !== undefined) settings.hsts = hstsOf(hsts);
  const fault = settings.requestId?.header && headerFault(settings.requestId.header, 'x');
  if (fault) return { refusals: [problem(POLICY_REASON.Invalid, 'spec.requestId.header', fault)] };
  const tls = asked && readTls(asked, settings.tlsProfile);
  if (Array.isArray(tls)) return { refusals: tls };
  if (tls !== undefined) settings.tls = tls;
  return { settings, refusals: [] };
}

const UNUSABLE =
  'the last form that it could use stays, if it had one; where it cannot verify clients that it is to verify, it lets nobody in';

/** nginx's optional_no_ca: told loudly. */
const UNVERIFIED =
  'clientCertificates.mode OptionalUnverified lets in whoever shows a certificate, whoever signed it: what backends are told of it is not to be believed unless it says SUCCESS';

function isBelow({ listener, owner, name }: ListenerTraffic, { object, section }: PolicyTarget): boolean {
  if (section !== '') return owner === object && name === section;
  return owner === object || `Gateway/${listener}`.startsWith(`${object}/`);
}

function isFelt({ proxyProtocol, connection, own }: ListenerTraffic): boolean {
  return proxyProtocol !== undefined || connection !== undefined || Object.keys(own).length > 0;
}

function bodyOf({ maxBytes, timeout }: NonNullable<AskedTraffic['body']>): NonNullable<ClientTrafficSpec['body']> {
  const limit = timeout === undefined ? 0 : (milliseconds(timeout) ?? 0);
  return { ...(maxBytes !== undefined && { maxBytes }), ...(limit > 0 && { timeout: limit }) };
}

/** Nothing where it is 0: then it is as without it. */
function lasting<K extends string>(name: K, text: string | undefined): { [N in K]?: number } {
  const limit = text === undefined ? 0 : (milliseconds(text) ?? 0);
  return (limit > 0 ? { [name]: limit } : {}) as { [N in K]?: number };
}

function headersOf({
  timeout,
  ...others
}: NonNullable<AskedTraffic['headers']>): NonNullable<ClientTrafficSpec['headers']> {
  return { ...others, ...lasting('timeout', timeout) };
}

function keepAliveOf(asked: NonNullable<AskedTraffic['keepAlive']>): NonNullable<ClientTrafficSpec['keepAlive']> {
  const { idleTimeout, ...others } = asked;
  return { ...others, ...lasting('idleTimeout', idleTimeout) };
}

/** Milliseconds for the answer to a PING, where nothing is said. */
const PING_TIMEOUT = 20_000;

function http2Of({ ping, ...others }: NonNullable<AskedTraffic['http2']>): NonNullable<ClientTrafficSpec['http2']> {
  const interval = ping === undefined ? 0 : (milliseconds(ping.interval) ?? 0);
  if (interval === 0) return others;
  return { ...others, ping: { interval, timeout: milliseconds(ping?.timeout ?? '') || PING_TIMEOUT } };
}

/** As ingress-nginx has it where nothing is said: a year. */
const HSTS_SECONDS = 31_536_000;

function hstsOf(asked: NonNullable<AskedTraffic['hsts']>): NonNullable<ClientTrafficSpec['hsts']> {
  const { maxAgeSeconds = HSTS_SECONDS, includeSubdomains = false, preload = false } = asked;
  return { maxAge: maxAgeSeconds, includeSubdomains, preload };
}

function configOf(traffic: ListenerTraffic): ClientTraffic | undefined {
  if (!isFelt(traffic)) return undefined;
  const { listener, proxyProtocol, connection, own, sources } = traffic;
  const key = policyKey('ClientTraffic', listener);
  const target = { kind: 'Listener' as const, key: listener };
  const policy: ClientTraffic = { kind: 'Policy', key, type: 'ClientTraffic', target, spec: { ...own }, sources };
  if (proxyProtocol !== undefined) policy.spec.proxyProtocol = proxyProtocol;
  if (connection !== undefined) policy.spec.connection = connection;
  return policy;
}

interface Member extends PortMember {
  /** What is equal for listeners that meet on one socket. */
  port: string;
}

/** A datagram has no header before it: UDP is left out. */
function portMembers(graph: Graph, policies: Policies<ClientTrafficSpec>, { views }: Listeners): Collection<Member> {
  return graph.derive('listeners on ports', views, (context, view, key) => {
    const { config } = view;
    if (config === undefined || config.protocol === 'UDP') return [];
    const gateway = graph.options.shared ? '' : config.gateway;
    const port = `${gateway} ${[...config.addresses].sort().join(',')} ${config.port}`;
    const nearest = nearestPolicy((object) => context.fetch(policies.byObject, object) ?? [], view);
    return [[key, nearest === undefined ? { view, port } : { view, port, nearest }]];
  });
}

/** Only where a policy asks something of a port, all its listeners are looked at. */
function portOutcomes(graph: Graph, members: Collection<Member>): Collection<PortOutcome> {
  const asked = counts('listeners whose policy asks of the port', members, ({ port, nearest }) =>
    nearest === undefined || askedBy(nearest.policy).length === 0 ? [] : [port],
  );
  const byPort = index('listeners by port', members, ({ port }) => [port]);
  return graph.derive('port settings', asked, (context, _count, port) => [
    [port, decideOnPort(context.fetch(byPort, port) ?? [])],
  ]);
}

/** The policy for the listener itself, or for what declares it, or for the Gateway: the first counts as a whole. */
function nearestPolicy(
  policiesOf: (object: string) => ReadonlyArray<ClientTrafficView>,
  view: ListenerView,
): Reach<ClientTrafficSpec> | undefined {
  return effective(policiesOf, levelsOf(view), POLICY_TYPES.ClientTraffic.merge)?.decisive;
}

/** What it comes to for a listener that a policy has a say in. */
function trafficOf({ view, nearest }: Member, outcome: PortOutcome): ListenerTraffic | undefined {
  const own = nearest?.policy;
  if (Object.keys(outcome.settings).length === 0 && own === undefined) return undefined;
  const { port, protocol } = view.config!;
  const held = ownSettings(own?.settings, view);
  const traffic: ListenerTraffic = {
    ...{ listener: view.key, name: view.spec.name, owner: ownerKey(view.owner), port, protocol },
    decisions: decisionsFor(outcome, own),
    own: held,
    sources: sourcesOf(givenTo(held, { own, outcome })),
    ...outcome.settings,
  };
  if (own !== undefined) traffic.nearest = own.key;
  return traffic;
}

/** Of the port's settings the nearest policy gave those that it has in the same way, too, whoever decides. */
function givenTo(
  held: ListenerTraffic['own'],
  { own, outcome: { settings, decides } }: { own: ClientTrafficView | undefined; outcome: PortOutcome },
): Given[] {
  const ofPort = PORT_SETTINGS.flatMap((one): Given[] => {
    const by = decides[one];
    if (by === undefined) return [];
    const alike = own !== undefined && own.key !== by && same(own.settings?.[one], settings[one]);
    return [...(alike ? [[own.key, one] as const] : []), [by, one]];
  });
  const ofListener = own === undefined ? [] : Object.keys(held).map((one): Given => [own.key, one]);
  return [...ofListener, ...ofPort];
}

function ownSettings(settings: ClientTrafficSpec | undefined, view: ListenerView): ListenerTraffic['own'] {
  const some = OWN_NAMES.filter((name) => settings?.[name] !== undefined && OWN_SETTINGS[name].fits(view));
  // Each under its own name.
  return Object.fromEntries(some.map((name) => [name, settings![name]])) as ListenerTraffic['own'];
}

/** Of the others no request is read. */
function isHttp({ config }: ListenerView): boolean {
  return config?.protocol === 'HTTP' || config?.protocol === 'HTTPS';
}

function endsTls({ config }: ListenerView): boolean {
  return config?.tls?.mode === 'Terminate';
}

interface ClientTrafficScope extends Traffic {
  demands: Collection<Demanded>;
  look: Lookup;
  known: PolicySurroundings;
  byGateway: Index<ListenerView>;
}

/** Where the policy holds among the listeners of its target, and where not. */
function effectAt(scope: ClientTrafficScope, policy: ClientTrafficView, target: PolicyTarget): Effect {
  const { look, known, ...held } = scope;
  const { proxyProtocol, connection } = policy.settings ?? {};
  const warnings = new Set<string>();
  const problems: Problem[] = [];
  const remarks: string[] = [];
  const views = look.context.fetch(known.listeners.viewsByOwner, target.object) ?? [];
  for (const view of views) {
    if (target.section !== '' && view.spec.name !== target.section) continue;
    if (view.config?.protocol === 'UDP' && proxyProtocol !== undefined)
      remarks.push(`not on listener ${view.spec.name}: PROXY headers come before streams, not before UDP datagrams`);
    if (view.config?.protocol === 'UDP' && connection !== undefined)
      remarks.push(`not on listener ${view.spec.name}: UDP has no connections`);
    remarks.push(...misfits(policy, view));
    for (const way of unaskedWays(scope, policy, view)) warnings.add(way);
    const { problem: conflict, remark } = certificateEffect(policy, view, look.context.fetch(held.demands, view.key));
    if (conflict !== undefined) problems.push(problem(POLICY_REASON.Conflicted, target.field, conflict));
    if (remark !== undefined) remarks.push(remark);
    const traffic = look.context.fetch(held.traffic, view.key);
    if (traffic === undefined) continue;
    if (traffic.nearest !== undefined && traffic.nearest !== policy.key)
      remarks.push(`overridden on listener ${traffic.name} by ${named(traffic.nearest)}`);
    else
      problems.push(
        ...portConflicts(traffic, policy).map((text) => problem(POLICY_REASON.Conflicted, target.field, text)),
      );
  }
  return {
    problems,
    remarks: [...remarks, ...spread(look.context.fetch(held.byPolicy, policy.key) ?? [], policy)],
    warnings: [...warnings],
  };
}

/** Listeners by which routes are reached without the certificate that is asked for here. */
function unaskedWays(scope: ClientTrafficScope, policy: ClientTrafficView, view: ListenerView): string[] {
  const demanded = scope.look.context.fetch(scope.demands, view.key);
  if (!asks(policy) || demanded === undefined || !isHttp(view)) return [];
  return waysBeside(scope, view, {
    isListener: ({ key }) => scope.look.context.fetch(scope.demands, key) !== undefined,
    isRoute: () => false,
  });
}

/** Settings that mean nothing on the listener. */
function misfits({ settings }: ClientTrafficView, view: ListenerView): string[] {
  const { config } = view;
  if (config === undefined) return [];
  const whys = OWN_NAMES.filter((name) => settings?.[name] !== undefined && !OWN_SETTINGS[name].fits(view)).map(
    (name) => {
      const { why } = OWN_SETTINGS[name];
      return why === undefined ? 'it ends no TLS' : `${why} on a ${config.protocol} listener`;
    },
  );
  return [...new Set(whys)].map((why) => `not on listener ${view.spec.name}: ${why}`);
}

/** Listeners that got the setting through a port that they share. */
function spread(traffic: ReadonlyArray<ListenerTraffic>, policy: ClientTrafficView): string[] {
  return PORT_SETTINGS.flatMap((setting) =>
    traffic
      .filter(({ nearest, decisions }) => decisions[setting].decides === policy.key && nearest !== policy.key)
      .map(
        ({ name, owner, port }) =>
          `${setting} holds for listener ${name} of ${named(owner)} too, on the same port ${port}`,
      ),
  );
}
