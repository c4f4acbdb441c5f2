import {
  DATA_PLANE_ADMIN_PORT,
  type DaemunParametersSpec,
  type Opaque,
  type PodParameters,
  type WantedInfrastructure,
} from '../../api/index.ts';
import { infrastructureName } from '../../value/infrastructure-name.ts';
import { digestOf, labelsOf, POD_GATEWAY_ANNOTATION, selectorLabels } from './metadata.ts';
import { bytesOf } from './quantity.ts';
import { serviceType } from './service.ts';
import type { InfrastructureSettings } from './settings.ts';

/** Whoever runs in the container: nobody in particular. */
const USER = 65532;
/** Seconds from the word to end until a pod is killed: endpoints go, then requests finish. */
const GRACE = 90;
/** Seconds that a projected token is good for; the kubelet renews it at four fifths. */
const TOKEN_SECONDS = 3600;
/**
 * How long a pod that ends serves on where each node answers the health checks of load balancers for itself: three of 10 s,
 * which is what clouds take by default.
 */
const LOCAL_DRAIN_DELAY = '30s';
/** Of the last config, kept in memory: keys never reach a disk. */
const SNAPSHOT_SIZE = '256Mi';
const CACHE_PATH = '/var/cache/daemun';
/** Where the volume is that has the file of countries. */
const COUNTRIES_PATH = '/var/lib/daemun/countries';
/** The part of a pod's disk that answers may have: a pod that uses more than all of it is ended by its node. */
const CACHE_PART = 0.8;
/** What `--cache-bytes` takes. */
const CACHE_LEAST = 1024 ** 2;
/** The part of a memory limit that heaps may have; the rest is buffers, code and the snapshot. */
const HEAP_SHARE = 0.6;
/** On a node's network ports are everybody's: the admin port is drawn from these. */
const NODE_ADMIN_PORTS = { first: 20_000, count: 10_000 };

const RUN = '/var/run/daemun';

export interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: Record<string, unknown>;
}

/** `restarted`: when somebody last asked for a rollout that changes nothing (`kubectl rollout restart`). */
export function podTemplate(
  wanted: WantedInfrastructure,
  settings: InfrastructureSettings,
  restarted = '',
): PodTemplate {
  const { pod = {} } = wanted.parameters;
  const metadata = {
    labels: labelsOf(wanted, pod.labels),
    annotations: { ...wanted.annotations, ...pod.annotations, [POD_GATEWAY_ANNOTATION]: wanted.name },
  };
  const made = (admin: number): PodTemplate => ({ metadata, spec: podSpec(wanted, { settings, admin }) });
  if (pod.hostNetwork !== true) return made(DATA_PLANE_ADMIN_PORT);
  // Of another number in each form of the pod, so that the next one can start on the node where the last still runs, and
  // answers its probes itself: the last one would say that it is ready. A restart is another form.
  const { first, count } = NODE_ADMIN_PORTS;
  const form = [wanted.namespace, wanted.name, made(0), ...(restarted === '' ? [] : [restarted])];
  const digest = digestOf(form);
  return made(first + (Number.parseInt(digest.slice(0, 8), 16) % count));
}

interface Around {
  settings: InfrastructureSettings;
  admin: number;
}

function podSpec(wanted: WantedInfrastructure, around: Around): Record<string, unknown> {
  const { pod = {} } = wanted.parameters;
  const { hostNetwork = false } = pod;
  return {
    serviceAccountName: infrastructureName(wanted.name),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    // Else it is the first process of its container, which no signal ends that comes before it has begun to listen for one.
    shareProcessNamespace: true,
    terminationGracePeriodSeconds: pod.terminationGracePeriodSeconds ?? GRACE,
    ...(hostNetwork ? { hostNetwork, dnsPolicy: 'ClusterFirstWithHostNet' } : {}),
    ...given('imagePullSecrets', pod.imagePullSecrets),
    ...given('nodeSelector', pod.nodeSelector),
    ...given('tolerations', pod.tolerations),
    ...placement(wanted),
    ...given('priorityClassName', pod.priorityClassName),
    securityContext: podSecurity(wanted, hostNetwork),
    containers: [container(wanted, around)],
    volumes: [...volumes(wanted, around.settings), ...(pod.volumes ?? [])],
  };
}

