/** `daemun check` against a cluster: what manifests would change there, and whom they would hurt. */
import { isDeepStrictEqual } from 'node:util';
import type { AnyResource, Condition, Kind } from '../api/index.ts';
import {
  openPipeline,
  type Pipeline,
  type PipelineOptions,
  type Report,
  type ReportedDiagnostic,
  type ResourceSource,
  strayParents,
} from '../control/index.ts';
import { fileSource, isStandIn, type Source } from '../sources/index.ts';
import type { ClusterFlags } from './cluster-option.ts';
import { heldSource, readCluster } from './cluster-read.ts';
import { conditionGroups, verdictOf } from './report/index.ts';

export interface ClusterCheck extends ClusterFlags {
  paths: string[];
  controllerNames: string[];
  options: Pick<PipelineOptions, 'strict' | 'transitionTime' | 'provided'>;
}

/** Fields that are told of a change, at most. */
const TOLD_FIELDS = 5;
const UNSERVED = { served: false };
const UNKNOWN_KIND = 'is of a kind that this cluster does not serve, and would be refused: install its CRD first';
const NOWHERE = ' exists neither in the cluster nor here: nobody serves the route';

export async function clusterReport({ paths, controllerNames, options, ...flags }: ClusterCheck): Promise<Report> {
  const stdin = paths.includes('-') ? { stdin: process.stdin } : {};
  const files = fileSource({ paths, ...stdin });
  const [cluster] = await Promise.all([readCluster(flags), files.ready]);
  await files.close();
  const { given, refused } = givenIn(files);
  const judge = (sources: Source[]): Pipeline =>
    openPipeline({
      source: heldSource(sources, refused),
      controllerNames,
      perGateway: true,
      unmeant: true,
      ...options,
    });
  const before = judge([cluster]).report();
  const both = judge([cluster, files]);
  const after = both.report();
  const changes = [
    ...changesOf(given, cluster, new Set(cluster.missing)),
    ...parentless(given, both.source, flags.namespace),
  ];
  return compared(before, after, { given, changes });
}

/** `refused`: what stands for a policy that cannot be read. The cluster would not take it, and keeps what it has. */
function givenIn({ collections }: Source): { given: Map<string, AnyResource>; refused: Set<AnyResource> } {
  const given = new Map<string, AnyResource>();
  const refused = new Set<AnyResource>();
  for (const collection of Object.values(collections)) {
    for (const [key, object] of collection.entries()) {
      if (isStandIn(object)) refused.add(object);
      else given.set(key, object);
    }
  }
  return { given, refused };
}

interface Comparison {
  given: ReadonlyMap<string, AnyResource>;
  changes: ReportedDiagnostic[];
}

function compared(before: Report, after: Report, { given, changes }: Comparison): Report {
  const known = new Map(before.items.map((item) => [keyOf(item), item]));
  const hurt: ReportedDiagnostic[] = [];
  const items = after.items.filter((item) => {
    const key = keyOf(item);
    const was = known.get(key);
    if (was !== undefined) hurt.push(...hurts(key, conditionsOf(was), conditionsOf(item)));
    return given.has(key) || was === undefined || !isDeepStrictEqual(tellingOf(was), tellingOf(item));
  });
  const old = new Set(before.diagnostics.map(textOf));
  const fresh = after.diagnostics.filter((one) => given.has(one.object) || one.file !== '' || !old.has(textOf(one)));
  return { items, diagnostics: [...fresh, ...changes, ...hurt] };
}

type Item = Report['items'][number];

function keyOf({ kind, metadata: { namespace = '', name } }: Item): string {
  return `${kind}/${namespace}/${name}`;
}

/** By part and type. */
function conditionsOf(item: Item): Map<string, Condition> {
  return new Map(
    conditionGroups(item).flatMap(({ part, conditions }) =>
      conditions.map((one) => [`${part}${part === '' ? '' : ': '}${one.type}`, one] as const),
    ),
  );
}

function tellingOf(item: Item): unknown {
  return [...conditionsOf(item)].map(([name, { status, reason, message }]) => [name, status, reason, message]);
}

/** What was well, and would be no longer. */
function hurts(object: string, before: Map<string, Condition>, after: Map<string, Condition>): ReportedDiagnostic[] {
  return [...after].flatMap(([name, condition]) => {
    const was = before.get(name);
    const isWorse = verdictOf(condition, UNSERVED) === 'bad' && was !== undefined && verdictOf(was, UNSERVED) !== 'bad';
    if (!isWorse) return [];
    const { status, reason, message } = condition;
    return [told('error', object, `would be hurt: ${name} would be ${status} (${reason}): ${message}`)];
  });
}

function changesOf(
  given: ReadonlyMap<string, AnyResource>,
  cluster: Source,
  missing: ReadonlySet<Kind>,
): ReportedDiagnostic[] {
  return [...given].flatMap(([key, object]) => {
    if (missing.has(object.kind)) return [told('error', key, UNKNOWN_KIND)];
    const live = cluster.collections[key.slice(0, key.indexOf('/')) as Kind].get(key);
    if (live === undefined) return [told('info', key, 'would be new in the cluster')];
    const fields = [...differences(contentOf(live), contentOf(object), ''), ...labelled(live, object)];
    if (fields.length === 0) return [told('info', key, 'is in the cluster as it is here')];
    const more = fields.length > TOLD_FIELDS ? ` and ${fields.length - TOLD_FIELDS} more` : '';
    return [told('info', key, `would change: ${fields.slice(0, TOLD_FIELDS).join(', ')}${more}`)];
  });
}

/** Of what is given: routes whose Gateway is neither there nor given, and Gateways of such a class. */
function parentless(
  given: ReadonlyMap<string, AnyResource>,
  all: ResourceSource,
  read?: string[],
): ReportedDiagnostic[] {
  return strayParents(all, read)
    .filter(({ object }) => given.has(object))
    .map((one) => ({
      ...one,
      severity: 'warning',
      message: one.field === 'spec.gatewayClassName' ? one.message : one.message.replace(/ does not exist/, NOWHERE),
    }));
}

function told(severity: ReportedDiagnostic['severity'], object: string, message: string): ReportedDiagnostic {
  return { severity, file: '', line: 0, object, field: '', message };
}

/** What its author writes. Values are compared and never shown: some are secret. */
function contentOf(object: AnyResource): Record<string, unknown> {
  const {
    apiVersion: _,
    kind: __,
    metadata: ___,
    status: ____,
    ...rest
  } = object as AnyResource & { status?: unknown };
  return rest;
}

/** Labels and annotations that others have added stay, as with kubectl apply. */
function labelled(live: AnyResource, object: AnyResource): string[] {
  return (['labels', 'annotations'] as const).flatMap((field) => {
    const there = live.metadata[field] ?? {};
    const differ = Object.entries(object.metadata[field] ?? {}).filter(([name, value]) => there[name] !== value);
    return differ.map(([name]) => `metadata.${field}["${name}"]`);
  });
}

function differences(before: unknown, after: unknown, path: string): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isObject(before) || !isObject(after)) return [path];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => {
    const below = Array.isArray(after) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
    return differences(before[name], after[name], below);
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function textOf({ severity, object, field, message }: ReportedDiagnostic): string {
  return [severity, object, field, message].join('\n');
}
