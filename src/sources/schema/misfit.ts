/**
 * What an API server has stored that no schema of its own has vouched for: its CRD is old, or keeps whatever it is given. Only
 * types are looked at. Lengths, forms and words are the server's to judge, whose version may be newer than ours.
 */
import { isObject, type JsonObject } from '../../value/json-object.ts';
import { isNestedTooDeep } from '../../value/nesting.ts';
import type { FieldPath } from '../diagnostic.ts';
import { check, type Problem } from './check.ts';
import type { ObjectSchema, Schema } from './schema.ts';

/**
 * The first value below `stored` of a type that nobody can read, or that is missing. What is missing and has a default gets it,
 * and a null goes, in the value itself. `prunes`: what the schema does not have goes, too.
 */
export function misfitIn(schema: Schema, stored: unknown, prunes: boolean): Problem | undefined {
  const path = misfit(schema, stored, prunes);
  if (path === undefined) return undefined;
  const name = JSON.stringify(path);
  const told = check(schema, stored).problems.find((one) => JSON.stringify(one.path) === name);
  return told ?? { path, severity: 'error', message: 'has a value of a type that cannot be read here' };
}

function misfit(schema: Schema, value: unknown, prunes: boolean): FieldPath | undefined {
  switch (schema.type) {
    case 'object':
      return isObject(value) ? misfitOfObject(schema, value, prunes) : [];
    case 'map':
      if (!isObject(value)) return [];
      for (const [name, given] of Object.entries(value)) {
        const filled = given ?? schema.blank;
        if (filled !== given) value[name] = filled;
        const path = misfit(schema.value, filled, prunes);
        if (path !== undefined) return [name, ...path];
      }
      return undefined;
    case 'list':
      if (!Array.isArray(value)) return [];
      for (let at = 0; at < value.length; at++) {
        const path = misfit(schema.items, value[at], prunes);
        if (path !== undefined) return [at, ...path];
      }
      return undefined;
    default:
      return isOfType(schema.type, value) ? undefined : [];
  }
}

function misfitOfObject(schema: ObjectSchema, value: JsonObject, prunes: boolean): FieldPath | undefined {
  const { fields } = schema;
  for (const name of Object.keys(value)) {
    if (value[name] === null || (prunes && !Object.hasOwn(fields, name))) delete value[name];
  }
  for (const name of Object.keys(fields)) {
    const field = fields[name]!;
    if (value[name] === undefined && field.default !== undefined) value[name] = structuredClone(field.default);
    const given = value[name];
    if (given === undefined) {
      if (field.required) return [name];
      continue;
    }
    const path = misfit(field.schema, given, prunes);
    if (path !== undefined) return [name, ...path];
  }
  return undefined;
}

function isOfType(type: Exclude<Schema['type'], 'object' | 'map' | 'list'>, value: unknown): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'integer':
      return Number.isInteger(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'port':
    case 'amount':
      return typeof value === 'string' || Number.isInteger(value);
    case 'free':
      return isObject(value) && !isNestedTooDeep(value);
  }
}
