import type { ServicePort } from '../../api/index.ts';
import { type Backend, type BackendTraffic, POLICY_TYPES, policyKey } from '../../config/index.ts';
import { sessionOf } from '../session.ts';
import { configOutput } from '../stage.ts';
import { connectionOf, refreshOf, retryOf, timeoutsOf } from './backend-retry.ts';
import { loadBalancingOf } from './endpoint-choice.ts';
import { healthCheckOf } from './health-check.ts';
import { effective, portLevels } from './inheritance.ts';
import { outlierDetectionOf } from './outlier-detection.ts';
import type { PolicyKind } from './policy-kind.ts';
import { policiesOfPort } from './policy-refusal.ts';

type Settings = BackendTraffic['spec'];
type BackendProtocol = Backend['protocol'];

const UNVERIFIED =
  'WARNING: TLS to the endpoints is not verified (spec.tls.verification: Disabled), whoever answers at their addresses is believed; a BackendTLSPolicy verifies them';

export const backendTraffic: PolicyKind<'BackendTrafficPolicy', BackendTraffic['spec']> = {
  kind: 'BackendTrafficPolicy',
  targets: ['Service'],
  read(_look, policy) {
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
      ...settings
    } = policy.spec;
    const read: BackendTraffic['spec'] = { ...settings };
    if (loadBalancing !== undefined) read.loadBalancing = loadBalancingOf(loadBalancing);
    if (sessionPersistence !== undefined) read.sessionPersistence = sessionOf(sessionPersistence, policy);
    if (timeouts !== undefined) read.timeouts = timeoutsOf(timeouts);
    if (healthCheck !== undefined) read.healthCheck = healthCheckOf(healthCheck);
    if (outlierDetection !== undefined) read.outlierDetection = outlierDetectionOf(outlierDetection);
    if (dns !== undefined) read.dns = refreshOf(dns);
    if (connection !== undefined) read.connection = connectionOf(connection);
    if (retry !== undefined) read.retry = retryOf(retry);
    if (retry?.budget !== undefined) read.retryBudget = retry.budget;
    return { settings: read, refusals: [] };
  },
  enforce(graph, policies, { backends }) {
    const config = graph.derive('backend traffic', backends.byKey, (context, { service, protocol }, backend) => {
      // No policy can name an import, which may be called like a Service.
      if (service.kind !== undefined) return [];
      const object = `Service/${service.namespace}/${service.name}`;
      const all = context.fetch(policies.byObject, object) ?? [];
      if (all.length === 0) return [];
      const ports = context.fetch(graph.inputs.Service, object)?.spec.ports ?? [];
      const port = ports.find((one) => one.port === service.port && (one.protocol === 'UDP') === (protocol === 'udp'));
      const levels = portLevels(object, port?.name ?? '');
      const settings = effective(() => all, levels, POLICY_TYPES.BackendTraffic.merge)?.settings ?? {};
      const grpc = (context.fetch(backends.byGrpc, backend) ?? 0) > 0;
      const spec = settingsFor(settings, { protocol, grpc });
      if (Object.keys(spec).length === 0) return [];
      const key = policyKey('BackendTraffic', backend);
      const target = { kind: 'Backend' as const, key: backend };
      return [configOutput({ kind: 'Policy', key, type: 'BackendTraffic', target, spec })];
    });
    return {
      config,
      standsFor: (context, object) =>
        object.kind === 'Policy' && object.type === 'BackendTraffic'
          ? policiesOfPort({ graph, policies }, context, object.target.key)
          : [],
      effect: (look, { settings }, { object }) => {
        const ports = look.context.fetch(look.inputs.Service, object)?.spec.ports ?? [];
        return { problems: [], remarks: remarksOn(settings ?? {}, ports) };
      },
      actsOn: ({ settings = {} }, { protocol }) =>
        Object.keys(settingsFor(settings, { protocol, grpc: false })).length > 0,
    };
  },
};

/** What is for this Backend. A datagram says nothing before itself, and a port of them has nobody to be looked at. */
function settingsFor(settings: Settings, { protocol, grpc }: { protocol: BackendProtocol; grpc: boolean }): Settings {
  const { proxyProtocol, healthCheck, httpVersion, ...rest } = settings;
  const spec: Settings = { ...rest };
  if (proxyProtocol !== undefined && protocol !== 'udp') spec.proxyProtocol = proxyProtocol;
  if (healthCheck !== undefined && protocol !== 'udp') spec.healthCheck = healthCheck;
  const isHttp = protocol === 'http' || protocol === 'h2c';
  // Calls of gRPC are HTTP/2 always: their backend stays what it is.
  if (httpVersion !== undefined && isHttp && !(grpc && httpVersion === 'HTTP1')) spec.httpVersion = httpVersion;
  return spec;
}

function remarksOn({ tls, healthCheck, httpVersion }: Settings, ports: readonly ServicePort[]): string[] {
  const udp = ports.filter(({ protocol }) => protocol === 'UDP').map(({ port }) => port);
  const unchecked = healthCheck !== undefined && udp.length > 0;
  return [
    ...(tls === undefined ? [] : [UNVERIFIED]),
    ...(unchecked ? [`no health check on UDP port ${udp.join(', ')}: nothing answers there that could be asked`] : []),
    ...(httpVersion === undefined ? [] : ports.flatMap((port) => versionRemark(httpVersion, port))),
  ];
}

/** The policy goes before what the port says of itself, and nobody should have to guess that. */
function versionRemark(version: 'HTTP1' | 'HTTP2', { port, appProtocol = '' }: ServicePort): string[] {
  const says = `though the appProtocol of port ${port} is ${appProtocol}`;
  if (version === 'HTTP1' && /^(kubernetes\.io\/h2c|h2c|http2|grpc)$/.test(appProtocol)) {
    return [`HTTP/1.1 is spoken, ${says}; a port that GRPCRoutes refer to stays with HTTP/2`];
  }
  const webSocket = /^(kubernetes\.io\/)?wss?$/.test(appProtocol);
  return version === 'HTTP2' && webSocket ? [`HTTP/2 is spoken, ${says}: WebSocket needs extended CONNECT there`] : [];
}
