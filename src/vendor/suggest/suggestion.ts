/** Other gateways' objects, each with what to write in its place. */
import { type AnyResource, groupOf, type HTTPRoute } from '../../api/index.ts';
import { isObject } from '../../value/json-object.ts';
import { ENVOY_KINDS } from '../envoy/index.ts';
import { Fields } from '../fields.ts';
import type { Finding } from '../finding.ts';
import { suggestKong } from '../kong/suggestion.ts';
import { NGINX_KINDS } from '../nginx/index.ts';
import { combined } from './combine.ts';
import { type ForeignObject, Site } from './site.ts';
import type { SuggestionLine } from './suggestion-line.ts';
import { targetsOf } from './target.ts';
import type { RouteEdit, SuggestedParts, VendorKind } from './vendor-kind.ts';

export interface Suggestions {
  lines: SuggestionLine[];
  /** To be written: policies of ours, and routes as they are with them. */
  objects: AnyResource[];
}

/** Every kind that is known: a new one has its line in its gateway's list. */
const KINDS: readonly VendorKind[] = [...NGINX_KINDS, ...ENVOY_KINDS];
/** Groups of other gateways: what is of a kind that is not known there is told, too. */
export const VENDOR_GROUPS: readonly string[] = [...new Set(KINDS.map(({ group }) => group))];

export function suggestions(own: Iterable<[string, AnyResource]>, foreign: readonly ForeignObject[]): Suggestions {
  const site = new Site(own, foreign);
  const lines: SuggestionLine[] = [];
  const objects: AnyResource[] = [];
  const edits: RouteEdit[] = [];
  const take = (object: string, parts: SuggestedParts, findings: readonly Finding[]): void => {
    lines.push(...findings.map((one) => ({ object, ...one })));
    objects.push(...(parts.objects ?? []));
    edits.push(...(parts.edits ?? []));
  };
  for (const one of foreign.toSorted(byName)) {
    const { parts, findings } = suggestionFor(one, site);
    take(`${one.kind} ${one.metadata.namespace}/${one.metadata.name}`, parts, findings);
  }
  for (const { object, parts, findings } of suggestKong(site)) take(object, parts, findings);
  const { merged, lost } = combined(objects);
  lines.push(...lost);
  return { lines, objects: [...merged, ...edited(site, edits)] };
}

function byName(a: ForeignObject, b: ForeignObject): number {
  const [one, other] = [a, b].map(({ kind, metadata }) => `${kind}/${metadata.namespace}/${metadata.name}`);
  return one! < other! ? -1 : 1;
}

function suggestionFor(one: ForeignObject, site: Site): { parts: SuggestedParts; findings: Finding[] } {
  const { namespace, name } = one.metadata;
  const kind = KINDS.find((known) => known.kind === one.kind && known.group === groupOf(one.apiVersion));
  if (kind === undefined) {
    const why = 'nothing is known of this kind: what it does has to be found out';
    return { parts: {}, findings: [{ field: 'kind', fate: 'Lost', why }] };
  }
  const spec = new Fields(isObject(one.value.spec) ? one.value.spec : {}, 'spec');
  const targets = targetsOf(spec, site, namespace);
  const parts = kind.suggest(spec, { namespace, name, targets, site });
  return { parts, findings: spec.done() };
}

/** Each route once, with all that changes in it. */
function edited(site: Site, edits: readonly RouteEdit[]): AnyResource[] {
  const byRoute = Map.groupBy(edits, ({ route }) => route);
  return [...byRoute].flatMap(([key, all]) => {
    const [, namespace, name] = key.split('/') as [string, string, string];
    const route = site.find('HTTPRoute', namespace, name);
    if (route === undefined) return [];
    return [withoutServerFields(all.reduce<HTTPRoute>((last, { edit }) => edit(last), route))];
  });
}

/** As a user writes it. */
function withoutServerFields({ apiVersion, kind, metadata, spec }: HTTPRoute): HTTPRoute {
  const { name, namespace, labels, annotations } = metadata;
  const kept: HTTPRoute['metadata'] = { name };
  if (namespace !== undefined) kept.namespace = namespace;
  if (labels !== undefined) kept.labels = labels;
  if (annotations !== undefined) kept.annotations = annotations;
  return { apiVersion, kind, metadata: kept, spec };
}
