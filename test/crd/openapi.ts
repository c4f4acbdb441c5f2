/** Judges objects by a CRD as an API server does: prune, default, structural validation, list keys, CEL. */
import { isIPv4, isIPv6 } from 'node:net';
import { isObject, type JsonObject } from '../../src/sources/schema/index.ts';
import { isCidr } from '../../src/value/network.ts';
import { celValue, failsCel } from './cel.ts';
import type { OpenApi } from './open-api-schema.ts';

export interface Verdict {
  /** As it would be stored. */
  stored: unknown;
  errors: string[];
}

export function judge(schema: OpenApi, value: unknown): Verdict {
  const stored = prepare(schema, value);
  const errors: string[] = [];
  structural(schema, stored, { path: '', errors });
  // An API server asks no CEL rule about an object whose structure is wrong.
  if (errors.length === 0) rules(schema, stored, { path: '', errors });
  return { stored, errors };
}

function prepare(schema: OpenApi, value: unknown): unknown {
  if (isObject(value) && schema.properties) {
    const kept: JsonObject = {};
    for (const [name, property] of Object.entries(schema.properties)) {
      const given = value[name] ?? structuredClone(property.default);
      if (given !== undefined && given !== null) kept[name] = prepare(property, given);
    }
    return kept;
  }
  if (isObject(value) && schema.additionalProperties) {
    const { additionalProperties } = schema;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, prepare(additionalProperties, item)]));
  }
  if (Array.isArray(value) && schema.items) return value.map((item) => prepare(schema.items!, item));
  return value;
}

interface At {
  path: string;
  errors: string[];
}

function structural(schema: OpenApi, value: unknown, at: At): void {
  const fail = (why: string): number => at.errors.push(`${at.path}: ${why}`);
  if (schema.type && !isOfType(schema.type, value)) {
    fail(`not ${schema.type}`);
    return;
  }
  if (schema['x-kubernetes-int-or-string'] && typeof value !== 'string' && !Number.isInteger(value)) fail('type');
  if (schema.enum && !schema.enum.includes(value)) fail('enum');
  if (typeof value === 'string') stringLimits(schema, value, fail);
  if (typeof value === 'number') {
    const [least, most] = schema.format === 'int32' ? [-(2 ** 31), 2 ** 31 - 1] : [-Infinity, Infinity];
    if (value < Math.max(least, schema.minimum ?? least) || value > Math.min(most, schema.maximum ?? most))
      fail('range');
  }
  if (Array.isArray(value)) listLimits(schema, value, at);
  if (isObject(value)) objectLimits(schema, value, at);
  if (!combined(schema, value)) fail('combination');
}

function stringLimits(schema: OpenApi, value: string, fail: (why: string) => void): void {
  const length = [...value].length;
  if (length < (schema.minLength ?? 0) || length > (schema.maxLength ?? Infinity)) fail('length');
  if (schema.pattern !== undefined && !expression(schema.pattern).test(value)) fail('pattern');
  if (schema.format === 'ipv4' && !isIPv4(value)) fail('ipv4');
  if (schema.format === 'ipv6' && !isIPv6(value)) fail('ipv6');
  if (schema.format === 'cidr' && !isCidr(value)) fail('cidr');
}

const expressions = new Map<string, RegExp>();

function expression(pattern: string): RegExp {
  const known = expressions.get(pattern) ?? new RegExp(pattern);
  expressions.set(pattern, known);
  return known;
}

function listLimits(schema: OpenApi, value: unknown[], at: At): void {
  const fail = (why: string): number => at.errors.push(`${at.path}: ${why}`);
  if (value.length < (schema.minItems ?? 0) || value.length > (schema.maxItems ?? Infinity)) fail('items');
  for (const [i, item] of value.entries()) structural(schema.items ?? {}, item, { ...at, path: `${at.path}[${i}]` });
  const keys = schema['x-kubernetes-list-map-keys'];
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'map' && type !== 'set') return;
  const identities = value.map((item) => JSON.stringify(isObject(item) && keys ? keys.map((key) => item[key]) : item));
  if (new Set(identities).size < identities.length) fail('duplicate');
}

function objectLimits(schema: OpenApi, value: JsonObject, at: At): void {
  const count = Object.keys(value).length;
  if (count > (schema.maxProperties ?? Infinity) || count < (schema.minProperties ?? 0))
    at.errors.push(`${at.path}: size`);
  for (const name of schema.required ?? []) if (!(name in value)) at.errors.push(`${at.path}.${name}: required`);
  for (const [name, item] of Object.entries(value)) {
    const property = schema.properties?.[name] ?? schema.additionalProperties;
    if (property) structural(property, item, { ...at, path: `${at.path}.${name}` });
  }
}

function combined(schema: OpenApi, value: unknown): boolean {
  const fits = (part: OpenApi): boolean => {
    const errors: string[] = [];
    structural(part, value, { path: '', errors });
    return errors.length === 0;
  };
  if (schema.oneOf && schema.oneOf.filter(fits).length !== 1) return false;
  if (schema.anyOf && !schema.anyOf.some(fits)) return false;
  if (schema.allOf && !schema.allOf.every(fits)) return false;
  return !(schema.not && fits(schema.not));
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

/** Complaints by value, for each part of a schema: objects of a corpus are alike in all but one place. */
const judged = new WeakMap<OpenApi, Map<string, string[]>>();

function complaints(schema: OpenApi, value: unknown): string[] {
  // Rules over the object's past say nothing about a new object.
  const rules = schema['x-kubernetes-validations']?.filter(({ rule }) => !rule.includes('oldSelf')) ?? [];
  if (rules.length === 0) return [];
  let known = judged.get(schema);
  if (!known) judged.set(schema, (known = new Map()));
  const text = JSON.stringify(value);
  let messages = known.get(text);
  if (!messages) {
    const self = celValue(schema, value);
    messages = rules.filter(({ rule }) => failsCel(rule, self)).map(({ message }) => message);
    known.set(text, messages);
  }
  return messages;
}

function rules(schema: OpenApi, value: unknown, at: At): void {
  for (const message of complaints(schema, value)) at.errors.push(`${at.path}: ${message}`);
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) rules(schema.items ?? {}, item, { ...at, path: `${at.path}[${i}]` });
  } else if (isObject(value)) {
    for (const [name, item] of Object.entries(value)) {
      const property = schema.properties?.[name] ?? schema.additionalProperties;
      if (property) rules(property, item, { ...at, path: `${at.path}.${name}` });
    }
  }
}
