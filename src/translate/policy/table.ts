/** Every kind of policy that is translated: a new one has its line here. */
import type { ConfigObject } from '../../config/index.ts';
import { type Collection, join } from '../../graph/index.ts';
import type { MadeObject } from '../kong/kong.ts';
import type { Graph } from '../stage.ts';
import type { ObjectStatus } from '../verdict/object-status.ts';
import type { Diagnostic } from '../verdict/problem.ts';
import { access } from './access.ts';
import type { Policies, PolicyResource } from './attached-policy.ts';
import { authentication } from './authentication/index.ts';
import { backendTls } from './backend-tls.ts';
import { backendTraffic } from './backend-traffic.ts';
import { clientTraffic } from './client-traffic.ts';
import { fault } from './fault.ts';
import { derivePolicies, type PolicyKind, type PolicySurroundings } from './policy-kind.ts';
import { policyRefusals } from './policy-refusal.ts';
import { policyStatuses } from './policy-status.ts';
import { rateLimit } from './rate-limit.ts';
import { response } from './response.ts';
import { rewrite } from './rewrite.ts';
import { waysPast } from './way-past.ts';

const POLICY_KINDS = {
  BackendTLSPolicy: backendTls,
  ClientTrafficPolicy: clientTraffic,
  BackendTrafficPolicy: backendTraffic,
  RateLimitPolicy: rateLimit,
  AccessPolicy: access,
  AuthenticationPolicy: authentication,
  FaultPolicy: fault,
  RewritePolicy: rewrite,
  ResponsePolicy: response,
} as const satisfies { [K in PolicyResource['kind']]: { readonly kind: K } };

type AnyKind = PolicyKind<PolicyResource['kind'], object>;
type SettingsOf<P> = P extends PolicyKind<PolicyResource['kind'], infer S> ? S : never;

/** Policies by kind, read and attached. */
export type PoliciesByKind = {
  readonly [K in PolicyResource['kind']]: Policies<SettingsOf<(typeof POLICY_KINDS)[K]>>;
};

const kinds = Object.values(POLICY_KINDS) as AnyKind[];

export function readPolicies(graph: Graph, made: Collection<MadeObject>): PoliciesByKind {
  // Each entry has the settings of the kind that it stands by.
  return Object.fromEntries(
    kinds.map((kind) => [kind.kind, derivePolicies(graph, kind, made)]),
  ) as unknown as PoliciesByKind;
}

export interface EnforcedPolicies {
  config: Collection<ConfigObject>;
  statuses: Collection<ObjectStatus>;
  diagnostics: Collection<Diagnostic>;
}

/** What all policies come to, once it is known what they can hold for. */
export function enforcePolicies(graph: Graph, read: PoliciesByKind, known: PolicySurroundings): EnforcedPolicies {
  const scopes = kinds.map((kind) => {
    const policies = read[kind.kind] as Policies<object>;
    return { kind, policies, enforcement: kind.enforce?.(graph, policies, known) ?? {} };
  });
  const refusals = policyRefusals(
    graph,
    scopes.flatMap(({ enforcement }) => enforcement.standsFor ?? []),
  );
  const all = scopes.map((scope) => ({
    config: scope.enforcement.config,
    ...policyStatuses(graph, { ...scope, refusals }, known),
  }));
  return {
    config: join(
      'policies',
      all.flatMap(({ config }) => config ?? []),
    ),
    statuses: join(
      'policy statuses',
      all.map(({ statuses }) => statuses),
    ),
    diagnostics: join('policy diagnostics', [
      ...all.map(({ diagnostics }) => diagnostics),
      waysPast(graph, read, known),
    ]),
  };
}
