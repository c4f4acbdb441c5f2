/** What is told of how a backend's endpoints do: which question they are asked, and who fails. */
import { type HealthCheck, type HealthQuestion, policyKey, type Snapshot } from '../../config/index.ts';

/** What a running gateway tells of an object. */
export interface ToldOf {
  /** `Kind/namespace/name`. */
  object: string;
  message: string;
}

/** In words, each a line; none where endpoints are asked nothing and nothing is wrong with them. */
export function backendHealth(snapshot: Snapshot, key: string, told: readonly ToldOf[]): string[] {
  const policy = snapshot.get('Policy', policyKey('BackendTraffic', key));
  const check = policy?.type === 'BackendTraffic' ? policy.spec.healthCheck : undefined;
  const service = snapshot.get('Backend', key)?.service;
  const object = service && `Service/${service.namespace}/${service.name}`;
  const messages = told.filter((one) => one.object === object && one.message.includes(` of port ${service?.port} `));
  return [...(check === undefined ? [] : [checkText(check)]), ...messages.map(({ message }) => message)];
}

function checkText({ question, interval, panicThresholdPercent: panic }: HealthCheck): string {
  const all = panic === 0 ? '' : `; all are used where fewer than ${panic} % pass`;
  return `health check: ${questionText(question)} each ${interval} ms${all}`;
}

function questionText(question: HealthQuestion): string {
  switch (question.type) {
    case 'HTTP': {
      const ranges = question.statuses.map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`));
      return `${question.method} ${question.path} answers ${ranges.join(', ')}`;
    }
    case 'GRPC':
      return `grpc.health.v1 says that ${question.service || 'the server'} is SERVING`;
    case 'TCP':
      return 'a connection opens';
  }
}
