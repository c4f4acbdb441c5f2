import type { BackendTrafficPolicy } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import { duration } from '../suggest/quantity.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { NGINX_GROUP } from './group.ts';

type LoadBalancing = NonNullable<BackendTrafficPolicy['spec']['loadBalancing']>;

export const upstreamSettings: VendorKind = {
  group: NGINX_GROUP,
  kind: 'UpstreamSettingsPolicy',
  suggest(spec, { namespace, name, targets }) {
    spec.lost('zoneSize', 'what workers know of endpoints needs no size');
    const isWhole = spec.flag('useClusterIP', { ours: 'destination: ServiceAddress' });
    const keepAlive = spec.object('keepAlive');
    const connection = {
      maxIdle: keepAlive?.number('connections', { ours: 'connection.maxIdle' }),
      maxRequests: keepAlive?.number('requests', { ours: 'connection.maxRequests' }),
      idleTimeout: keepAlive && duration(keepAlive, 'timeout', { ours: 'connection.idleTimeout' }),
    };
    keepAlive?.lost('time', 'a connection has no age: connection.maxRequests ends it');
    const settings = compact({
      connection,
      loadBalancing: loadBalancing(spec),
      destination: isWhole ? ('ServiceAddress' as const) : undefined,
    });
    if (settings === undefined || targets.length === 0) return {};
    const traffic = { targetRefs: targets.map(referenceTo), ...settings };
    return { objects: [ownPolicy('BackendTrafficPolicy', { namespace, name }, traffic)] };
  },
};

const METHODS: Readonly<Record<string, LoadBalancing['type']>> = {
  round_robin: 'RoundRobin',
  least_conn: 'LeastRequest',
  random: 'Random',
  'random two': 'LeastRequest',
  'random two least_conn': 'LeastRequest',
};

function loadBalancing(spec: Fields): LoadBalancing | undefined {
  const ours = 'loadBalancing.type';
  const method = spec.text('loadBalancingMethod', { ours });
  const key = spec.text('hashMethodKey', { ours: 'loadBalancing.consistentHash.keys' });
  if (method === undefined) return undefined;
  const type = METHODS[method];
  if (type !== undefined) return { type };
  if (method === 'ip_hash') return { type: 'ConsistentHash', consistentHash: { keys: [{ type: 'ClientAddress' }] } };
  if (method !== 'hash' && method !== 'hash consistent') {
    spec.refuse('loadBalancingMethod', `${method} is not served: LeastRequest is the nearest`);
    return undefined;
  }
  const found = hashKey(key ?? '');
  if (found !== undefined) return { type: 'ConsistentHash', consistentHash: { keys: [found] } };
  spec.refuse('hashMethodKey', `${key ?? 'nothing'} is no key that is known`);
  return undefined;
}

type HashKey = NonNullable<LoadBalancing['consistentHash']>['keys'][number];

/** A variable of nginx. */
export function hashKey(variable: string): HashKey | undefined {
  const plain: Readonly<Record<string, HashKey['type']>> = {
    $remote_addr: 'ClientAddress',
    $binary_remote_addr: 'ClientAddress',
    $uri: 'Path',
    $request_uri: 'Uri',
    $host: 'Host',
    $http_host: 'Host',
  };
  const type = plain[variable];
  if (type !== undefined) return { type };
  const [, prefix, name = ''] = /^\$(http|cookie|arg)_([A-Za-z0-9_]+)$/.exec(variable) ?? [];
  if (prefix === 'http') return { type: 'Header', name: name.replaceAll('_', '-') };
  if (prefix === 'cookie') return { type: 'Cookie', name };
  return prefix === 'arg' ? { type: 'Query', name } : undefined;
}
