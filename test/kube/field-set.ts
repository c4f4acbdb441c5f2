/**
 * Which fields a manager owns (server-side apply). A field is a path of steps as the API writes them: `f:name` of an
 * object, `k:{…}` of an element of a list with keys. Scalars and lists without keys are leaves, owned as a whole.
 */
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from './api-object.ts';

/** Lists whose elements are told apart by these fields, by the path of names that leads to them. */
const KEYED_LISTS: ReadonlyArray<readonly [RegExp, readonly string[]]> = [
  [/(^|\.)conditions$/, ['type']],
  [/^(spec|status)\.listeners$/, ['name']],
  [/^metadata\.ownerReferences$/, ['uid']],
  [/(^|\.)(containers|initContainers|volumes|env)$/, ['name']],
  [/(^|\.)containers\.ports$/, ['containerPort', 'protocol']],
  [/(^|\.)volumeMounts$/, ['mountPath']],
  [/^spec\.ports$/, ['port', 'protocol']],
  [/(^|\.)imagePullSecrets$/, ['name']],
];
/** Of keys that are left out. */
const DEFAULT_KEYS: JsonObject = { protocol: 'TCP' };

export type FieldPath = readonly string[];

/** Paths of all leaves, by their text. */
export function fieldsOf(value: JsonObject): Map<string, FieldPath> {
  const found = new Map<string, FieldPath>();
  walk(value, { names: [], path: [], found });
  return found;
}

interface At {
  names: string[];
  path: string[];
  found: Map<string, FieldPath>;
}

function walk(value: unknown, at: At): void {
  if (isJsonObject(value) && Object.keys(value).length > 0) {
    for (const [name, inner] of Object.entries(value)) {
      walk(inner, { names: [...at.names, name], path: [...at.path, `f:${name}`], found: at.found });
    }
    return;
  }
  const keys = Array.isArray(value) ? keysOf(at.names) : undefined;
  if (keys !== undefined && Array.isArray(value) && value.length > 0) {
    for (const element of value) {
      const step = keyStep(element as JsonObject, keys);
      walk(element, { names: at.names, path: [...at.path, step], found: at.found });
    }
    return;
  }
  at.found.set(at.path.join('\n'), at.path);
}

export function keysOf(names: readonly string[]): readonly string[] | undefined {
  const path = names.join('.');
  return KEYED_LISTS.find(([pattern]) => pattern.test(path))?.[1];
}

export function keyStep(element: JsonObject, keys: readonly string[]): string {
  const own = Object.fromEntries(keys.map((key) => [key, element[key] ?? DEFAULT_KEYS[key]]));
  return `k:${JSON.stringify(own)}`;
}

/** What stands at a path, or undefined. */
export function valueAt(document: unknown, path: FieldPath): unknown {
  let at = document;
  for (const step of path) {
    if (step.startsWith('f:')) at = isJsonObject(at) ? at[step.slice(2)] : undefined;
    else at = Array.isArray(at) ? at[elementAt(at, step)] : undefined;
  }
  return at;
}

function elementAt(list: unknown[], step: string): number {
  const keys = JSON.parse(step.slice(2)) as JsonObject;
  return list.findIndex(
    (element) => isJsonObject(element) && keyStep(element, Object.keys(keys)) === `k:${JSON.stringify(keys)}`,
  );
}

/** Takes a leaf out, and what is empty then. */
export function removeAt(document: unknown, path: FieldPath): void {
  const [step, ...rest] = path;
  if (step === undefined) return;
  if (step.startsWith('f:') && isJsonObject(document)) {
    const name = step.slice(2);
    if (rest.length > 0) removeAt(document[name], rest);
    if (rest.length === 0 || isEmpty(document[name])) delete document[name];
  } else if (Array.isArray(document)) {
    const at = elementAt(document, step);
    if (at < 0) return;
    const keys = Object.keys(JSON.parse(step.slice(2)) as JsonObject);
    // The keys are what tells an element: they go with it, at the end.
    if (!(rest.length === 1 && keys.includes(rest[0]!.slice(2)))) removeAt(document[at], rest);
    // An element of which only its keys are left belongs to nobody.
    const own = Object.keys(document[at] as JsonObject);
    if (own.every((name) => keys.includes(name))) document.splice(at, 1);
  }
}

function isEmpty(value: unknown): boolean {
  return isJsonObject(value) ? Object.keys(value).length === 0 : Array.isArray(value) && value.length === 0;
}

/** Both, where objects and lists with keys are joined and everything else is replaced. */
export function joined(live: unknown, wanted: unknown, names: readonly string[] = []): unknown {
  if (isJsonObject(live) && isJsonObject(wanted)) {
    const result = { ...live };
    for (const [name, value] of Object.entries(wanted)) result[name] = joined(live[name], value, [...names, name]);
    return result;
  }
  const keys = keysOf(names);
  if (keys === undefined || !Array.isArray(live) || !Array.isArray(wanted)) return wanted;
  const result = [...(live as JsonObject[])];
  for (const element of wanted as JsonObject[]) {
    const at = result.findIndex((other) => keyStep(other, keys) === keyStep(element, keys));
    if (at < 0) result.push(element);
    else result[at] = joined(result[at], element, names) as JsonObject;
  }
  return result;
}

/** The API's own form of a set of paths. */
export function toFieldsV1(paths: Iterable<FieldPath>): JsonObject {
  const root: JsonObject = {};
  for (const path of paths) {
    let at = root;
    for (const step of path) at = (at[step] ??= {}) as JsonObject;
  }
  return root;
}

export function fromFieldsV1(fields: JsonObject): Map<string, FieldPath> {
  const found = new Map<string, FieldPath>();
  const down = (at: JsonObject, path: string[]): void => {
    const steps = Object.keys(at).filter((step) => step !== '.');
    if (steps.length === 0 && path.length > 0) found.set(path.join('\n'), path);
    for (const step of steps) down(at[step] as JsonObject, [...path, step]);
  };
  down(fields, []);
  return found;
}

export function sameValue(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b);
}
