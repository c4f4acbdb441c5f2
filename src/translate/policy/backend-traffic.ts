import { POLICY_REASON, type ServicePort } from '../../api/index.ts';
import {
  type Backend,
  type BackendTraffic,
  type Certificate,
  type EndpointTls,
  POLICY_TYPES,
  policyKey,
} from '../../config/index.ts';
import { type Collection, type Context, equal } from '../../graph/index.ts';
import type { BackendUse } from '../backend/backend-use.ts';
import { sessionOf } from '../session.ts';
import { configOutput, type Graph } from '../stage.ts';
import { problem } from '../verdict/problem.ts';
import {
  type Aim,
  type AttachedPolicy,
  besides,
  named,
  oldest,
  type Policies,
  type PolicyReading,
  ranked,
} from './attached-policy.ts';
import { connectionOf, refreshOf, retryOf, timeoutsOf } from './backend-retry.ts';
import { loadBalancingOf } from './endpoint-choice.ts';
import { readEndpointTls } from './endpoint-tls.ts';
import { healthCheckOf } from './health-check.ts';
import { type Effective, effective, portLevels } from './inheritance.ts';
import { outlierDetectionOf } from './outlier-detection.ts';
import type { PolicyKind } from './policy-kind.ts';
import { policiesOfPort } from './policy-refusal.ts';
import { addressOf } from './service-address.ts';
import { type Given, sourcesOf } from './setting-source.ts';
import { type Sections, strays } from './stray-section.ts';

/** As they are read: with what TLS shows to endpoints, and with what endpoints there are. */
type Settings = BackendTraffic['spec'] & {
  certificate?: Certificate;
  destination?: 'Endpoints' | 'ServiceAddress';
};
type BackendProtocol = Backend['protocol'];

const UNVERIFIED =
  'WARNING: TLS to the endpoints is not verified (spec.tls.verification: Disabled), whoever answers at their addresses is believed; a BackendTLSPolicy verifies them';

export const backendTraffic: PolicyKind<'BackendTrafficPolicy', Settings> = {
  kind: 'BackendTrafficPolicy',
  targets: ['Service'],
  read(look, policy) {
    if (policy.spec.refused !== undefined) return closed(policy.spec.refused);
    const {
      targetRefs: _,
      loadBalancing,
      sessionPersistence,
      timeouts,
      connection,
      retry,
      healthCheck,
      outlierDetection,
      dns,
      tls: asked,
      refused: __,
      ...settings
    } = policy.spec;
    const read: Settings = { ...settings };
    if (loadBalancing !== undefined) read.loadBalancing = loadBalancingOf(loadBalancing);
    if (sessionPersistence !== undefined) read.sessionPersistence = sessionOf(sessionPersistence, policy);
    if (timeouts !== undefined) read.timeouts = timeoutsOf(timeouts);
    if (healthCheck !== undefined) read.healthCheck = healthCheckOf(healthCheck);
    if (outlierDetection !== undefined) read.outlierDetection = outlierDetectionOf(outlierDetection);
    if (dns !== undefined) read.dns = refreshOf(dns);
    if (connection !== undefined) read.connection = connectionOf(connection);
    if (retry !== undefined) read.retry = retryOf(retry);
    if (retry?.budget !== undefined) read.retryBudget = retry.budget;
    if (asked === undefined) return { settings: read, refusals: [] };
    const { tls, certificate, ...told } = readEndpointTls(asked, look, policy);
    return { settings: { ...read, tls, ...(certificate && { certificate }) }, ...told };
  },
  enforce(graph, policies, { backends }) {
    const config = graph.derive('backend traffic', backends.byKey, (context, { service, protocol }, backend) => {
      const said = saidAt({ graph, policies }, context, { service, protocol });
      if (said === undefined) return [];
      const { settings } = said;
      const grpc = (context.fetch(backends.byGrpc, backend) ?? 0) > 0;
      const { certificate, ...spec } = settingsFor(settings, { protocol, grpc, backend });
      const given = said.given.filter(([, setting]) => Object.hasOwn(spec, setting) || setting === DESTINATION);
      if (Object.keys(spec).length === 0 && given.length === 0) return [];
      const key = policyKey('BackendTraffic', backend);
      const target = { kind: 'Backend' as const, key: backend };
      const sources = sourcesOf(given);
      const own: BackendTraffic = { kind: 'Policy', key, type: 'BackendTraffic', target, spec, sources };
      return [own, ...(certificate === undefined ? [] : [certificate])].map(configOutput);
    });
    return {
      config,
      guards: guardsTls,
      guarding: (policy) => (guardsTls(policy) ? 'tls' : undefined),
      standsFor: (context, object) =>
        object.kind === 'Policy' && object.type === 'BackendTraffic'
          ? policiesOfPort({ graph, policies }, context, object.target.key)
          : [],
      effect: (look, { settings }, target) => {
        const { object, field } = target;
        const others = look.context.fetch(policies.byObject, object) ?? [];
        const torn = settings?.tls === undefined ? undefined : conflictedTls(others, [target]).settings.tls?.broken;
        const service = look.context.fetch(look.inputs.Service, object);
        const uses = look.context.fetch(backends.byService, object) ?? [];
        const whole = settings?.destination === 'ServiceAddress' && service && addressOf(service) === undefined;
        return {
          problems:
            torn === undefined
              ? []
              : [problem(POLICY_REASON.Conflicted, field, `${torn}: nothing is sent until one of the two goes`)],
          remarks: [
            ...remarksOn(settings ?? {}, service?.spec.ports ?? []),
            ...tlsRemarks(settings ?? {}, uses),
            ...(whole ? ['the Service has no address of its own (clusterIP): its endpoints are used'] : []),
          ],
        };
      },
      whoeverAsks: true,
      actsOn: ({ settings = {} }, { protocol }) =>
        settings.destination !== undefined ||
        Object.keys(settingsFor(settings, { protocol, grpc: false, backend: '' })).length > 0,
    };
  },
};

