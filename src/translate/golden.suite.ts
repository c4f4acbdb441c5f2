import { generateKeyPairSync } from 'node:crypto';
import {
  type AnyResource,
  apiVersionOf,
  type Condition,
  GATEWAY_GROUP,
  KINDS,
  type Kind,
  objectKey,
  type WantedInfrastructure,
} from '../api/index.ts';
import { type Ack, type ConfigObject, DeliveryLog, type ListenerState, refKey } from '../config/index.ts';
import { batch, type SourceCollection } from '../graph/index.ts';
import type { AssignedAddresses, TranslateOptions } from './inputs.ts';
import { emptyInputs } from './translate.ts';
import { translation } from './translation.ts';
import type { Diagnostic } from './verdict/problem.ts';

/** One golden case as its file holds it: what goes in, and all that comes out. */
export interface GoldenCase {
  /** What the case shows. */
  shows: string;
  /** Absent: standalone, every class adopted. */
  options?: Partial<TranslateOptions>;
  /** Objects by `Kind/name` or `Kind/namespace/name`, without what is the same everywhere. */
  input: Record<string, Fields>;
  /** The Gateway API's CRDs of the cluster, by name without the group; absent: they are not known. */
  crds?: Record<string, { version?: string; channel?: string; lacks?: string[] }>;
  /** What infrastructure gave Gateways, by `namespace/name`. */
  addresses?: Record<string, AssignedAddresses>;
  /** Whether a data plane answers: all sockets open, or none; a message makes the listener fail. */
  dataPlane?: {
    failing?: Record<string, { code: string; message: string }>;
    rejecting?: Record<string, string>;
    /** The Gateway whose own it is; absent: it serves all. */
    of?: string;
  };
}

export interface GoldenOutput {
  config: Record<string, Fields>;
  status: Record<string, unknown>;
  diagnostics: string[];
  /** What is to be made, where each Gateway has data planes of its own. */
  infrastructure?: Record<string, Fields>;
}

export type Fields = Record<string, unknown>;

/** A self-signed certificate for tests, made once a run: goldens show it by name. */
export interface TestPem {
  certificate: string;
  privateKey: string;
}

const OTHER_KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

export function runGolden(golden: GoldenCase, pem: TestPem): GoldenOutput {
  const options: TranslateOptions = { shared: true, ...golden.options };
  const inputs = emptyInputs();
  for (const resource of resourcesOf(golden.input, pem)) {
    const collection = inputs[resource.kind] as unknown as SourceCollection<AnyResource>;
    collection.apply([{ key: objectKey(resource), value: resource }]);
  }
  const crds = Object.entries(golden.crds ?? {}).map(([plural, crd]) => ({
    name: `${plural}.${GATEWAY_GROUP}`,
    ...crd,
  }));
  inputs.installed.apply(crds.map((value) => ({ key: value.name, value })));
  const { config, statuses, diagnostics, infrastructure } = translation(inputs, options);
  inputs.addresses.apply(Object.entries(golden.addresses ?? {}).map(([key, value]) => ({ key, value })));
  if (golden.dataPlane !== undefined) answer(inputs, config.values(), golden.dataPlane);
  const configs = Array.from(config.entries()).sort(([a], [b]) => (a < b ? -1 : 1));
  const stated = Array.from(statuses.entries())
    .filter(([key]) => key !== 'GatewayClass//c' || 'GatewayClass/c' in golden.input)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const output: GoldenOutput = {
    config: Object.fromEntries(configs.map(([key, { kind: _kind, key: _key, ...rest }]) => [key, rest])),
    status: Object.fromEntries(stated.map(([key, { status }]) => [key, compact(status)])),
    diagnostics: Array.from(diagnostics.values(), diagnosticLine).sort(),
    ...(infrastructure.size === 0 ? {} : { infrastructure: wanted(infrastructure.entries()) }),
  };
  const shown = (_name: string, value: unknown): unknown => {
    if (typeof value !== 'string') return value;
    return value.replaceAll(pem.certificate, '(certificate)').replaceAll(pem.privateKey, '(key)');
  };
  return JSON.parse(JSON.stringify(output, shown)) as GoldenOutput;
}

/** Without what the key says. */
function wanted(entries: Iterable<[string, WantedInfrastructure]>): Record<string, Fields> {
  return Object.fromEntries(
    Array.from(entries, ([key, { namespace: _namespace, name: _name, uid: _uid, ...rest }]) => [key, rest]),
  );
}

function diagnosticLine({ severity, object, field, message }: Diagnostic): string {
  return `${severity} ${object} ${field}: ${message}`;
}