function given(name: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [name]: value };
}

/** Apart from each other where there is a choice. */
function placement(wanted: WantedInfrastructure): Record<string, unknown> {
  const { affinity, topologySpreadConstraints, hostNetwork = false } = wanted.parameters.pod ?? {};
  const labelSelector = { matchLabels: selectorLabels(wanted) };
  const spread = ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector,
  }));
  const onOneNode = wanted.parameters.workload === 'DaemonSet';
  const constraints = topologySpreadConstraints ?? (onOneNode ? undefined : spread);
  // Two of one form cannot share a node's network; one of the next form can, since a rollout needs it.
  const apart = {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector, matchLabelKeys: ['pod-template-hash'] },
      ],
    },
  };
  return {
    ...given('topologySpreadConstraints', constraints),
    ...given('affinity', affinity ?? (hostNetwork && !onOneNode ? apart : undefined)),
  };
}

function isPrivileged({ ports }: WantedInfrastructure): boolean {
  return ports.some(({ port }) => port < 1024);
}

function podSecurity(wanted: WantedInfrastructure, hostNetwork: boolean): Record<string, unknown> {
  const seccompProfile = { type: 'RuntimeDefault' };
  if (hostNetwork && isPrivileged(wanted)) return { runAsUser: 0, seccompProfile };
  return {
    runAsNonRoot: true,
    runAsUser: USER,
    runAsGroup: USER,
    fsGroup: USER,
    seccompProfile,
    // Always, so that a listener on a low port which comes later changes no pod.
    ...(hostNetwork ? {} : { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] }),
  };
}

function container(wanted: WantedInfrastructure, around: Around): Record<string, unknown> {
  const { pod = {} } = wanted.parameters;
  const { hostNetwork = false } = pod;
  const add = hostNetwork && isPrivileged(wanted) ? { add: ['NET_BIND_SERVICE'] } : {};
  return {
    name: 'daemun',
    image: pod.image ?? around.settings.image,
    args: argumentsOf(wanted, around),
    env: [...environment(wanted.parameters), ...(pod.env ?? [])],
    ...(hostNetwork ? {} : { ports: [{ name: 'admin', containerPort: DATA_PLANE_ADMIN_PORT, protocol: 'TCP' }] }),
    resources: pod.resources ?? { requests: { cpu: '100m', memory: '128Mi' } },
    ...probes(around.admin, hostNetwork),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], ...add },
    },
    volumeMounts: [
      { name: 'authority', mountPath: `${RUN}/authority`, readOnly: true },
      { name: 'token', mountPath: `${RUN}/token`, readOnly: true },
      { name: 'snapshot', mountPath: `${RUN}/snapshot` },
      ...(wanted.parameters.cache === undefined ? [] : [{ name: 'cache', mountPath: CACHE_PATH }]),
      ...(wanted.parameters.countryDatabase === undefined
        ? []
        : [{ name: 'countries', mountPath: COUNTRIES_PATH, readOnly: true }]),
      ...(pod.volumeMounts ?? []),
    ],
  };
}

/** Whether a node sends what comes to it to its own pods only. */
function isLocal({ parameters }: WantedInfrastructure): boolean {
  const { externalTrafficPolicy } = parameters.service ?? {};
  return externalTrafficPolicy === 'Local' && serviceType(parameters) !== 'ClusterIP';
}

