/**
 * The vocabulary in which the API's facts are written down. A schema says what an API server accepts,
 * what it fills in, and what it drops; check.ts applies it.
 */
export type Schema = (ObjectSchema | MapSchema | ListSchema | StringSchema | IntegerSchema | PlainSchema) & Secrecy;

interface Secrecy {
  /**
   * The value, and all that is below it, is never shown: not in a message, an excerpt, a log or an answer. This is the
   * one place where fields of resources are marked as secret.
   */
  secret?: true;
}

export function secret<S extends Schema>(schema: S): S & { secret: true } {
  return { ...schema, secret: true };
}

const HOLDERS = new WeakMap<Schema, boolean>();

/** It is secret, or something below it is: what stands in its place in another form may be, too. */
export function holdsSecret(schema: Schema): boolean {
  const known = HOLDERS.get(schema);
  if (known !== undefined) return known;
  const holds = schema.secret === true || partsOf(schema).some(holdsSecret);
  HOLDERS.set(schema, holds);
  return holds;
}

function partsOf(schema: Schema): Schema[] {
  if (schema.type === 'object') return Object.values(schema.fields).map(({ schema: part }) => part);
  if (schema.type === 'map') return [schema.value];
  return schema.type === 'list' ? [schema.items] : [];
}

export interface ObjectSchema {
  type: 'object';
  fields: Readonly<Record<string, Field>>;
  /** Fields that an API server knows and nobody here reads: dropped in silence. */
  unread: ReadonlySet<string>;
  rules: readonly Rule[];
  /** How a text that stands in its place is written as one, where that can be told. */
  meant?: (value: string) => string | undefined;
  /** What to do in the place of a field that people write, and that is none. */
  instead?: Readonly<Record<string, string>>;
}

export interface Field {
  schema: Schema;
  required: boolean;
  default?: unknown;
}

export interface MapSchema {
  type: 'map';
  value: Schema;
  max: number;
  /** What an entry without a value counts as; where absent, it is an error. */
  blank?: string;
  rules: readonly Rule[];
}

export interface ListSchema {
  type: 'list';
  items: Schema;
  min: number;
  max: number;
  /** `set`: no item twice. Field names: no two items with the same values in them. */
  unique?: 'set' | readonly string[];
  rules: readonly Rule[];
}

export interface StringSchema {
  type: 'string';
  /** In characters (code points). */
  min: number;
  max: number;
  values?: readonly string[];
  format?: Format;
}

/** A form that strings have. `is` completes the sentence `must be …`. */
export interface Format {
  is: string;
  matches: (value: string) => boolean;
  /** The same for an API server, as far as its schemas can say it. */
  openApi?: { pattern: string } | { format: 'cidr' };
  /** What was most likely meant by a value that does not match. */
  advice?: (value: string) => string | undefined;
}

export interface IntegerSchema {
  type: 'integer';
  min: number;
  max: number;
  values?: readonly number[];
}

export interface PlainSchema {
  /**
   * port: a number or a name. amount: a number, or text such as 500m or 25%. free: an object that others define,
   * passed on as it is.
   */
  type: 'boolean' | 'port' | 'amount' | 'free';
}

/** A rule over a value that fits its schema. Rules are not asked about values that do not. */
export interface Rule {
  /** Says what is wrong and the way out. */
  message: string | ((value: never) => string);
  /** The place below the value that the message is about; the value itself where absent. */
  field?: string;
  holds: (value: never) => boolean;
  /** The same in CEL, for the CRDs of our own kinds. */
  cel?: string;
  /** The object is taken over all the same: whoever uses it says what that means. */
  warns?: true;
}

export function rule<T>(message: string | ((value: T) => string), holds: (value: T) => boolean, field?: string): Rule {
  return { message, holds, field };
}

/** A rule that an API server can ask, too. */
export function celRule(cel: string, given: Rule): Rule {
  return { ...given, cel };
}

/** Of a list whose items may have a name: no two have the same. */
export const NAMES_ARE_DISTINCT = 'self.all(a, !has(a.name) || self.exists_one(b, has(b.name) && b.name == a.name))';

export function required(schema: Schema): Field {
  return { schema, required: true };
}

export function optional(schema: Schema, fallback?: unknown): Field {
  return { schema, required: false, default: fallback };
}

interface ObjectExtras {
  unread?: readonly string[];
  rules?: readonly Rule[];
  meant?: ObjectSchema['meant'];
  instead?: ObjectSchema['instead'];
}

export function object(fields: Readonly<Record<string, Field>>, extras: ObjectExtras = {}): ObjectSchema {
  const { unread = [], rules = [], meant, instead } = extras;
  const schema = {
    type: 'object' as const,
    fields,
    unread: new Set(unread),
    rules,
  };
  return { ...schema, ...(meant === undefined ? {} : { meant }), ...(instead === undefined ? {} : { instead }) };
}

export function list(items: Schema, limits: Partial<Omit<ListSchema, 'type' | 'items'>> = {}): ListSchema {
  return { type: 'list', items, min: 0, max: Number.POSITIVE_INFINITY, rules: [], ...limits };
}

export function map(value: Schema, limits: Partial<Omit<MapSchema, 'type' | 'value'>> = {}): MapSchema {
  return { type: 'map', value, max: Number.POSITIVE_INFINITY, rules: [], ...limits };
}

export function text(limits: Partial<Omit<StringSchema, 'type'>> = {}): StringSchema {
  return { type: 'string', min: 0, max: Number.POSITIVE_INFINITY, ...limits };
}

export function oneOf(...values: readonly string[]): StringSchema {
  return { type: 'string', min: 0, max: Number.POSITIVE_INFINITY, values };
}

export function integer(limits: Partial<Omit<IntegerSchema, 'type'>> = {}): IntegerSchema {
  return { type: 'integer', min: -(2 ** 31), max: 2 ** 31 - 1, ...limits };
}

export const flag: PlainSchema = { type: 'boolean' };
export const portOrName: PlainSchema = { type: 'port' };
export const amount: PlainSchema = { type: 'amount' };
export const free: PlainSchema = { type: 'free' };
