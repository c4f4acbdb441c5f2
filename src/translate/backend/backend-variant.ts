import type { ExternalAuthConfig, Filter, RouteRule, WeightedBackend } from '../../config/index.ts';
import type { ClientIdentity } from '../gateway/client-certificate.ts';
import type { Problem } from '../verdict/problem.ts';
import type { BackendUse } from './backend-use.ts';

/**
 * How a listener reaches backends that speak TLS: passing the client's own TLS through, or with what its Gateway shows
 * there; undefined: with nothing to show.
 */
export type Variant = 'passthrough' | ClientIdentity | undefined;

interface Served {
  rules: RouteRule[];
  uses: BackendUse[];
  /** References that do not resolve. */
  unresolved: Problem[];
}

/**
 * Rules and Backends by variant. A Backend that is reached in another way is one of its own, so that no Gateway speaks
 * in another's name and no TLS is wrapped in TLS; a rule on listeners that differ becomes one rule for each variant. A
 * policy that cannot be followed breaks nothing where TLS is passed through.
 */
export function withVariants(
  { unfollowed, ...served }: Served & { unfollowed: readonly Problem[] },
  variantOf: (listener: string) => Variant,
): Served {
  const secure = new Map(served.uses.filter(isSecure).map((use) => [use.key, use]));
  const { unresolved } = served;
  if (secure.size === 0) return { rules: served.rules, uses: served.uses, unresolved };
  const uses = new Map(served.uses.map((use) => [use.key, use]));
  const rules = served.rules.flatMap((rule) =>
    Array.from(byVariant(rule, variantOf), ({ variant, attachments }, at) => {
      const own = { ...rule, key: at === 0 ? rule.key : `${rule.key};${at}`, attachments };
      return variant === undefined ? withoutBroken(own) : varied(own, variant, { secure, uses });
    }),
  );
  const named = new Set(rules.flatMap(backendsOf));
  const attachments = served.rules.flatMap((rule) => rule.attachments);
  const passes = attachments.length > 0 && attachments.every(({ listener }) => variantOf(listener) === 'passthrough');
  return {
    rules,
    uses: Array.from(uses.values()).filter(({ key, fault }) => named.has(key) || fault !== undefined),
    unresolved: passes ? unresolved : [...unresolved, ...unfollowed],
  };
}

function isSecure({ tls, fault }: BackendUse): boolean {
  return tls || fault !== undefined;
}

/** Where a reference is broken, its Backend is named only until it is known how the listener reaches it. */
function withoutBroken(rule: RouteRule): RouteRule {
  const backends = rule.backends.map(({ backend, ...given }): WeightedBackend => {
    return backend === undefined || given.broken !== undefined ? given : { ...given, backend };
  });
  return { ...rule, backends };
}

interface Group {
  variant: Variant;
  attachments: RouteRule['attachments'];
}

function byVariant(rule: RouteRule, variantOf: (listener: string) => Variant): Iterable<Group> {
  const groups = new Map<string, Group>();
  for (const attachment of rule.attachments) {
    const variant = variantOf(attachment.listener);
    const key = JSON.stringify(variant ?? null);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { variant, attachments: [attachment] });
    else group.attachments.push(attachment);
  }
  return groups.values();
}

interface Backends {
  secure: ReadonlyMap<string, BackendUse>;
  uses: Map<string, BackendUse>;
}

function varied(rule: RouteRule, variant: NonNullable<Variant>, { secure, uses }: Backends): RouteRule {
  const fault = faultOf(variant);
  const swap = (key: string): string => swapped(key, variant, { secure, uses });
  const reach = (filters: readonly Filter[]): Filter[] =>
    filters.flatMap((one): Filter[] => {
      if (one.type !== 'RequestMirror' && one.type !== 'ExternalAuth') return [one];
      if (fault === undefined || !secure.has(one.backend)) return [{ ...one, backend: swap(one.backend) }];
      // A copy less hurts nobody.
      return one.type === 'RequestMirror' ? [] : [unusable(one)];
    });
  const backends = rule.backends.map((one): WeightedBackend => {
    const { backend, broken, ...given } = one;
    const rest = { ...given, filters: reach(one.filters) };
    if (backend === undefined || (broken !== undefined && variant !== 'passthrough'))
      return broken === undefined ? rest : { ...rest, broken };
    if (fault === undefined || !secure.has(backend)) return { ...rest, backend: swap(backend) };
    return { ...rest, broken: `the Gateway's client certificate cannot be used: ${fault.message}` };
  });
  return { ...rule, backends, filters: reach(rule.filters) };
}

/** Filters of a listener, which ask as its Gateway does. */
export function filtersBy(
  { filters, uses }: { filters: ExternalAuthConfig[]; uses: BackendUse[] },
  variant: Variant,
): { filters: ExternalAuthConfig[]; uses: BackendUse[] } {
  const secure = new Map(uses.filter(isSecure).map((use) => [use.key, use]));
  if (variant === undefined || secure.size === 0) return { filters, uses };
  const all = new Map(uses.map((use) => [use.key, use]));
  const broken = faultOf(variant) !== undefined;
  const own = filters.map((one) => {
    if (broken && secure.has(one.backend)) return unusable(one);
    return { ...one, backend: swapped(one.backend, variant, { secure, uses: all }) };
  });
  const named = new Set(own.map(({ backend }) => backend));
  return {
    filters: own,
    uses: Array.from(all.values()).filter(({ key, fault }) => named.has(key) || fault !== undefined),
  };
}

function faultOf(variant: NonNullable<Variant>): Problem | undefined {
  return variant !== 'passthrough' && 'problem' in variant ? variant.problem : undefined;
}

function swapped(key: string, variant: NonNullable<Variant>, { secure, uses }: Backends): string {
  const use = secure.get(key);
  const own = use && variantUse(use, variant);
  if (own === undefined) return key;
  uses.set(own.key, own);
  return own.key;
}

/** Who guards is not left out: there is no such Backend, so that nothing passes. */
function unusable(auth: ExternalAuthConfig): ExternalAuthConfig {
  return { ...auth, backend: `${auth.backend};unusable` };
}

function variantUse(use: BackendUse, variant: NonNullable<Variant>): BackendUse | undefined {
  if (variant === 'passthrough') {
    const { fault: _fault, ...plain } = use;
    return { ...plain, key: `${use.key};passthrough`, tls: false };
  }
  if ('problem' in variant) return undefined;
  return { ...use, key: `${use.key};client=${variant.certificate}`, clientCertificate: variant.certificate };
}

function backendsOf({ backends, filters }: RouteRule): string[] {
  const asked = [...filters, ...backends.flatMap((one) => one.filters)].flatMap((one) =>
    'backend' in one ? [one.backend] : [],
  );
  return [...backends.flatMap(({ backend }) => (backend === undefined ? [] : [backend])), ...asked];
}
