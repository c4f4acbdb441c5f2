/** Whose Gateway is measured. */
import type { PodGroup } from './pod-group.ts';

export interface Implementation {
  /** Of the GatewayClass. */
  name: string;
  /** Conditions that a route has which is served: only some implementations say that it is. */
  says: readonly string[];
  controllers: PodGroup;
  dataPlanes(namespace: string): PodGroup;
}

export const DAEMUN: Implementation = {
  name: 'daemun',
  says: ['Programmed'],
  controllers: {
    namespace: 'daemun-system',
    selector: 'app.kubernetes.io/component=controller',
    adminPort: 15_000,
  },
  dataPlanes: (namespace) => ({
    namespace,
    selector: 'gateway.networking.k8s.io/gateway-name=edge',
    adminPort: 15_020,
  }),
};

/** Another one beside ours; both groups as `NAMESPACE/SELECTOR`. */
export function other(name: string, controllers: string, dataPlanes: string): Implementation {
  return {
    name,
    says: ['Accepted', 'ResolvedRefs'],
    controllers: groupOf('--controllers', controllers),
    dataPlanes: () => groupOf('--data-planes', dataPlanes),
  };
}

function groupOf(flag: string, text: string): PodGroup {
  const [, namespace, selector] = /^([^/]+)\/(.+)$/.exec(text) ?? [];
  if (namespace === undefined) throw new Error(`${flag} must be NAMESPACE/SELECTOR, not ${text}`);
  return { namespace, selector: selector!, adminPort: 0 };
}
