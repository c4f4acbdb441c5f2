import type { DaemunParametersSpec, WantedInfrastructure } from '../../api/index.ts';
import type { LiveObject, MadeKind, MadeObject } from './made-object.ts';
import { made, metadataOf, selectorLabels } from './metadata.ts';
import type { PodTemplate } from './pod.ts';

/** Percent of the CPU that the pods request, where autoscaling names no measure. */
const CPU_UTILIZATION = 80;

export function workloadKind({ workload = 'Deployment' }: DaemunParametersSpec): 'Deployment' | 'DaemonSet' {
  return workload;
}

/** When `kubectl rollout restart` was last asked for it; '' where it never was. */
export function restartOf(live: LiveObject | undefined): string {
  const spec = live?.spec as { template?: { metadata?: { annotations?: Record<string, string> } } } | undefined;
  return spec?.template?.metadata?.annotations?.[RESTART_ANNOTATION] ?? '';
}

/** On the pods of a workload that is restarted by kubectl. */
const RESTART_ANNOTATION = 'kubectl.kubernetes.io/restartedAt';

/** A pod goes when the next one is ready, and not before. */
const ROLLING = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };

export function workload(wanted: WantedInfrastructure, template: PodTemplate): MadeObject {
  const { parameters } = wanted;
  const kind: MadeKind = workloadKind(parameters);
  const selector = { matchLabels: selectorLabels(wanted) };
  const metadata = metadataOf(wanted);
  if (kind === 'DaemonSet') {
    return made(kind, metadata, { spec: { selector, updateStrategy: ROLLING, template } });
  }
  // Without a number of its own the field is left to whoever scales.
  const { replicas, autoscaling } = parameters;
  const count = replicas === undefined || autoscaling !== undefined ? {} : { replicas };
  return made(kind, metadata, { spec: { ...count, selector, strategy: ROLLING, template } });
}

export function autoscaler(wanted: WantedInfrastructure): MadeObject | undefined {
  const { autoscaling } = wanted.parameters;
  if (autoscaling === undefined || workloadKind(wanted.parameters) === 'DaemonSet') return undefined;
  const metadata = metadataOf(wanted);
  const { minReplicas = 1, maxReplicas = Math.max(minReplicas, 2), cpuUtilization, memoryUtilization } = autoscaling;
  const measures = [
    { name: 'cpu', percent: cpuUtilization ?? (memoryUtilization === undefined ? CPU_UTILIZATION : undefined) },
    { name: 'memory', percent: memoryUtilization },
  ];
  return made('HorizontalPodAutoscaler', metadata, {
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: metadata.name },
      minReplicas,
      maxReplicas,
      metrics: measures.flatMap(({ name, percent }) =>
        percent === undefined
          ? []
          : [{ type: 'Resource', resource: { name, target: { type: 'Utilization', averageUtilization: percent } } }],
      ),
    },
  });
}

/** Nodes are drained one pod at a time. A DaemonSet's pods are not evicted, and have no number to be counted against. */
export function disruptionBudget(wanted: WantedInfrastructure): MadeObject | undefined {
  const { disruptionBudget: asked } = wanted.parameters;
  if (asked === undefined && workloadKind(wanted.parameters) === 'DaemonSet') return undefined;
  const { minAvailable, maxUnavailable } = asked ?? { maxUnavailable: 1 };
  return made('PodDisruptionBudget', metadataOf(wanted), {
    spec: {
      ...(minAvailable === undefined ? {} : { minAvailable }),
      ...(maxUnavailable === undefined ? {} : { maxUnavailable }),
      selector: { matchLabels: selectorLabels(wanted) },
      // One that is not ready serves nobody: it may go.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  });
}
