/** Strategic merge patches as kubectl has them: lists of named things are joined by name, null takes away. */
import { isObject } from '../../value/json-object.ts';

type Json = Record<string, unknown>;

/** By the field that holds the list: what its items are told apart by. Lists of other fields are replaced. */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey'],
  ports: ['containerPort', 'port'],
};

/** A new object; neither of the two is changed. */
export function strategicMerge(base: Json, patch: Json): Json {
  if (patch.$patch === 'replace') return without(patch, '$patch');
  const result: Json = { ...base };
  for (const [name, value] of Object.entries(patch)) {
    if (name === '$patch' || name.startsWith('$setElementOrder/') || name === '$retainKeys') continue;
    if (name.startsWith('$deleteFromPrimitiveList/')) {
      const list = name.slice(name.indexOf('/') + 1);
      const gone = Array.isArray(value) ? value : [];
      if (Array.isArray(result[list])) result[list] = (result[list] as unknown[]).filter((one) => !gone.includes(one));
    } else if (value === null || (isObject(value) && value.$patch === 'delete')) delete result[name];
    else result[name] = mergedValue(name, result[name], value);
  }
  return result;
}

function mergedValue(name: string, base: unknown, patch: unknown): unknown {
  if (isObject(patch)) return strategicMerge(isObject(base) ? base : {}, patch);
  const keys = MERGE_KEYS[name];
  if (!Array.isArray(patch) || keys === undefined || !patch.every(isObject)) return patch;
  const items = patch as Json[];
  if (items.some(({ $patch, ...rest }) => $patch === 'replace' && Object.keys(rest).length === 0)) {
    return items.filter(({ $patch }) => $patch !== 'replace');
  }
  const known = Array.isArray(base) && base.every(isObject) ? (base as Json[]) : [];
  const key = keys.find((one) => items.every((item) => item[one] !== undefined));
  return key === undefined ? patch : mergedList(key, known, items);
}

function mergedList(key: string, base: Json[], patch: Json[]): Json[] {
  const result = [...base];
  for (const item of patch) {
    const at = result.findIndex((one) => one[key] === item[key]);
    if (item.$patch === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (at < 0) result.push(strategicMerge({}, item));
    else result[at] = strategicMerge(result[at]!, item);
  }
  return result;
}

function without(object: Json, name: string): Json {
  const { [name]: _, ...rest } = object;
  return rest;
}