function answer(
  inputs: ReturnType<typeof emptyInputs>,
  config: Iterable<ConfigObject>,
  { failing = {}, rejecting = {}, of = '' }: NonNullable<GoldenCase['dataPlane']>,
): void {
  const log = new DeliveryLog(of, ['worker-0']);
  const upserts = Array.from(config);
  const listeners = upserts.flatMap((object): ListenerState[] => {
    if (object.kind !== 'Listener') return [];
    const fault = failing[object.key];
    const at = object.addresses[0] ?? '127.0.0.1';
    return fault === undefined
      ? [{ key: object.key, state: 'serving', bound: [`${at}:${object.port}`] }]
      : [{ key: object.key, state: 'failed', bound: [], ...fault }];
  });
  const rejected = upserts
    .filter((object) => rejecting[refKey(object)] !== undefined)
    .map(({ kind, key }) => ({ kind, key, code: 'DMN_CONFIG_INVALID', message: rejecting[`${kind}/${key}`]! }));
  const ack: Ack = { version: 1, proxy: 'worker-0', rejected, listeners };
  batch(() => {
    inputs.deliveries.apply(log.sent({ version: 1, upserts, removals: [] }));
    inputs.acks.apply([{ key: ack.proxy, value: ack }]);
    inputs.deliveries.apply(log.acknowledge(ack));
  });
}

/** Conditions as one line each. What every listener without conflicts says is left out. */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== 'object' || value === null) return value;
  const { supportedFeatures: _features, ...fields } = value as Fields & { conditions?: Condition[] };
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      if (name === 'conditions') return [name, Object.fromEntries((field as Condition[]).filter(telling).map(line))];
      if (name === 'supportedKinds')
        return [name, (field as Array<{ kind: string }>).map(({ kind }) => kind).join(' ')];
      return [name, compact(field)];
    }),
  );
}

function telling({ type, status }: Condition): boolean {
  return type !== 'Conflicted' || status === 'True';
}

function line({ type, status, reason, message, observedGeneration }: Condition): [string, string] {
  const generation = observedGeneration === 1 ? '' : ` @${observedGeneration}`;
  return [type, `${status} ${reason}${generation}: ${message}`];
}

/** The objects of a case, as an API server would have stored them. */
export function resourcesOf(input: GoldenCase['input'], pem: TestPem): AnyResource[] {
  const resources: Record<string, Fields> = {
    'GatewayClass/c': { spec: { controllerName: 'example.com/any' } },
    ...input,
  };
  return Object.entries(resources).map(([path, fields]) => resourceOf(path, fields, pem));
}

function resourceOf(path: string, { metadata, ...fields }: Fields, pem: TestPem): AnyResource {
  const parts = path.split('/');
  const kind = parts[0] as Kind;
  const name = parts.at(-1)!;
  const namespace = parts.length === 3 ? parts[1]! : 'default';
  const meta = { name, ...(KINDS[kind].namespaced ? { namespace } : {}), generation: 1, ...(metadata as object) };
  const written = withDefaults({ ...kindDefaults(kind), ...fields });
  const filled = JSON.parse(JSON.stringify(written, placeholders(pem))) as object;
  return { apiVersion: apiVersionOf(kind), kind, metadata: meta, ...filled } as unknown as AnyResource;
}

function placeholders(pem: TestPem) {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const texts: Record<string, string> = {
    '(certificate)': pem.certificate,
    '(certificate base64)': base64(pem.certificate),
    '(key base64)': base64(pem.privateKey),
    '(other key base64)': base64(OTHER_KEY),
  };
  return (_name: string, value: unknown): unknown => (typeof value === 'string' ? (texts[value] ?? value) : value);
}

function kindDefaults(kind: Kind): object {
  switch (kind) {
    case 'Secret':
      return { type: 'kubernetes.io/tls', data: { 'tls.crt': '(certificate base64)', 'tls.key': '(key base64)' } };
    case 'EndpointSlice':
      return { addressType: 'IPv4' };
    default:
      return {};
  }
}

/** What an API server fills in, by the names of the fields: enough for the cases, so that they stay short. */
function withDefaults(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withDefaults(item, name));
  if (typeof value !== 'object' || value === null) return value;
  const filled: Fields = { ...DEFAULTS[name] };
  for (const [field, inner] of Object.entries(value)) filled[field] = withDefaults(inner, field);
  return filled;
}

const GATEWAY = { group: 'gateway.networking.k8s.io', kind: 'Gateway' };
const BACKEND = { group: '', kind: 'Service' };
const DEFAULTS: Readonly<Record<string, Fields>> = {
  listeners: { allowedRoutes: { namespaces: { from: 'Same' } } },
  allowedRoutes: { namespaces: { from: 'Same' } },
  kinds: { group: 'gateway.networking.k8s.io' },
  tls: {},
  addresses: {},
  parentRefs: GATEWAY,
  parentRef: GATEWAY,
  backendRefs: { ...BACKEND, weight: 1 },
  backendRef: BACKEND,
  certificateRefs: { group: '', kind: 'Secret' },
  clientCertificateRef: { group: '', kind: 'Secret' },
  caCertificateRefs: { group: '', kind: 'ConfigMap' },
  targetRefs: BACKEND,
  matches: {},
  path: { type: 'PathPrefix' },
  ports: { protocol: 'TCP' },
  requestRedirect: { statusCode: 302 },
  cors: { maxAge: 5 },
};
