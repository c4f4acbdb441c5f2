import type { HTTPRouteMatch, RateLimitEntry, RateLimitKey } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { NGINX_GROUP } from './group.ts';
import { hashKey } from './upstream-settings.ts';

const REJECTED = 503;

export const rateLimit: VendorKind = {
  group: NGINX_GROUP,
  kind: 'RateLimitPolicy',
  suggest(spec, { namespace, name, targets }) {
    const limit = spec.object('rateLimit');
    const statusCode = limit?.number('rejectCode', { ours: 'limits[].statusCode' }) ?? REJECTED;
    const dryRun = limit?.flag('dryRun', { ours: 'limits[].dryRun' });
    limit?.lost('logLevel', 'the access log says which policy refused');
    const rules = limit?.object('local')?.objects('rules') ?? [];
    const limits = rules.flatMap((rule) => limitOf(rule, { statusCode, ...(dryRun ? { dryRun } : {}) }));
    if (limits.length === 0 || targets.length === 0) return {};
    const settings = { targetRefs: targets.map(referenceTo), limits, mode: 'Local', headers: 'None' };
    return { objects: [ownPolicy('RateLimitPolicy', { namespace, name }, settings)] };
  },
};

function limitOf(rule: Fields, more: Pick<RateLimitEntry, 'statusCode' | 'dryRun'>): RateLimitEntry[] {
  rule.lost('zoneSize', 'what is counted needs no size: the least used goes first');
  const rate = rule.text('rate', { ours: 'limits[].requests and per' }) ?? '';
  const [, count, unit] = /^(\d+)r\/([sm])$/.exec(rate) ?? [];
  const key = keyOf(rule);
  // nginx lets this many more through at once.
  const extra = rule.number('burst', { ours: 'limits[].burst' }) ?? 0;
  rule.flag('noDelay');
  if (rule.has('delay') || (extra > 0 && !rule.has('noDelay'))) {
    const why = 'what is over the rate is let through at once, up to burst; nginx makes it wait';
    rule.findings.push({ field: rule.at('delay'), fate: 'Differs', ours: 'limits[].burst', why });
    rule.number('delay');
  }
  if (count === undefined) {
    rule.refuse('rate', `${rate} is no rate such as 10r/s`);
    return [];
  }
  if (key === undefined) return [];
  const entry = compact({
    requests: Number(count),
    per: unit === 's' ? ('Second' as const) : ('Minute' as const),
    burst: extra + 1,
    key,
    ...countedWhen(key),
    ...more,
  });
  return entry === undefined ? [] : [entry];
}

/** nginx counts nobody whose key is empty. What is always there is never that. */
function countedWhen(key: readonly RateLimitKey[]): Pick<RateLimitEntry, 'when'> {
  const when = key.map(({ type, name = '' }): HTTPRouteMatch | undefined => {
    const path = { type: 'PathPrefix', value: '/' } as const;
    const some = { type: 'RegularExpression', name, value: '^.+$' } as const;
    if (type === 'Header') return { path, headers: [some] };
    if (type === 'Query') return { path, queryParams: [some] };
    const cookie = `^(?:.*; *)?${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}=[^;].*$`;
    return type === 'Cookie' ? { path, headers: [{ ...some, name: 'cookie', value: cookie }] } : undefined;
  });
  const all = when.filter((one) => one !== undefined);
  return all.length === key.length ? { when: all } : {};
}

function keyOf(rule: Fields): RateLimitKey[] | undefined {
  const text = rule.text('key', { ours: 'limits[].key' }) ?? '';
  const parts = text.match(/\$[a-z0-9_]+/gi) ?? [];
  const keys = parts.map(hashKey);
  const known = keys.flatMap((one): RateLimitKey[] =>
    one === undefined || one.type === 'Uri' ? [] : [{ ...one, type: one.type }],
  );
  if (known.length > 0 && known.length === keys.length && text.replace(/\$[a-z0-9_]+/gi, '') === '') return known;
  rule.refuse('key', `${text} is no key that is known: ClientAddress, Header, Cookie, Query, Path and Host are`);
  return undefined;
}
