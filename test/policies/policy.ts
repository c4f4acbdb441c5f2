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

export interface PolicyAim {
  kind: 'Gateway' | 'ListenerSet' | 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute' | 'UDPRoute' | 'Service';
  name: string;
  sectionName?: string;
}

/** A policy that acts on requests. */
export function requestPolicy(kind: string, name: string, ...[aims, spec]: [PolicyAim | PolicyAim[], object]): object {
  const targetRefs = [aims].flat().map((aim) => ({ group: aim.kind === 'Service' ? '' : GATEWAY.group, ...aim }));
  return { apiVersion: API, kind, metadata: { name }, spec: { targetRefs, ...spec } };
}