function settingsAt(...asked: Parameters<typeof saidAt>): Settings | undefined {
  return saidAt(...asked)?.settings;
}

/** What endpoints there are is said by the Endpoints themselves. */
const DESTINATION = 'destination';

interface Said {
  settings: Settings;
  given: Given[];
}

/** Undefined: no policy says anything. */
function saidAt(
  { graph, policies }: { graph: Graph; policies: Policies<Settings> },
  context: Context,
  { service, protocol }: Pick<BackendUse, 'service' | 'protocol'>,
): Said | undefined {
  // No policy can name an import, which may be called like a Service.
  if (service.kind !== undefined) return undefined;
  const object = `Service/${service.namespace}/${service.name}`;
  const all = context.fetch(policies.byObject, object) ?? [];
  if (all.length === 0) return undefined;
  const declared = context.fetch(graph.inputs.Service, object);
  const ports = declared?.spec.ports ?? [];
  const port = ports.find((one) => one.port === service.port && (one.protocol === 'UDP') === (protocol === 'udp'));
  const levels = portLevels(object, port?.name ?? '');
  const nearest = effective(() => all, levels, POLICY_TYPES.BackendTraffic.merge);
  const astray = strayTls(all, levels, new Map([[object, ports.flatMap(({ name }) => name ?? [])]]));
  const guard = astray ?? conflictedTls(all, levels);
  const asked = besides(all, levels[0]!);
  const settings = beside(asked, { ...nearest?.settings, ...guard.settings });
  const isWhole = declared !== undefined && addressOf(declared) !== undefined;
  const given = givenBy({ asked, nearest, guard }, settings).filter(([, one]) => one !== DESTINATION || isWhole);
  return { settings, given };
}

/** What is said of TLS in the place of what the nearest policy says, and by whom. */
interface Guarding {
  settings: Pick<Settings, 'tls' | 'certificate'>;
  by: string[];
}

interface Sayings {
  asked: ReadonlyArray<AttachedPolicy<Settings>>;
  nearest: Effective<Settings> | undefined;
  guard: Guarding;
}

/** As `beside` puts them together: of each setting the last counts, and of TLS all. */
function givenBy({ asked, nearest, guard }: Sayings, settings: Settings): Given[] {
  return (Object.keys(settings) as Array<keyof Settings>).flatMap((setting) => {
    if (setting === DESTINATION && settings.destination !== 'ServiceAddress') return [];
    const askers = asked.filter((one) => one.settings?.[setting] !== undefined).map(({ key }) => key);
    const writers = setting === 'tls' && guard.settings.tls !== undefined ? guard.by : writersOf(nearest, setting);
    const all = [...askers, ...writers];
    const counting = setting === 'tls' ? all : writers.length > 0 ? writers : askers.slice(-1);
    return counting.map((policy): Given => [policy, setting]);
  });
}

