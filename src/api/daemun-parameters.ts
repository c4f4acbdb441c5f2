import type { Resource } from './resource.ts';

/**
 * How the infrastructure of Gateways is made: named by parametersRef of a GatewayClass, of a Gateway, or of both, and
 * then merged, where the Gateway's wins. Ours (gateway.daemun.dev).
 */
export interface DaemunParameters extends Resource {
  kind: 'DaemunParameters';
  spec: DaemunParametersSpec;
}

/** What Kubernetes defines and we only pass on. */
export type Opaque = Readonly<Record<string, unknown>>;

export interface DaemunParametersSpec {
  /** Set where the object cannot be read: why. Nobody can write it. */
  refused?: string;
  workload?: 'Deployment' | 'DaemonSet';
  /** Of a Deployment; not together with autoscaling. */
  replicas?: number;
  autoscaling?: AutoscalingParameters;
  disruptionBudget?: { minAvailable?: number | string; maxUnavailable?: number | string };
  service?: ServiceParameters;
  networkPolicy?: { mode?: 'Enabled' | 'Disabled'; metricsFrom?: Opaque[] };
  pod?: PodParameters;
  /** Processes that serve in a pod: a number, or auto for one a core. */
  workers?: number | string;
  /** A disk of each pod for answers that ResponsePolicies keep. */
  cache?: { size: number | string };
  /** Which country an address is in: a file in MaxMind's format on a volume that somebody keeps up to date. */
  countryDatabase?: {
    /** Its path on the volume. */
    file: string;
    /** Of a pod, without a name. */
    volume: Opaque;
  };
  logLevel?: 'error' | 'warn' | 'info' | 'debug';
  /** off, a format, or a template. */
  accessLog?: string;
  /** Strategic merge patches of what would be made, in this order: the class's first, then the Gateway's. */
  patches?: InfrastructurePatch[];
}

export interface AutoscalingParameters {
  minReplicas?: number;
  maxReplicas?: number;
  /** Percent of what the pods request. */
  cpuUtilization?: number;
  memoryUtilization?: number;
}

export interface ServiceParameters {
  type?: 'LoadBalancer' | 'NodePort' | 'ClusterIP';
  /** Fixed ports of the nodes, by port of the listener. */
  nodePorts?: Array<{ port: number; protocol: 'TCP' | 'UDP'; nodePort: number }>;
  externalTrafficPolicy?: 'Cluster' | 'Local';
  loadBalancerIP?: string;
  loadBalancerClass?: string;
  loadBalancerSourceRanges?: string[];
  ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  ipFamilies?: Array<'IPv4' | 'IPv6'>;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** How addresses are made that are reached from somewhere that has a name of the cluster's own. */
  routabilities?: RoutabilityParameters[];
}

/** A load balancer of its own, with what the Service of the Gateway has unless it is said here. */
export interface RoutabilityParameters
  extends Pick<ServiceParameters, 'loadBalancerClass' | 'loadBalancerSourceRanges' | 'annotations'> {
  /** As spec.addresses[].routability of Gateways has it: `example.com/Corp`. */
  name: string;
}

export interface PodParameters {
  image?: string;
  imagePullSecrets?: Array<{ name: string }>;
  resources?: { requests?: Record<string, number | string>; limits?: Record<string, number | string> };
  /** Listeners' ports are ports of the nodes. */
  hostNetwork?: boolean;
  nodeSelector?: Record<string, string>;
  tolerations?: Opaque[];
  affinity?: Opaque;
  topologySpreadConstraints?: Opaque[];
  priorityClassName?: string;
  /** Seconds. */
  terminationGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  env?: Opaque[];
  volumes?: Opaque[];
  volumeMounts?: Opaque[];
}

export interface InfrastructurePatch {
  kind: PatchedKind;
  patch: Opaque;
}

export type PatchedKind =
  | 'Pod'
  | 'Deployment'
  | 'DaemonSet'
  | 'Service'
  | 'ServiceAccount'
  | 'HorizontalPodAutoscaler'
  | 'PodDisruptionBudget'
  | 'NetworkPolicy';
