import type { PolicyStatus } from './backend-tls-policy.ts';
import type { PolicyTargetReference } from './reference.ts';
import type { Resource } from './resource.ts';

/**
 * A policy of our own (policies.daemun.dev) that acts on requests. `S`: its settings, which stand in the spec itself or
 * under `defaults` (both: they give way to what is attached nearer to the request), or under `overrides` (they do not).
 */
export interface RequestPolicy<S> extends Resource {
  spec: Partial<S> & {
    /** Gateways, ListenerSets (sectionName: a listener), HTTPRoutes, GRPCRoutes (a rule), Services (a port). */
    targetRefs: PolicyTargetReference[];
    defaults?: S;
    overrides?: S;
    /** Set where the object was refused, and what it would guard must not be open: why. Nobody can write it. */
    refused?: string;
  };
  status?: PolicyStatus;
}
