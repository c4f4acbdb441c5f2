/** Changes of JSON documents: merge patches (RFC 7386) and JSON patches (RFC 6902). */
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, Refusal } from './api-object.ts';

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw invalid('a JSON patch is a list of operations');
  let document = structuredClone(target);
  for (const operation of patch as Operation[]) document = applied(document, operation);
  return document;
}

function applied(document: unknown, { op, path, from, value }: Operation): unknown {
  switch (op) {
    case 'add':
      return put(document, pointer(path), { value, insert: true });
    case 'replace':
      read(document, pointer(path));
      return put(document, pointer(path), { value, insert: false });
    case 'remove':
      return take(document, pointer(path));
    case 'move': {
      const moved = read(document, pointer(from ?? ''));
      return put(take(document, pointer(from ?? '')), pointer(path), { value: moved, insert: true });
    }
    case 'copy':
      return put(document, pointer(path), {
        value: structuredClone(read(document, pointer(from ?? ''))),
        insert: true,
      });
    case 'test':
      if (!isDeepStrictEqual(read(document, pointer(path)), value)) throw invalid(`test of ${path} failed`);
      return document;
    default:
      throw invalid(`${op} is no operation of a JSON patch`);
  }
}

function pointer(path: string): string[] {
  if (path === '') return [];
  if (!path.startsWith('/')) throw invalid(`${path} is no JSON pointer`);
  return path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(document: unknown, path: string[]): unknown {
  let at = document;
  for (const part of path) {
    if (Array.isArray(at)) at = at[position(at, part, at.length - 1)];
    else if (isJsonObject(at) && Object.hasOwn(at, part)) at = at[part];
    else throw invalid(`/${path.join('/')} does not exist`);
  }
  return at;
}

function put(document: unknown, path: string[], { value, insert }: { value: unknown; insert: boolean }): unknown {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = read(document, path.slice(0, -1));
  if (Array.isArray(parent)) {
    const at = last === '-' ? parent.length : position(parent, last, insert ? parent.length : parent.length - 1);
    parent.splice(at, insert ? 0 : 1, value);
  } else if (isJsonObject(parent)) {
    parent[last] = value;
  } else throw invalid(`/${path.join('/')} has no parent`);
  return document;
}

function take(document: unknown, path: string[]): unknown {
  read(document, path);
  const last = path.at(-1);
  if (last === undefined) return undefined;
  const parent = read(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(position(parent, last, parent.length - 1), 1);
  else delete (parent as JsonObject)[last];
  return document;
}

function position(list: unknown[], part: string, most: number): number {
  const at = Number(part);
  if (!/^(0|[1-9]\d*)$/.test(part) || at > most) throw invalid(`${part} is no position in a list of ${list.length}`);
  return at;
}

function invalid(message: string): Refusal {
  return new Refusal(422, 'Invalid', { message });
}
