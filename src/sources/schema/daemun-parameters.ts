import type {
  AutoscalingParameters,
  DaemunParametersSpec,
  InfrastructurePatch,
  ServiceParameters,
} from '../../api/index.ts';
import { TAKES_OVER, takesOver } from '../../value/service-patch.ts';
import { annotationValue, cidr, labelValue, objectName, routabilityName } from './format.ts';
import { portNumber } from './reference.ts';
import {
  amount,
  celRule,
  flag,
  free,
  integer,
  list,
  map,
  object,
  oneOf,
  optional,
  required,
  rule,
  text,
} from './schema.ts';

const named = rule<Array<{ name?: unknown }>>('has an item without a name', (items) =>
  items.every(({ name }) => typeof name === 'string' && name !== ''),
);

const WORKERS = 'must be "auto" or a number of at least 1';

/** A name between slashes that is neither empty nor leads up or nowhere. */
const PART = '([^/.][^/]*|[.][^/.][^/]*|[.][.][^/]+)';

const fileOnVolume = text({
  min: 1,
  max: 255,
  format: {
    is: 'a path on the volume, such as GeoLite2-Country.mmdb, without a leading / and without ..',
    matches: (path) => path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    openApi: { pattern: `^${PART}(/${PART})*$` },
  },
});

const autoscaling = object(
  {
    minReplicas: optional(integer({ min: 1 })),
    maxReplicas: optional(integer({ min: 1 })),
    cpuUtilization: optional(integer({ min: 1, max: 1000 })),
    memoryUtilization: optional(integer({ min: 1, max: 1000 })),
  },
  {
    rules: [
      celRule(
        '!has(self.maxReplicas) || self.maxReplicas >= (has(self.minReplicas) ? self.minReplicas : 1)',
        rule<AutoscalingParameters>(
          'must not be less than minReplicas',
          ({ minReplicas = 1, maxReplicas = minReplicas }) => maxReplicas >= minReplicas,
          'maxReplicas',
        ),
      ),
    ],
  },
);

const disruptionBudget = object(
  { minAvailable: optional(amount), maxUnavailable: optional(amount) },
  {
    rules: [
      celRule(
        'has(self.minAvailable) != has(self.maxUnavailable)',
        rule<NonNullable<DaemunParametersSpec['disruptionBudget']>>(
          'must have either minAvailable or maxUnavailable',
          ({ minAvailable, maxUnavailable }) => (minAvailable === undefined) !== (maxUnavailable === undefined),
        ),
      ),
    ],
  },
);

const nodePort = object({
  port: required(portNumber),
  protocol: optional(oneOf('TCP', 'UDP'), 'TCP'),
  nodePort: required(portNumber),
});

const routability = object({
  name: required(routabilityName),
  loadBalancerClass: optional(text({ min: 1, max: 317 })),
  loadBalancerSourceRanges: optional(list(cidr, { max: 256, unique: 'set' })),
  annotations: optional(map(annotationValue, { max: 64 })),
});

const service = object(
  {
    type: optional(oneOf('LoadBalancer', 'NodePort', 'ClusterIP')),
    nodePorts: optional(list(nodePort, { max: 64, unique: ['port', 'protocol'] })),
    externalTrafficPolicy: optional(oneOf('Cluster', 'Local')),
    loadBalancerIP: optional(text({ min: 1, max: 253 })),
    loadBalancerClass: optional(text({ min: 1, max: 317 })),
    loadBalancerSourceRanges: optional(list(cidr, { max: 256, unique: 'set' })),
    ipFamilyPolicy: optional(oneOf('SingleStack', 'PreferDualStack', 'RequireDualStack')),
    ipFamilies: optional(list(oneOf('IPv4', 'IPv6'), { min: 1, max: 2, unique: 'set' })),
    labels: optional(map(labelValue, { max: 64 })),
    annotations: optional(map(annotationValue, { max: 64 })),
    routabilities: optional(list(routability, { max: 16, unique: ['name'] })),
  },
  {
    rules: [
      celRule(
        '!has(self.type) || self.type != "ClusterIP" || !has(self.externalTrafficPolicy)',
        rule<ServiceParameters>(
          'is of no use with type ClusterIP: nobody from outside reaches it',
          ({ type, externalTrafficPolicy }) => type !== 'ClusterIP' || externalTrafficPolicy === undefined,
          'externalTrafficPolicy',
        ),
      ),
    ],
  },
);