function writersOf(nearest: Sayings['nearest'], setting: keyof Settings): string[] {
  return nearest?.settings[setting] === undefined ? [] : [nearest.decisive.policy.key];
}

/**
 * What policies say of TLS that an older one with their target is in the way of: it guards, and counts where that one says
 * nothing of TLS, or the same. Where it says something else nothing is sent.
 */
function conflictedTls(all: ReadonlyArray<AttachedPolicy<Settings>>, levels: readonly Aim[]): Guarding {
  for (const aim of levels.toReversed()) {
    const [first, ...others] = ranked(all, aim);
    const guards = others.filter(guardsTls);
    const [counts = guards[0]] = first?.settings?.tls === undefined ? [] : [first];
    if (counts === undefined) continue;
    const other = guards.find((one) => !equal(tlsOf(one), tlsOf(counts)));
    if (other === undefined) return counts === first ? NOT_GUARDED : { settings: tlsOf(counts), by: [counts.key] };
    const broken = `${named(counts.key)} and ${named(other.key)} both say how TLS is spoken there`;
    return { settings: { tls: { broken } }, by: [counts.key, other.key] };
  }
  return NOT_GUARDED;
}

const NOT_GUARDED: Guarding = { settings: {}, by: [] };

function tlsOf({
  settings: { tls, certificate } = {},
}: AttachedPolicy<Settings>): Pick<Settings, 'tls' | 'certificate'> {
  return { ...(tls && { tls }), ...(certificate && { certificate }) };
}

/** Why nothing is sent: what is said of TLS for a port that is not there, but for a port of which a nearer policy says it. */
function strayTls(
  all: ReadonlyArray<AttachedPolicy<Settings>>,
  [whole, own]: readonly Aim[],
  sections: Sections,
): Guarding | undefined {
  const [astray] = strays(() => all.filter(guardsTls), [whole!], sections);
  if (astray === undefined || (own !== undefined && oldest(all, own)?.settings?.tls !== undefined)) return undefined;
  return { settings: { tls: { broken: astray.why } }, by: [astray.policy.key] };
}

/** To believe whoever answers guards nothing. */
function guardsTls({ settings }: AttachedPolicy<Settings>): boolean {
  return Object.keys(settings?.tls ?? {}).some((name) => name !== 'verification' && name !== 'serverName');
}

/** Backends that are reached by the address of their Service, by key. */
export function reachedAsWholes(
  graph: Graph,
  wanted: Collection<BackendUse>,
  policies: Policies<Settings>,
): Collection<true> {
  return graph.derive('backends reached as wholes', wanted, (context, use, key) => {
    const settings = settingsAt({ graph, policies }, context, use);
    return settings?.destination === 'ServiceAddress' ? [[key, true as const]] : [];
  });
}

/** Ports of Services to which a policy says how TLS is spoken, by `namespace/service:port`. */
export function tlsByTraffic(graph: Graph, policies: Policies<Settings>): Collection<true> {
  return graph.derive('service tls by traffic policies', policies.byObject, (context, _all, object) => {
    if (!object.startsWith('Service/')) return [];
    const service = context.fetch(graph.inputs.Service, object);
    const [namespace = '', name = ''] = object.slice('Service/'.length).split('/');
    return (service?.spec.ports ?? []).flatMap(({ port }) => {
      const settings = settingsAt({ graph, policies }, context, {
        service: { namespace, name, port },
        protocol: 'http',
      });
      return settings?.tls === undefined ? [] : [[`${namespace}/${name}:${port}`, true as const] as const];
    });
  });
}

/** What annotations ask for, and of what both say what users wrote. Who speaks of TLS in other words takes none away. */
function beside(asked: ReadonlyArray<AttachedPolicy<Settings>>, written: Settings): Settings {
  if (asked.length === 0) return written;
  const all: Settings[] = [...asked.map((policy) => policy.settings ?? {}), written];
  const settings: Settings = Object.assign({}, ...all);
  const tls = all.flatMap((one) => one.tls ?? []);
  return tls.length > 1 ? { ...settings, tls: Object.assign({}, ...tls) } : settings;
}

