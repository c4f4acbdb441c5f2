/** What a person is told of infrastructure that cannot be made. Pure. */
import { ApiError } from '../../sources/cluster/index.ts';
import type { LiveObject } from './made-object.ts';
import { Stranger } from './object-writer.ts';
import type { Addresses } from './requested-address.ts';

export interface Failure {
  kind: string;
  name: string;
  error: Error;
}

export interface InfrastructureProblem {
  reason: 'NoResources' | 'Invalid';
  message: string;
}

/** Undefined where all may come right by itself: a server that is busy or away is nobody's mistake. */
export function problemOf(failures: readonly Failure[]): InfrastructureProblem | undefined {
  const telling = failures.filter(({ error }) => isTelling(error));
  const [first] = telling;
  if (first === undefined) return undefined;
  const reason = isRefusal(first.error) ? 'Invalid' : 'NoResources';
  return { reason, message: telling.map(({ kind, name, error }) => `${kind} ${name} ${said(error)}`).join('; ') };
}

/** The namespace is on its way out. */
export function isTerminating(error: Error): boolean {
  return error instanceof ApiError && error.status === 403 && /being terminated/.test(error.message);
}

function isTelling(error: Error): boolean {
  if (error instanceof Stranger) return true;
  return (
    error instanceof ApiError && error.status >= 400 && error.status < 500 && ![408, 409, 429].includes(error.status)
  );
}

/** The object is not as it must be; else who writes it, or how much there is of it, is what is wrong. */
function isRefusal(error: Error): boolean {
  return error instanceof Stranger || (error instanceof ApiError && (error.status === 422 || error.status === 400));
}

function said(error: Error): string {
  if (!(error instanceof ApiError)) return error.message;
  const cannot = `cannot be written: ${error.message}`;
  if (error.status === 403 && /exceeded quota/.test(error.message)) return `${cannot}: raise the quota`;
  if (isTerminating(error)) return cannot;
  if (error.status === 403) return `${cannot}: grant it to the controller’s service account`;
  if (isRefusal(error)) return `${cannot}: mend DaemunParameters or spec.infrastructure`;
  return cannot;
}

interface WorkloadStatus {
  observedGeneration?: number;
  availableReplicas?: number;
  numberAvailable?: number;
  conditions?: Array<{ type: string; status: string; message?: string }>;
}

/** Why there is no pod, where the cluster says so and none serves. */
export function podProblem(workload: LiveObject | undefined): InfrastructureProblem | undefined {
  const { availableReplicas = 0, numberAvailable = 0, conditions = [] } = (workload?.status ?? {}) as WorkloadStatus;
  const failed = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (workload === undefined || failed === undefined || availableReplicas + numberAvailable > 0) return undefined;
  return {
    reason: 'NoResources',
    message: `${workload.kind} ${workload.metadata.name} has no pod: ${failed.message ?? 'it cannot make one'}`,
  };
}

/** A Service leads to pods that are ready: until one is, whoever connects is refused, also where config is acknowledged. */
export function unreadyProblem(workload: LiveObject | undefined): Addresses['problem'] {
  const status = (workload?.status ?? {}) as WorkloadStatus;
  const { observedGeneration, availableReplicas = 0, numberAvailable = 0 } = status;
  // Nothing is known before the cluster has looked at it.
  if (workload === undefined || observedGeneration === undefined || availableReplicas + numberAvailable > 0) return;
  const message = `no pod of ${workload.kind} ${workload.metadata.name} is ready: whoever connects to its address is refused`;
  return { reason: 'AddressNotAssigned', message };
}
