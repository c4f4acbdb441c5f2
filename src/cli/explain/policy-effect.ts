/** Which policies act on a request, whose they are, and what they say: put together as a proxy puts them together. */
import {
  type AccessLogSettings,
  type AccessSettings,
  type Acting,
  type AnswerHeaderSettings,
  type AuthenticationSettings,
  type BodySizeSettings,
  type CacheSettings,
  type CompressionSettings,
  type CrossSiteSettings,
  type DirectResponseSettings,
  type ErrorPageSettings,
  type ErrorServiceSettings,
  type FaultSettings,
  POLICY_TYPES,
  type Policy,
  policyKey,
  type RateLimitSettings,
  type RewriteSettings,
  type Snapshot,
  type Stacked,
  type StreamAccessSettings,
  type StreamLimitSettings,
} from '../../config/index.ts';
import type { RehearsedStep } from '../../proxy/rehearsal/index.ts';
import { accessRuleText, clientRuleText, limitText, methodText, some, storeText, writtenPlace } from './policy-rule.ts';

export interface PolicyEffect {
  /** `Kind/namespace/name`. */
  policy: string;
  /** Of what it asks for: policies of one kind may have several. */
  type: string;
  holds: 'Default' | 'Override';
  /** The object through which it acts. */
  through: string;
  effect: string;
  /** It may answer in the place of what else is there. */
  decides?: true;
  /** What it made of this request; absent: it makes nothing of requests. */
  decision?: RehearsedStep['decision'] | 'not reached';
  /** Where it refuses or answers. */
  status?: number;
  /** What of it decided, and on what. */
  says?: string[];
  /** All that it says, as it is called; absent where it is told of a request. */
  settings?: string[];
  /** Keys of the rules that it acts on through a listener or a backend. */
  rules?: string[];
  /** It was to act there, and its status says why it does not. */
  accepted?: false;
}

/** Types that let a request pass or do not. */
const DECIDING: ReadonlySet<Policy['type']> = new Set([
  'RateLimit',
  'Access',
  'Authentication',
  'BodySize',
  'CrossSite',
  'Fault',
  'DirectResponse',
  'StreamAccess',
  'StreamLimits',
] satisfies Array<Policy['type']>);

interface Place {
  /** Keys; absent: there is none. */
  listener: string | undefined;
  rule: string | undefined;
  backends: string[];
}

export function policyEffects(snapshot: Snapshot, { listener, rule, backends }: Place): PolicyEffect[] {
  return stackedTypes().flatMap((type) => {
    const inner = rule === undefined ? [] : actsOf(snapshot, type, rule);
    const taken = inner.some(({ holds }) => holds === 'Default');
    const outer = listener === undefined ? [] : actsOf(snapshot, type, listener);
    return [
      ...outer
        .filter(({ holds }) => holds === 'Override' || !taken)
        .map((act) => effect(type, act, `listener ${listener}`)),
      ...inner.map((act) => effect(type, act, `rule ${rule}`)),
      ...backends.flatMap((key) => actsOf(snapshot, type, key).map((act) => effect(type, act, `backend ${key}`))),
    ];
  });
}

/** What each decided; `over`: one of them, or a filter, answered. */
export function decided(
  effects: readonly PolicyEffect[],
  steps: readonly RehearsedStep[],
  over: boolean,
): PolicyEffect[] {
  return effects.map((one) => {
    const own = steps.filter(
      ({ type, source, holds }) => source === one.policy && holds === one.holds && type === one.type,
    );
    if (own.length === 0) return over && one.decides ? { ...one, decision: 'not reached' } : one;
    const deciding = own.findLast(({ decision }) => decision === 'refuses' || decision === 'answers');
    const open = own.some(({ decision }) => decision === 'undecided');
    const decision = deciding?.decision ?? (open ? 'undecided' : 'passes');
    const says = [...new Set(own.flatMap((step) => step.says))];
    return {
      ...one,
      decision,
      ...(deciding?.status === undefined ? {} : { status: deciding.status }),
      ...(says.length === 0 ? {} : { says }),
    };
  });
}

type StackedPolicy = Extract<Policy, { spec: { acts: unknown[] } }>;

function stackedTypes(): Array<StackedPolicy['type']> {
  const types = Object.keys(POLICY_TYPES) as Array<Policy['type']>;
  return types.filter((type): type is StackedPolicy['type'] => POLICY_TYPES[type].merge === 'stacked');
}

export function isStacked(policy: Policy): policy is StackedPolicy {
  return 'acts' in policy.spec;
}

function actsOf(snapshot: Snapshot, type: StackedPolicy['type'], target: string): Acting<unknown>[] {
  const policy = snapshot.get('Policy', policyKey(type, target));
  return policy === undefined ? [] : (policy.spec as Stacked<unknown>).acts;
}

export function effect(type: StackedPolicy['type'], act: Acting<unknown>, through: string): PolicyEffect {
  const { source: policy, holds, settings, broken } = act;
  // The settings are of the type that stands beside them.
  const text =
    settings === undefined ? `refuses ${isStream(type) ? 'all' : 'with 500'}: ${broken}` : textOf(type, settings);
  return {
    policy,
    type,
    holds,
    through,
    effect: text,
    ...(DECIDING.has(type) || settings === undefined ? { decides: true } : {}),
  };
}

/** Where no request is read there is no status. */
function isStream(type: StackedPolicy['type']): boolean {
  return type === 'StreamAccess' || type === 'StreamLimits';
}