/** Nobody knows what it was to say of TLS: nothing is sent. */
function closed(refused: string): PolicyReading<Settings> {
  const refusals = [problem(POLICY_REASON.Invalid, 'spec', refused)];
  return { settings: { tls: { broken: refused } }, refusals, told: true };
}

interface Use {
  protocol: BackendProtocol;
  grpc: boolean;
  /** Its key. */
  backend: string;
}

/**
 * What is for this Backend. A datagram says nothing before itself, and a port of them has nobody to be looked at; in
 * clients' own TLS nothing is ours to say.
 */
function settingsFor(settings: Settings, { protocol, grpc, backend }: Use): Settings {
  const { proxyProtocol, healthCheck, httpVersion, tls, certificate, destination: _, ...rest } = settings;
  const spec: Settings = { ...rest };
  if (tls !== undefined && protocol !== 'udp' && !isPassed(backend)) {
    spec.tls = tls;
    if (certificate !== undefined) spec.certificate = certificate;
  }
  if (proxyProtocol !== undefined && protocol !== 'udp') spec.proxyProtocol = proxyProtocol;
  if (healthCheck !== undefined && protocol !== 'udp') spec.healthCheck = healthCheck;
  const isHttp = protocol === 'http' || protocol === 'h2c';
  // Calls of gRPC are HTTP/2 always: their backend stays what it is.
  if (httpVersion !== undefined && isHttp && (!grpc || httpVersion === 'HTTP2')) spec.httpVersion = httpVersion;
  return spec;
}

function remarksOn({ tls, healthCheck, httpVersion }: Settings, ports: readonly ServicePort[]): string[] {
  const udp = ports.filter(({ protocol }) => protocol === 'UDP').map(({ port }) => port);
  const unchecked = healthCheck !== undefined && udp.length > 0;
  return [
    ...(tls?.verification === undefined ? [] : [UNVERIFIED]),
    ...(unchecked ? [`no health check on UDP port ${udp.join(', ')}: nothing answers there that could be asked`] : []),
    ...(httpVersion === undefined ? [] : ports.flatMap((port) => versionRemark(httpVersion, port))),
  ];
}

/** Nobody should believe that TLS is spoken where it is not. */
function tlsRemarks({ tls, httpVersion }: Settings, uses: readonly BackendUse[]): string[] {
  if (tls?.verification !== undefined) return [];
  const said = [...(saysHow(tls) ? ['spec.tls'] : []), ...(httpVersion === 'Auto' ? ['httpVersion Auto'] : [])];
  const plain = uses.filter(({ key, protocol, tls: secure }) => !secure && protocol !== 'udp' && !isPassed(key));
  if (said.length === 0 || plain.length === 0) return [];
  const ports = [...new Set(plain.map(({ service }) => service.port))].sort((a, b) => a - b).join(', ');
  return [
    `${said.join(' and ')} mean${said.length === 1 ? 's' : ''} nothing on port ${ports}: no BackendTLSPolicy has TLS spoken there, nor does verification: Disabled`,
  ];
}

function saysHow(tls: EndpointTls | undefined): boolean {
  return tls !== undefined && tls.broken === undefined;
}

function isPassed(backend: string): boolean {
  return backend.endsWith(';passthrough');
}

/** The policy goes before what the port says of itself, and nobody should have to guess that. */
function versionRemark(version: 'HTTP1' | 'HTTP2' | 'Auto', { port, appProtocol = '' }: ServicePort): string[] {
  const says = `though the appProtocol of port ${port} is ${appProtocol}`;
  if (version === 'HTTP1' && /^(kubernetes\.io\/h2c|h2c|http2|grpc)$/.test(appProtocol)) {
    return [`HTTP/1.1 is spoken, ${says}; a port that GRPCRoutes refer to stays with HTTP/2`];
  }
  const webSocket = /^(kubernetes\.io\/)?wss?$/.test(appProtocol);
  return version === 'HTTP2' && webSocket ? [`HTTP/2 is spoken, ${says}: WebSocket needs extended CONNECT there`] : [];
}
