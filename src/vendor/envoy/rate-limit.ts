import type { HTTPRouteMatch, HTTPValueMatch, RateLimitEntry, RateLimitKey, RateLimits } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { isLost } from '../finding.ts';
import { compact } from '../suggest/compact.ts';
import type { VendorTarget } from '../suggest/vendor-target.ts';
import type { ClaimLines } from './claim-line.ts';

const UNITS = ['Second', 'Minute', 'Hour', 'Day'] as const;

export function rateLimits(
  asked: Fields | undefined,
  targets: readonly VendorTarget[],
  lines: ClaimLines,
): RateLimits | undefined {
  if (asked === undefined) return undefined;
  asked.text('type');
  const [global, local] = [asked.object('global'), asked.object('local')];
  if (global !== undefined) {
    const why = 'each pod counts by itself until mode: Shared and shared.redis are written';
    asked.findings.push({ field: asked.at('global'), fate: 'Differs', ours: 'RateLimitPolicy mode', why });
  }
  const isWide = targets.some(({ kind }) => kind === 'Gateway' || kind === 'ListenerSet');
  const rules = [...(global?.objects('rules') ?? []), ...(local?.objects('rules') ?? [])];
  const limits = rules.flatMap((rule) => limitOf(rule, { match: {}, keys: [], lines }, isWide));
  return limits.length === 0 ? undefined : { limits, mode: 'Local', headers: 'All' };
}

function limitOf(rule: Fields, select: Selected, isWide: boolean): RateLimitEntry[] {
  const limit = rule.object('limit');
  const requests = limit?.number('requests', { ours: 'RateLimitPolicy limits[].requests' });
  const per = limit?.oneOf('unit', UNITS, { ours: 'RateLimitPolicy limits[].per' });
  limit?.lost('fromMetadata', 'a limit is a number that is written');
  const isShared = rule.flag('shared', { ours: 'limits[].key' });
  const dryRun = rule.flag('shadowMode', { ours: 'limits[].dryRun' });
  rule.lost('xRateLimitHeaders', 'headers of the policy says it for all its limits');
  const cost = costOf(rule.object('cost'));
  if (isWide && isShared !== true) select.keys.push({ type: 'Route' });
  const selectors = rule.objects('clientSelectors');
  for (const selector of selectors) selected(selector, select);
  // With a condition less it would count others, too.
  const isWhole =
    !rule.findings.some((one) => one.field.startsWith(`${rule.path}.clientSelectors`) && isLost(one)) &&
    selectors.every((one) => one.isKnown());
  if (requests === undefined || per === undefined || !isWhole) return [];
  const isMatched = Object.keys(select.match).length > 0;
  const when = isMatched ? [{ path: { type: 'PathPrefix', value: '/' }, ...select.match } as HTTPRouteMatch] : [];
  const entry = compact<RateLimitEntry>({
    requests,
    per,
    key: select.keys,
    when,
    ...(cost === undefined ? {} : { cost }),
    ...(dryRun ? { dryRun } : {}),
  });
  return entry === undefined ? [] : [entry];
}

function costOf(cost: Fields | undefined): number | undefined {
  cost?.lost('response', 'what a request costs is known before it is answered');
  const request = cost?.object('request');
  request?.text('from');
  request?.lost('metadata', 'a cost is a number that is written');
  return request?.number('number', { ours: 'limits[].cost' });
}

interface Selected {
  match: Partial<HTTPRouteMatch>;
  keys: RateLimitKey[];
  lines: ClaimLines;
}

/** All conditions must hold. One that is counted apart by its value is a key. */
function selected(selector: Fields, into: Selected): void {
  const headers = selector.objects('headers').flatMap((one) => valueOf(one, 'Header', into));
  const query = selector.objects('queryParams').flatMap((one) => valueOf(one, 'Query', into));
  if (headers.length > 0) into.match.headers = [...(into.match.headers ?? []), ...headers];
  if (query.length > 0) into.match.queryParams = [...(into.match.queryParams ?? []), ...query];
  const methods = selector.objects('methods');
  for (const one of methods) {
    one.only('invert', false, 'write one limit for each of the other methods');
    const method = one.text('value', { ours: 'limits[].when[].method' });
    if (method !== undefined) into.match.method = method;
  }
  if (methods.length > 1) selector.refuse('methods', 'write one limit for each method');
  const path = selector.object('path');
  path?.only('invert', false, 'write limits for the other paths');
  const type = path?.oneOf('type', ['Exact', 'PathPrefix', 'RegularExpression']);
  const value = path?.text('value', { ours: 'limits[].when[].path' });
  if (value !== undefined) into.match.path = { type: type ?? 'PathPrefix', value };
  source(selector.object('sourceCIDR'), into);
}

function valueOf(one: Fields, type: 'Header' | 'Query', into: Selected): HTTPValueMatch[] {
  const form = one.oneOf('type', ['Exact', 'RegularExpression', 'Distinct']) ?? 'Exact';
  const name = one.text('name', { ours: form === 'Distinct' ? 'limits[].key' : 'limits[].when' });
  const value = one.text('value');
  one.only('invert', false, 'write a limit for what is meant');
  if (name === undefined) return [];
  const claim = type === 'Header' ? into.lines.get(name.toLowerCase()) : undefined;
  if (claim !== undefined && form === 'Distinct') {
    into.keys.push({ type: 'Claim', name: claim });
    return [];
  }
  if (claim !== undefined) {
    one.refuse('name', `${name} is written by what is known of who asks: a key of type Claim counts each by itself`);
    return [];
  }
  if (form !== 'Distinct') return [{ type: form, name, value: value ?? '' }];
  into.keys.push({ type, name });
  // Whoever has none is not counted there.
  return [{ type: 'RegularExpression', name, value: '^.*$' }];
}

const EVERYBODY = ['0.0.0.0/0', '::/0'];

function source(cidr: Fields | undefined, into: Selected): void {
  if (cidr === undefined) return;
  cidr.only('invert', false, 'exempt names who is not counted');
  const type = cidr.oneOf('type', ['Exact', 'Distinct'], { ours: 'limits[].key ClientAddress' });
  const value = cidr.text('value') ?? '';
  if (type === 'Distinct' && EVERYBODY.includes(value)) into.keys.push({ type: 'ClientAddress' });
  else cidr.refuse('value', `${value} alone cannot be counted: exempt names who is not`);
}