function argumentsOf(wanted: WantedInfrastructure, { settings, admin }: Around): string[] {
  const { workers, cache, countryDatabase, logLevel, accessLog, pod = {} } = wanted.parameters;
  const host = pod.hostNetwork === true ? '127.0.0.1' : '[::]';
  return [
    'dataplane',
    `--controller=${settings.stream}`,
    `--ca=${RUN}/authority/ca.crt`,
    `--token=${RUN}/token/token`,
    `--snapshot=${RUN}/snapshot`,
    // Where a node has no memory to lend as a folder, it serves all the same.
    '--snapshot-optional',
    `--admin=${host}:${admin}`,
    '--log-format=json',
    ...(isLocal(wanted) ? [`--drain-delay=${LOCAL_DRAIN_DELAY}`] : []),
    ...(workers === undefined ? [] : [`--workers=${workers}`]),
    ...(cache === undefined ? [] : [`--cache-path=${CACHE_PATH}`, `--cache-bytes=${cacheBytes(cache.size)}`]),
    ...(countryDatabase === undefined ? [] : [`--country-database=${COUNTRIES_PATH}/${countryDatabase.file}`]),
    ...(logLevel === undefined ? [] : [`--log-level=${logLevel}`]),
    ...(accessLog === undefined ? [] : [`--access-log=${accessLog}`]),
  ];
}

function cacheBytes(size: number | string): number {
  return Math.max(CACHE_LEAST, Math.floor((bytesOf(size) ?? 0) * CACHE_PART));
}

function environment(parameters: DaemunParametersSpec): Opaque[] {
  const field = (name: string, fieldPath: string): Opaque => ({
    name,
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
  });
  const heap = heapMegabytes(parameters);
  return [
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('NODE_NAME', 'spec.nodeName'),
    // Kubernetes puts the node's zone on its pods; where it does not yet, this is empty.
    field('NODE_ZONE', "metadata.labels['topology.kubernetes.io/zone']"),
    ...(heap === undefined ? [] : [{ name: 'NODE_OPTIONS', value: `--max-old-space-size=${heap}` }]),
  ];
}

/** Of one process, where the pod has a limit: the engine sees it, and not that workers share it. */
function heapMegabytes({ pod, workers }: DaemunParametersSpec): number | undefined {
  const limit = bytesOf(pod?.resources?.limits?.memory);
  if (limit === undefined) return undefined;
  const cores = Number(workers ?? 1);
  const processes = 1 + (Number.isNaN(cores) ? autoWorkers(pod) : cores);
  return Math.max(32, Math.floor((limit * HEAP_SHARE) / processes / 2 ** 20));
}

/** A worker a core: as many as the limit of CPU lets be of use. */
function autoWorkers(pod: PodParameters | undefined): number {
  const cores = bytesOf(pod?.resources?.limits?.cpu);
  return cores === undefined ? 4 : Math.max(1, Math.ceil(cores));
}

function probes(port: number, hostNetwork: boolean): Record<string, unknown> {
  const get = (path: string): Opaque => ({
    httpGet: { path, port, scheme: 'HTTP', ...(hostNetwork ? { host: '127.0.0.1' } : {}) },
  });
  return {
    startupProbe: { ...get('/livez'), periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 },
    readinessProbe: { ...get('/readyz'), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 },
    livenessProbe: { ...get('/livez'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
  };
}

function volumes(wanted: WantedInfrastructure, { audience }: InfrastructureSettings): Opaque[] {
  const { cache, countryDatabase } = wanted.parameters;
  return [
    { name: 'authority', configMap: { name: infrastructureName(wanted.name), defaultMode: 0o444 } },
    {
      name: 'token',
      projected: {
        defaultMode: 0o440,
        sources: [{ serviceAccountToken: { audience, expirationSeconds: TOKEN_SECONDS, path: 'token' } }],
      },
    },
    { name: 'snapshot', emptyDir: { medium: 'Memory', sizeLimit: SNAPSHOT_SIZE } },
    ...(cache === undefined ? [] : [{ name: 'cache', emptyDir: { sizeLimit: cache.size } }]),
    ...(countryDatabase === undefined ? [] : [{ ...countryDatabase.volume, name: 'countries' }]),
  ];
}
