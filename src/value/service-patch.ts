import { isObject } from './json-object.ts';

export const TAKES_OVER =
  'would take over any address of the cluster’s network; remove it, and ask for one in spec.addresses of the Gateway';

/**
 * By externalIPs whoever may write a Gateway and its parameters, but no Service, could have the traffic of others. An API
 * server does not look into a patch.
 */
export function takesOver({ kind, patch }: { kind: string; patch: object }): boolean {
  const { spec } = patch as { spec?: unknown };
  return kind === 'Service' && isObject(spec) && 'externalIPs' in spec;
}
