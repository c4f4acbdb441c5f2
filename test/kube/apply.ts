/** Server-side apply: what a manager wants is joined into the object; what it no longer wants and nobody else does goes. */
import { type ApiObject, isJsonObject, type JsonObject, type ManagedFields, Refusal } from './api-object.ts';
import {
  type FieldPath,
  fieldsOf,
  fromFieldsV1,
  joined,
  removeAt,
  sameValue,
  toFieldsV1,
  valueAt,
} from './field-set.ts';

export interface Applying {
  manager: string;
  force: boolean;
  /** `status`, or absent for the object itself. */
  subresource?: string | undefined;
}

/** Of the metadata, what managers do not own. */
const SYSTEM = ['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields'];

/** The object as it becomes. Throws a Conflict that names the fields and their owners. */
export function applied(live: ApiObject, wanted: JsonObject, applying: Applying): ApiObject {
  const { manager, force, subresource } = applying;
  const fields = fieldsOf(ownable(wanted));
  const entries = live.metadata.managedFields ?? [];
  const isOwn = (entry: ManagedFields): boolean =>
    entry.manager === manager && entry.operation === 'Apply' && entry.subresource === subresource;
  const others = entries
    .filter((entry) => !isOwn(entry))
    .map((entry) => ({ entry, owned: fromFieldsV1(entry.fieldsV1) }));
  refuseConflicts(live, wanted, { fields, others, force });
  const own = entries.find(isOwn);
  const result = structuredClone(live);
  for (const [text, path] of own === undefined ? [] : fromFieldsV1(own.fieldsV1)) {
    if (!fields.has(text) && !others.some(({ owned }) => owned.has(text))) removeAt(result, path);
  }
  const merged = joined(result, ownable(wanted)) as ApiObject;
  const kept = others.flatMap(({ entry, owned }) => {
    const left = [...owned].filter(([text, path]) => !fields.has(text) || sameAt(live, wanted, path));
    return left.length === 0 ? [] : [{ ...entry, fieldsV1: toFieldsV1(left.map(([, path]) => path)) }];
  });
  const mine: ManagedFields = {
    manager,
    operation: 'Apply',
    ...(subresource === undefined ? {} : { subresource }),
    fieldsV1: toFieldsV1(fields.values()),
  };
  // In its place, so that what changes nothing is equal.
  const place =
    own === undefined ? -1 : entries.slice(0, entries.indexOf(own)).filter((entry) => keeps(kept, entry)).length;
  merged.metadata = { ...merged.metadata, managedFields: place < 0 ? [...kept, mine] : kept.toSpliced(place, 0, mine) };
  return merged;
}

function keeps(kept: readonly ManagedFields[], { manager, operation, subresource }: ManagedFields): boolean {
  return kept.some((one) => one.manager === manager && one.operation === operation && one.subresource === subresource);
}

function refuseConflicts(
  live: ApiObject,
  wanted: JsonObject,
  about: {
    fields: Map<string, FieldPath>;
    others: Array<{ entry: ManagedFields; owned: Map<string, FieldPath> }>;
    force: boolean;
  },
): void {
  if (about.force) return;
  const conflicts = about.others.flatMap(({ entry, owned }) =>
    [...about.fields]
      .filter(([text, path]) => owned.has(text) && !sameAt(live, wanted, path))
      .map(([, path]) => `conflict with "${entry.manager}": .${path.map((step) => step.slice(2)).join('.')}`),
  );
  if (conflicts.length === 0) return;
  throw new Refusal(409, 'Conflict', {
    message: `Apply failed with ${conflicts.length} conflicts: ${conflicts.join(', ')}`,
  });
}

function sameAt(live: ApiObject, wanted: JsonObject, path: FieldPath): boolean {
  return sameValue(valueAt(live, path), valueAt(wanted, path));
}

/** Fields that were written by other means belong to whoever wrote them, where they changed. */
export function updated(before: ApiObject | undefined, after: ApiObject, by: Omit<Applying, 'force'>): ManagedFields[] {
  const { manager, subresource } = by;
  const changed = [...fieldsOf(ownable(after))].filter(
    ([, path]) => before === undefined || !sameValue(valueAt(before, path), valueAt(after, path)),
  );
  const entries = before?.metadata.managedFields ?? [];
  if (changed.length === 0) return entries;
  const isOwn = (entry: ManagedFields): boolean =>
    entry.manager === manager && entry.operation === 'Update' && entry.subresource === subresource;
  const texts = new Set(changed.map(([text]) => text));
  const own = new Map(entries.filter(isOwn).flatMap((entry) => [...fromFieldsV1(entry.fieldsV1)]));
  for (const [text, path] of changed) own.set(text, path);
  const kept = entries
    .filter((entry) => !isOwn(entry))
    .flatMap((entry) => {
      const left = [...fromFieldsV1(entry.fieldsV1)].filter(([text]) => !texts.has(text));
      return left.length === 0 ? [] : [{ ...entry, fieldsV1: toFieldsV1(left.map(([, path]) => path)) }];
    });
  const mine: ManagedFields = {
    manager,
    operation: 'Update',
    ...(subresource === undefined ? {} : { subresource }),
    fieldsV1: toFieldsV1(own.values()),
  };
  return [...kept, mine];
}

function ownable(object: JsonObject): JsonObject {
  const { apiVersion: _, kind: __, metadata, ...rest } = object;
  if (!isJsonObject(metadata)) return rest;
  const own = Object.fromEntries(Object.entries(metadata).filter(([name]) => !SYSTEM.includes(name)));
  return Object.keys(own).length === 0 ? rest : { ...rest, metadata: own };
}
