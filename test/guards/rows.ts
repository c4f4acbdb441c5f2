/** What many guards have in common: the objects of a route that is guarded, and what becomes of a policy of our own. */
import type { ApiObject, Failure, FailureName, Place, Statuses } from './guard.ts';
import { astray, inSpec, without } from './guard.ts';

const API = 'policies.daemun.dev/v1alpha1';
const GATEWAY_GROUP = 'gateway.networking.k8s.io';

export const secret = (name: string, stringData: object, namespace?: string): ApiObject => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: namespace === undefined ? { name } : { name, namespace } },
  stringData,
});

export const configMap = (name: string, data: object): ApiObject => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } },
  data,
});

/** Of the Service of the relay to whoever is asked. */
export const asked = ({ name }: Place): object => ({ name: `${name}-peer`, port: 80 });
export const peerService = ({ name }: Place, more: object = {}): ApiObject => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: `${name}-peer` } },
  spec: { ports: [{ port: 80, ...more }] },
});

export function route(
  { name, host }: Place,
  more: { filters?: object[]; backend?: string; parent?: object } = {},
): ApiObject {
  const { filters, backend = 'web', parent = { name: 'gw' } } = more;
  const rule = { ...(filters && { filters }), backendRefs: [{ name: backend, port: 80 }] };
  return {
    ...{ apiVersion: `${GATEWAY_GROUP}/v1`, kind: 'HTTPRoute', metadata: { name } },
    spec: { parentRefs: [parent], hostnames: [host], rules: [rule] },
  };
}

export function policy(kind: string, place: Place, spec: object): ApiObject {
  const targetRefs = [{ group: GATEWAY_GROUP, kind: 'HTTPRoute', name: place.name }];
  return { apiVersion: API, kind, metadata: { name: place.name }, spec: { targetRefs, ...spec } };
}

type Failures = Record<FailureName, Failure | string>;
export const OPEN: Statuses = [200, 200];
export const NOWHERE: Statuses = [404, 404];
export const BROKEN: Statuses = [500, 500];

export const reasons = <N extends FailureName>(names: readonly N[], reason: string): Record<N, string> =>
  Object.fromEntries(names.map((name) => [name, reason])) as Record<N, string>;

const SECRETS = ['secretMissing', 'secretWithoutKey', 'secretEmptied'] as const;
const PEERS = ['peerMissing', 'peerAway', 'peerSilent', 'peerResetting', 'peerBabbling'] as const;

/** Of a guard that names nothing but its target. */
export const ALONE = {
  ...reasons(SECRETS, 'it names no Secret'),
  ...reasons(PEERS, 'it asks nobody'),
  grantMissing: 'it names nothing in another namespace',
  databaseMissing: 'it knows of no countries',
  ...reasons(['revocationsMissing', 'revocationsExpired'], 'it has no list of revoked certificates'),
} as const;

/** Of a policy of our own for a route; `whole`: its statuses as it should be; `unusable`: what cannot be followed. */
export function ofPolicy(kind: string, whole: Statuses, unusable: object): Failures {
  return {
    ...ALONE,
    sectionMissing: { edit: astray(kind), fresh: BROKEN, served: BROKEN },
    targetMissing: { edit: without('HTTPRoute'), fresh: NOWHERE, served: NOWHERE },
    // Whoever reads it refuses it, so that the last good form stays.
    fieldInvalid: { edit: inSpec(kind, { defaults: 'all' }), fresh: BROKEN, served: whole },
    fieldUnusable: { edit: inSpec(kind, unusable), fresh: BROKEN, served: BROKEN },
    fieldUnknown: { edit: inSpec(kind, { noSuchField: 1 }), fresh: BROKEN, served: whole },
    deleted: { edit: without(kind), served: OPEN },
    createdBroken: { edit: inSpec(kind, unusable), served: BROKEN },
  };
}
