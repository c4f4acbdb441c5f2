/** What ClientTrafficPolicies say of connections: of listeners that are not told apart when one comes, the strictest. */
import type { ClientTraffic } from '../../config/index.ts';

type Spec = ClientTraffic['spec'];

/** 0: none says. Durations are milliseconds. */
export interface ConnectionRules {
  readonly headTimeout: number;
  readonly keepAliveTimeout: number;
  readonly maxRequests: number;
  readonly maxStreams: number;
  readonly streamWindow: number;
  readonly connectionWindow: number;
  readonly maxFrame: number;
  readonly pingInterval: number;
  readonly pingTimeout: number;
}

/** Null: none says anything. */
export function connectionRules(specs: readonly Spec[]): ConnectionRules | null {
  const rules: ConnectionRules = {
    headTimeout: least(specs.map(({ headers }) => headers?.timeout)),
    keepAliveTimeout: least(specs.map(({ keepAlive }) => keepAlive?.idleTimeout)),
    maxRequests: least(specs.map(({ keepAlive }) => keepAlive?.maxRequests)),
    maxStreams: least(specs.map(({ http2 }) => http2?.maxConcurrentStreams)),
    streamWindow: least(specs.map(({ http2 }) => http2?.streamWindow)),
    connectionWindow: least(specs.map(({ http2 }) => http2?.connectionWindow)),
    maxFrame: least(specs.map(({ http2 }) => http2?.maxFrameSize)),
    pingInterval: least(specs.map(({ http2 }) => http2?.ping?.interval)),
    pingTimeout: least(specs.map(({ http2 }) => http2?.ping?.timeout)),
  };
  return Object.values(rules).every((value) => value === 0) ? null : rules;
}

/** Of several. */
export function strictestOf(all: ReadonlyArray<ConnectionRules | null>): ConnectionRules | null {
  const some = all.flatMap((rules) => rules ?? []);
  if (some.length < 2) return some[0] ?? null;
  const names = Object.keys(some[0]!) as Array<keyof ConnectionRules>;
  return Object.fromEntries(
    names.map((name) => [name, least(some.map((rules) => rules[name] || undefined))]),
  ) as unknown as ConnectionRules;
}

function least(limits: ReadonlyArray<number | undefined>): number {
  const some = limits.flatMap((limit) => limit ?? []);
  return some.length === 0 ? 0 : Math.min(...some);
}
