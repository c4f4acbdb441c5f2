/** Objects of ours that stand for those of others. */
import {
  type AccessEntry,
  type AccessRules,
  type AnyResource,
  type Authentication,
  apiVersionOf,
  type BackendTrafficPolicy,
  GATEWAY_GROUP,
  type Kind,
  type PolicyTargetReference,
  type RateLimits,
  type ResponseSettings,
  type Secret,
} from '../api/index.ts';

/** Settings of policies that act on requests, by their kind. */
export interface OwnSettings {
  AccessPolicy?: AccessRules;
  AuthenticationPolicy?: Authentication;
  RateLimitPolicy?: RateLimits;
  ResponsePolicy?: ResponseSettings;
  BackendTrafficPolicy?: BackendTraffic;
}

/** How endpoints are spoken to. */
export type BackendTraffic = Omit<BackendTrafficPolicy['spec'], 'targetRefs'>;

export type OwnKind = keyof OwnSettings;

export interface OwnName {
  namespace: string;
  name: string;
}

/** Claims that one entry of an AccessPolicy may ask for. */
export const MOST_CLAIMS = 16;

/** Who is let in where it cannot be written who is. */
export const NOBODY: AccessEntry[] = [{ name: 'nobody', cel: 'false' }];

/** What a policy is attached to. */
export function targetOf(kind: 'Gateway' | 'HTTPRoute' | 'GRPCRoute' | 'Service', name: string): PolicyTargetReference {
  return { group: kind === 'Service' ? '' : GATEWAY_GROUP, kind, name };
}

export function ownPolicy(kind: Kind, metadata: OwnName, spec: object): AnyResource {
  return { apiVersion: apiVersionOf(kind), kind, metadata, spec } as unknown as AnyResource;
}

/** `data`: plain text. */
export function ownSecret(metadata: OwnName, data: Readonly<Record<string, string>>): Secret {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data: Object.fromEntries(encoded) };
}
