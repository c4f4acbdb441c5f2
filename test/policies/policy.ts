/** Manifests of the policies of our own. */
const GATEWAY = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' };
const API = 'policies.daemun.dev/v1alpha1';

export function clientTraffic(name: string, spec: object, sectionName?: string): object {
  const target = sectionName === undefined ? GATEWAY : { ...GATEWAY, sectionName };
  return { apiVersion: API, kind: 'ClientTrafficPolicy', metadata: { name }, spec: { targetRefs: [target], ...spec } };
}

export function backendTraffic(service: string, spec: object): object {
  const targetRefs = [{ group: '', kind: 'Service', name: service }];
  return { apiVersion: API, kind: 'BackendTrafficPolicy', metadata: { name: service }, spec: { targetRefs, ...spec } };
}
