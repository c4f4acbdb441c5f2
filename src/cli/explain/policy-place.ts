/** Where one policy acts: through which objects, on which rules, or why on none. */
import type { Snapshot } from '../../config/index.ts';
import type { Report } from '../../control/index.ts';
import { backendPolicies, connectionPlaces, listenerPolicies } from './connection-policy.ts';
import { effect, isStacked, type PolicyEffect, policyEffects } from './policy-effect.ts';
import { everySetting } from './setting-text.ts';

/** Where a policy acts: through which objects, and by which of its halves. */
export function placesOf(snapshot: Snapshot, name: string): PolicyEffect[] {
  const all = [...snapshot.of('Policy').values()];
  const stacked = all.flatMap((policy) =>
    isStacked(policy)
      ? policy.spec.acts
          .filter(({ source }) => isNamed(source, name))
          .map(
            (act): PolicyEffect => ({
              ...effect(policy.type, act, `${policy.target.kind} ${policy.target.key}`),
              settings: everySetting(act.settings),
            }),
          )
      : [],
  );
  const places = [...stacked, ...connectionPlaces(snapshot).filter(({ policy }) => isNamed(policy, name))];
  const outer = places.filter(({ through }) => !through.startsWith('RouteRule '));
  if (outer.length === 0) return places;
  const rules = rulesActedOn(snapshot, name);
  for (const place of outer) place.rules = [...(rules.get(placeText(place)) ?? [])];
  return places;
}

/** By what a policy asks for and the object through which it does. */
function placeText({ policy, type, holds, through }: PolicyEffect): string {
  return [policy, type, holds, through.charAt(0).toLowerCase() + through.slice(1)].join(' ');
}

/** What nearer policies say counts here as it does for requests. */
function rulesActedOn(snapshot: Snapshot, name: string): Map<string, Set<string>> {
  const acted = new Map<string, Set<string>>();
  for (const { key: rule, attachments, backends } of snapshot.of('RouteRule').values()) {
    const keys = [...new Set(backends.flatMap(({ backend }) => backend ?? []))];
    for (const { listener } of attachments) {
      const ofConnections = [
        listenerPolicies(snapshot, listener),
        ...keys.map((key) => backendPolicies(snapshot, key)),
      ];
      for (const one of [...policyEffects(snapshot, { listener, rule, backends: keys }), ...ofConnections.flat()]) {
        if (!isNamed(one.policy, name)) continue;
        const place = placeText(one);
        if (!acted.has(place)) acted.set(place, new Set());
        acted.get(place)!.add(rule.split(';')[0]!);
      }
    }
  }
  return acted;
}

type Ancestors = Array<{
  ancestorRef: { kind?: string; namespace?: string; name: string; sectionName?: string };
  conditions: Array<{ type: string; status: string; message: string }>;
}>;

interface PolicyStatus {
  ancestors?: Ancestors;
}

/** All that there are, as `policy/` takes them. */
export function policyNames(report: Report): string[] {
  return policiesOf(report).map(({ policy }) => policy);
}

function policiesOf({ items }: Report): Array<{ policy: string; kind: string; ancestors: Ancestors }> {
  return items
    .filter(({ kind }) => kind.endsWith('Policy'))
    .map(({ kind, metadata: { namespace = '', name }, status }) => ({
      policy: `${kind}/${namespace}/${name}`,
      kind,
      ancestors: (status as PolicyStatus).ancestors ?? [],
    }));
}

/** Policies that act on connections and not on requests, or on nothing: on what, or why not, as their status says. */
export function statedPlaces(report: Report, name: string): PolicyEffect[] {
  return policiesOf(report).flatMap(({ policy, kind, ancestors }) => {
    if (!isNamed(policy, name)) return [];
    return ancestors.map(({ ancestorRef, conditions }): PolicyEffect => {
      const { kind: of = 'Gateway', namespace = '', name: object, sectionName } = ancestorRef;
      const section = sectionName === undefined ? '' : ` ${sectionName}`;
      const { message = '', status: accepted } = conditions.find(({ type }) => type === 'Accepted') ?? {};
      return {
        policy,
        type: kind,
        holds: 'Default',
        through: `${of} ${namespace}/${object}${section}`,
        effect: message,
        ...(accepted === 'False' ? { accepted: false } : {}),
      };
    });
  });
}

/** `name`: of the policy, with its namespace and its kind or without. */
function isNamed(source: string, name: string): boolean {
  return source === name || source.endsWith(`/${name}`);
}