const pod = object({
  image: optional(text({ min: 1, max: 1024 })),
  imagePullSecrets: optional(list(object({ name: required(objectName) }), { max: 16, unique: ['name'] })),
  resources: optional(
    object({ requests: optional(map(amount, { max: 16 })), limits: optional(map(amount, { max: 16 })) }),
  ),
  hostNetwork: optional(flag),
  nodeSelector: optional(map(labelValue, { max: 64 })),
  tolerations: optional(list(free, { max: 64 })),
  affinity: optional(free),
  topologySpreadConstraints: optional(list(free, { max: 16 })),
  priorityClassName: optional(text({ min: 1, max: 253 })),
  terminationGracePeriodSeconds: optional(integer({ min: 1, max: 86_400 })),
  labels: optional(map(labelValue, { max: 64 })),
  annotations: optional(map(annotationValue, { max: 64 })),
  env: optional(list(free, { max: 128, unique: ['name'], rules: [named] })),
  volumes: optional(list(free, { max: 64, unique: ['name'], rules: [named] })),
  volumeMounts: optional(list(free, { max: 64, unique: ['mountPath'], rules: [named] })),
});

const PATCHED = [
  'Pod',
  'Deployment',
  'DaemonSet',
  'Service',
  'ServiceAccount',
  'HorizontalPodAutoscaler',
  'PodDisruptionBudget',
  'NetworkPolicy',
];

const patch = object(
  { kind: required(oneOf(...PATCHED)), patch: required(free) },
  { rules: [rule<InfrastructurePatch>(TAKES_OVER, (one) => !takesOver(one), 'patch.spec.externalIPs')] },
);

export const daemunParametersSpec = object(
  {
    workload: optional(oneOf('Deployment', 'DaemonSet')),
    replicas: optional(integer({ min: 0 })),
    autoscaling: optional(autoscaling),
    disruptionBudget: optional(disruptionBudget),
    service: optional(service),
    networkPolicy: optional(
      object({ mode: optional(oneOf('Enabled', 'Disabled')), metricsFrom: optional(list(free, { max: 64 })) }),
    ),
    pod: optional(pod),
    workers: optional(amount),
    cache: optional(object({ size: required(amount) })),
    countryDatabase: optional(object({ file: required(fileOnVolume), volume: required(free) })),
    logLevel: optional(oneOf('error', 'warn', 'info', 'debug')),
    accessLog: optional(text({ min: 1, max: 1024 })),
    patches: optional(list(patch, { max: 16 })),
  },
  {
    rules: [
      // Pods that are started with anything else end at once, and nothing but their log says why.
      celRule(
        '!has(self.workers) || (type(self.workers) == int ? self.workers >= 1 : self.workers == "auto" || self.workers.matches("^[1-9][0-9]*$"))',
        rule<DaemunParametersSpec>(
          WORKERS,
          ({ workers }) => workers === undefined || workers === 'auto' || /^[1-9][0-9]*$/.test(String(workers)),
          'workers',
        ),
      ),
      celRule(
        '!has(self.replicas) || !has(self.autoscaling)',
        rule<DaemunParametersSpec>(
          'must not stand beside autoscaling, which decides it; remove one of the two',
          ({ replicas, autoscaling: scaling }) => replicas === undefined || scaling === undefined,
          'replicas',
        ),
      ),
      celRule(
        '!has(self.workload) || self.workload != "DaemonSet" || !has(self.autoscaling)',
        rule<DaemunParametersSpec>(
          'is of no use to a DaemonSet, which has a pod on each node; remove it or workload',
          ({ workload, autoscaling: scaling }) => workload !== 'DaemonSet' || scaling === undefined,
          'autoscaling',
        ),
      ),
      celRule(
        '!has(self.workload) || self.workload != "DaemonSet" || !has(self.replicas)',
        rule<DaemunParametersSpec>(
          'is of no use to a DaemonSet, which has a pod on each node; remove it or workload',
          ({ workload, replicas }) => workload !== 'DaemonSet' || replicas === undefined,
          'replicas',
        ),
      ),
    ],
  },
);
