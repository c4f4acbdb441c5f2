/** Policies of ours that several objects asked for: of one kind there is one for a target. */
import type { AnyResource } from '../../api/index.ts';
import { isObject, type JsonObject } from '../../value/json-object.ts';
import type { SuggestionLine } from './suggestion-line.ts';

export interface Combined {
  merged: AnyResource[];
  /** What two say in different ways: the first counts. */
  lost: SuggestionLine[];
}

export function combined(objects: readonly AnyResource[]): Combined {
  const lost: SuggestionLine[] = [];
  const byTarget = new Map<string, AnyResource>();
  for (const object of objects) {
    const key = targetKey(object);
    const first = byTarget.get(key);
    if (first === undefined) byTarget.set(key, object);
    else byTarget.set(key, together(first, object, lost));
  }
  return { merged: distinctNames([...byTarget.values()]), lost };
}

function targetKey(object: AnyResource): string {
  const { targetRefs } = (object as { spec?: { targetRefs?: unknown } }).spec ?? {};
  const { namespace = '', name } = object.metadata;
  return JSON.stringify([object.kind, namespace, targetRefs ?? name]);
}

function together(first: AnyResource, second: AnyResource, lost: SuggestionLine[]): AnyResource {
  const tell = (field: string): void => {
    const named = `${second.kind} ${second.metadata.namespace ?? ''}/${second.metadata.name}`;
    const why = 'another object asks for something else of the same target, which comes first and counts';
    lost.push({ object: named, field, fate: 'Lost', why });
  };
  const [one, other] = [first, second].map((object) => (object as unknown as { spec: JsonObject }).spec);
  return { ...first, spec: joined(one!, other!, { path: 'spec', tell }) } as unknown as AnyResource;
}

interface Place {
  path: string;
  tell(field: string): void;
}

function joined(one: JsonObject, other: JsonObject, { path, tell }: Place): JsonObject {
  const both: JsonObject = { ...other, ...one };
  for (const name of Object.keys(other)) {
    const [first, second] = [one[name], other[name]];
    if (first === undefined || name === 'targetRefs') continue;
    if (isObject(first) && isObject(second)) both[name] = joined(first, second, { path: `${path}.${name}`, tell });
    else if (Array.isArray(first) && Array.isArray(second) && LISTS.includes(name)) both[name] = [...first, ...second];
    else if (JSON.stringify(first) !== JSON.stringify(second)) tell(`${path}.${name}`);
  }
  return both;
}

/** Where each item says something by itself, so that those of two objects stand side by side. */
const LISTS: readonly string[] = ['limits', 'deny', 'claimsToHeaders', 'errorPages'];

/** Of two objects that would be called alike the second has a number. */
function distinctNames(objects: readonly AnyResource[]): AnyResource[] {
  const seen = new Map<string, number>();
  return objects.map((object) => {
    const { namespace = '', name } = object.metadata;
    const key = `${object.kind}/${namespace}/${name}`;
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    if (count === 1) return object;
    return { ...object, metadata: { ...object.metadata, name: `${name}-${count}` } } as AnyResource;
  });
}
