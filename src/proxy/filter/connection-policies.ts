/** Policies that act on connections. Those of HTTP listeners that share a port hold for all of it: who came for which shows later. */
import type { Policy } from '../../config/index.ts';
import type { ConnectionFilter } from './connection.ts';
import { ConnectionLimit } from './connection-limit.ts';

/** What a policy's filter may know of the port. */
export interface ConnectionPort {
  /** Connections that it has, from accept until their last byte has left. */
  readonly count: () => number;
}

/** Throws a DaemunError for what cannot be used. */
export type ConnectionPolicyFilter = (policy: Policy, port: ConnectionPort) => ConnectionFilter[];
export type ConnectionPolicies = Readonly<Partial<Record<Policy['type'], ConnectionPolicyFilter>>>;

/** A type without a line does not act on connections. */
export const CONNECTION_POLICIES: ConnectionPolicies = {
  ClientTraffic: (policy, { count }) => {
    const limit = policy.type === 'ClientTraffic' ? policy.spec.connection?.maxConnections : undefined;
    return limit === undefined ? [] : [new ConnectionLimit(limit, count)];
  },
};