function textOf(type: StackedPolicy['type'], settings: unknown): string {
  switch (type) {
    case 'RateLimit':
      return limitsText(settings as RateLimitSettings);
    case 'Access':
      return accessText(settings as AccessSettings);
    case 'Authentication':
      return authenticationText(settings as AuthenticationSettings);
    case 'BodySize':
      return `bodies of ${(settings as BodySizeSettings).maxBytes} bytes at most (413)`;
    case 'CrossSite':
      return crossSiteText(settings as CrossSiteSettings);
    case 'Fault':
      return faultText(settings as FaultSettings);
    case 'Rewrite':
      return rewriteText(settings as RewriteSettings);
    case 'AnswerHeaders':
      return `sets ${(settings as AnswerHeaderSettings).lines.map(({ name }) => name).join(', ')}`;
    case 'ErrorPages':
      return `pages for ${(settings as ErrorPageSettings).pages.flatMap(({ codes }) => codes).join(', ')}`;
    case 'ErrorService':
      return (settings as ErrorServiceSettings).services
        .map(({ codes, backend }) => `pages of ${backend} for ${codes.join(', ')}`)
        .join('; ');
    case 'DirectResponse':
      return directResponseText(settings as DirectResponseSettings);
    case 'AnswerRewrite':
      return 'rewrites cookies and locations';
    case 'Cache':
      return keptText(settings as CacheSettings);
    case 'AccessLogging':
      return (settings as AccessLogSettings).written ? 'has lines in the access log' : 'has no line in the access log';
    case 'Compression':
      return `compresses with ${(settings as CompressionSettings).algorithms.join(', ')}`;
    case 'StreamAccess':
      return streamAccessText(settings as StreamAccessSettings);
    case 'StreamLimits':
      return streamLimitsText(settings as StreamLimitSettings);
  }
}

function directResponseText({ statusCode, exempt }: DirectResponseSettings): string {
  const except = exempt.length > 0 ? `, but not for ${some(exempt)}` : '';
  return `answers ${statusCode} in the place of the backend${except}`;
}

function streamAccessText({ deny, allow, shadow, unknown }: StreamAccessSettings): string {
  const parts = [
    ...deny.map((rule, at) => `denies ${clientRuleText(rule, writtenPlace(rule, at), 'deny')}`),
    ...(allow.length > 0
      ? [`allows only ${allow.map((rule, at) => clientRuleText(rule, writtenPlace(rule, at), 'allow')).join(', or ')}`]
      : []),
    ...(unknown.length > 0 ? [closedText(unknown)] : []),
  ];
  return `${parts.join('; ')}${shadow ? ' (in its shadow)' : ''}`;
}

function streamLimitsText({ limits, unknown }: StreamLimitSettings): string {
  return [
    ...limits.map((one, at) => limitText(one, writtenPlace(one, at))),
    ...(unknown.length > 0 ? [closedText(unknown)] : []),
  ].join('; ');
}

function closedText(unknown: readonly string[]): string {
  return `lets no connection in, since it asks what none has: ${some(unknown)}`;
}

function authenticationText({ methods, require, anonymous, headers }: AuthenticationSettings): string {
  const { paths, addresses } = anonymous;
  const open = [...paths.map(({ type, value }) => `${type} ${value}`), ...addresses];
  return [
    `asks who it is: ${methods.map((one, at) => methodText(one, at)).join(require === 'Any' ? ', or ' : ', and ')}`,
    open.length > 0 ? `; not for ${some(open)}` : '',
    headers.length > 0 ? `; tells the backend in ${headers.map(({ name }) => name).join(', ')}` : '',
  ].join('');
}

function crossSiteText({ origins, unknown, statusCode, shadow }: CrossSiteSettings): string {
  const others = origins.length === 0 ? '' : `, or ${origins.join(', ')}`;
  const silent = unknown === 'Allow' ? ', or from nowhere that is told' : '';
  return `takes what changes something from its own host only${others}${silent} (${shadow ? 'in its shadow' : statusCode})`;
}

function faultText({ delay, abort, when }: FaultSettings): string {
  const parts = [
    delay ? `delays ${delay.percentage} % by ${delay.milliseconds} ms` : '',
    abort ? `answers ${abort.percentage} % with ${abort.statusCode}` : '',
  ].filter((text) => text !== '');
  return `${parts.join(', ')}${when.length > 0 ? ', of some requests' : ''}`;
}

function rewriteText({ paths }: RewriteSettings): string {
  return `asks the backend for ${some(paths.map(({ pattern, substitution }) => `${substitution} in the place of ${pattern}`))}`;
}

function limitsText({ limits, shared }: RateLimitSettings): string {
  const all = limits.map((one, at) => limitText(one, at)).join('; ');
  if (shared === undefined) return all;
  const { redis, batch, onFailure } = shared;
  const taken = batch > 1 ? `, ${batch} at a time` : '';
  return `${all}; counted in Redis (${storeText(redis)}${taken}; while it is away: ${onFailure})`;
}

function accessText({ deny, allow, statusCode, shadow }: AccessSettings): string {
  const parts = [
    ...deny.map((rule, at) => `denies ${accessRuleText(rule, at, 'deny')}`),
    ...(allow.length > 0
      ? [`allows only ${allow.map((rule, at) => accessRuleText(rule, at, 'allow')).join(', or ')}`]
      : []),
  ];
  return `${parts.join('; ')} (${shadow ? 'in its shadow' : statusCode})`;
}

function keptText({ maxBytes, maxDiskBytes }: CacheSettings): string {
  const onDisk = maxDiskBytes === undefined ? '' : `, and ${maxDiskBytes / 1024} KiB on the disk that it is given`;
  return `keeps answers, ${maxBytes / 1024} KiB of them${onDisk}`;
}
