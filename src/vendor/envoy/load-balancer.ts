import type { BackendTrafficPolicy } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { compact } from '../suggest/compact.ts';
import { duration } from '../suggest/quantity.ts';

type LoadBalancing = NonNullable<BackendTrafficPolicy['spec']['loadBalancing']>;
type HashKey = NonNullable<LoadBalancing['consistentHash']>['keys'][number];

type Sessions = NonNullable<BackendTrafficPolicy['spec']['sessionPersistence']>;

/** Envoy makes a cookie where it is said how long it lives. */
export function sessions(balancer: Fields | undefined): Sessions | undefined {
  const cookie = balancer?.object('consistentHash')?.object('cookie');
  const ttl =
    cookie &&
    duration(cookie, 'ttl', { ours: 'sessionPersistence', differs: 'the cookie names an endpoint, and not a hash' });
  const name = cookie?.text('name');
  if (ttl === undefined || name === undefined) return undefined;
  const isSession = /^0(?:h|m|s|ms)$/.test(ttl);
  const lifetime = isSession ? { lifetimeType: 'Session' as const } : { lifetimeType: 'Permanent' as const };
  return {
    type: 'Cookie',
    mode: 'Persistent',
    canaryBehavior: 'Sticky',
    ...(isSession ? {} : { absoluteTimeout: ttl }),
    cookie: { name, ...lifetime, path: '/', secure: 'Auto' },
  };
}

export function loadBalancing(balancer: Fields | undefined): LoadBalancing | undefined {
  if (balancer === undefined) return undefined;
  const ours = 'loadBalancing.type';
  const type = balancer.oneOf('type', ['RoundRobin', 'LeastRequest', 'Random', 'ConsistentHash'], { ours });
  balancer.lost('backendUtilization', 'load reports are not read: LeastRequest is the nearest');
  balancer.lost('dynamicModule', 'no code of others runs in the gateway');
  balancer.lost('endpointOverride', 'no request names its endpoint');
  const slowStart = balancer.object('slowStart');
  const window = slowStart && duration(slowStart, 'window', { ours: 'loadBalancing.slowStart.window' });
  const zone = balancer.object('zoneAware');
  zone?.lost('weightedZones', 'weights are by network: loadBalancing.weights');
  const local = zone?.any('preferLocal', {
    ours: 'loadBalancing.zone',
    differs: 'how much is kept is reckoned from the endpoints',
  });
  const keys = hashKeys(balancer.object('consistentHash'));
  if (type === undefined) return undefined;
  return compact<LoadBalancing>({
    type,
    ...(type === 'ConsistentHash' && keys.length > 0 ? { consistentHash: { keys } } : {}),
    ...(window === undefined ? {} : { slowStart: { window } }),
    ...(local === undefined ? {} : { zone: 'PreferLocal' as const }),
  });
}

function hashKeys(hash: Fields | undefined): HashKey[] {
  if (hash === undefined) return [];
  const ours = 'loadBalancing.consistentHash.keys';
  hash.lost('tableSize', 'there is no table with a size');
  const type = hash.oneOf('type', ['SourceIP', 'Header', 'Headers', 'Cookie', 'QueryParams'], { ours });
  const single = hash.object('header');
  const headers = [...(single === undefined ? [] : [single]), ...hash.objects('headers')];
  const cookie = hash.object('cookie');
  cookie?.lost('attributes', 'no cookie is made: sessionPersistence of the policy makes one');
  const cookieName = cookie?.text('name', { ours });
  const named = (fields: Fields[], kind: 'Header' | 'Query'): HashKey[] =>
    fields.flatMap((one) => {
      const name = one.text('name', { ours });
      return name === undefined ? [] : [{ type: kind, name }];
    });
  const keys: HashKey[] = [...named(headers, 'Header'), ...named(hash.objects('queryParams'), 'Query')];
  if (cookieName !== undefined) keys.push({ type: 'Cookie', name: cookieName });
  return type === 'SourceIP' ? [{ type: 'ClientAddress' }] : keys;
}
