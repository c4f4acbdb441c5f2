import type { Backend, ConfigObject } from '../../config/index.ts';
import { type Collection, counts, heads, type Index, index, join } from '../../graph/index.ts';
import type { CertificateVerdict } from '../gateway/certificate.ts';
import type { Policies } from '../policy/attached-policy.ts';
import { configOutput, type Graph } from '../stage.ts';
import { anyPortOf, type ServiceTls, serviceTlsKeys, type TlsSettings, tlsOfService } from './backend-tls.ts';
import type { BackendUse } from './backend-use.ts';
import { endpointsOf, endpointsOfImport, sliceImport, sliceService } from './service.ts';

/** TLS towards Services, before anybody refers to them. */
export interface Backends {
  /** By `namespace/service:port`. */
  serviceTls: Collection<ServiceTls>;
}

/** `byTraffic`: ports to which other policies say that TLS is spoken. */
export function deriveBackends(graph: Graph, policies: Policies<TlsSettings>, byTraffic: Collection<true>): Backends {
  const verified = graph.derive('service tls', policies.byObject, (context, group, object) =>
    object.startsWith('Service/') ? tlsOfService(object, context.fetch(graph.inputs.Service, object), group) : [],
  );
  const others = graph.derive('service tls of others', byTraffic, (context, _said, key) =>
    (context.fetch(verified, key) ?? context.fetch(verified, anyPortOf(key))) ? [] : [[key, BY_TRAFFIC] as const],
  );
  return { serviceTls: join('service tls of all', [verified, others]) };
}

/** It stands in the policy for the connections, and not in the Backend. */
const BY_TRAFFIC: ServiceTls = { policy: '', trust: [] };

/** What is referred to: of each Backend one use, since those of one key are alike. */
export interface UsedBackends {
  byKey: Collection<BackendUse>;
  /** Those that calls of gRPC go to, and how many refer to them. */
  byGrpc: Collection<number>;
  /** By object key of the Service; one that is called like it, such as an import, is among them. */
  byService: Index<BackendUse>;
}

export function backendsInUse(graph: Graph, uses: Collection<BackendUse>): UsedBackends {
  const used = heads('uses by backend', uses, { keysOf: ({ key }) => [key], most: 1 });
  const byKey = graph.derive('backends in use', used, (_context, [use], key) => [[key, use!]]);
  const byService = index('backends by Service', byKey, ({ service }) => [
    `Service/${service.namespace}/${service.name}`,
  ]);
  const byGrpc = counts('backends of gRPC', uses, ({ key, grpc }) => (grpc ? [key] : []));
  return { byKey, byGrpc, byService };
}

/** Config of everything that routes and policies refer to. An endpoint change touches neither routes nor Backends. */
export function backendConfig(
  graph: Graph,
  wanted: Collection<BackendUse>,
  known: {
    backends: Backends;
    certificates: Collection<CertificateVerdict>;
    /** Those that are reached by the address of their Service, by key. */
    wholes: Collection<true>;
  },
): Collection<ConfigObject> {
  const backends = graph.derive('backends', wanted, (context, { key, service, protocol, tls, clientCertificate }) => {
    const backend: Backend = { kind: 'Backend', key, service, protocol };
    if (!tls) return [configOutput(backend)];
    const [exact, any] = serviceTlsKeys(service);
    const found = context.fetch(known.backends.serviceTls, exact) ?? context.fetch(known.backends.serviceTls, any);
    if (found?.tls === undefined) return [configOutput(backend)];
    backend.tls = clientCertificate === undefined ? found.tls : { ...found.tls, clientCertificate };
    backend.tlsPolicy = found.policy;
    return [backend, ...found.trust].map(configOutput);
  });
  const shown = counts('backends by client certificate', wanted, ({ clientCertificate }) =>
    clientCertificate === undefined ? [] : [clientCertificate],
  );
  const clients = graph.derive('client certificates', shown, (context, _count, key) => {
    const verdict = context.fetch(known.certificates, `Secret/${key}`);
    return verdict !== undefined && 'certificate' in verdict ? [configOutput(verdict.certificate)] : [];
  });
  return join<ConfigObject>('backend objects', [backends, endpointConfig(graph, wanted, known.wholes), clients]);
}

function endpointConfig(
  graph: Graph,
  wanted: Collection<BackendUse>,
  wholes: Collection<true>,
): Collection<ConfigObject> {
  const slices = index('slices by service', graph.inputs.EndpointSlice, (slice) => {
    const service = sliceService(slice);
    return service === undefined ? [] : [service];
  });
  const imported = index('slices by import', graph.inputs.EndpointSlice, (slice) => {
    const name = sliceImport(slice);
    return name === undefined ? [] : [name];
  });
  return graph.derive('endpoints', wanted, (context, use, key) => {
    const { namespace, name } = use.service;
    if (use.service.kind === 'ServiceImport') {
      const object = context.fetch(graph.inputs.ServiceImport, `ServiceImport/${namespace}/${name}`);
      const own = context.fetch(imported, `${namespace}/${name}`) ?? [];
      return [configOutput(endpointsOfImport(use, { imported: object, slices: own }))];
    }
    const service = context.fetch(graph.inputs.Service, `Service/${namespace}/${name}`);
    const found = context.fetch(slices, `${namespace}/${name}`) ?? [];
    const legacy =
      found.length > 0 ? undefined : context.fetch(graph.inputs.Endpoints, `Endpoints/${namespace}/${name}`);
    const asWhole = context.fetch(wholes, key) === true;
    return [configOutput(endpointsOf(use, { service, slices: found, legacy, asWhole }))];
  });
}
