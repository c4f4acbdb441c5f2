import { isObject, type JsonObject } from '../../value/json-object.ts';
import { isNestedTooDeep, MAX_NESTING } from '../../value/nesting.ts';
import { withoutPassword } from '../../value/url-password.ts';
import type { FieldPath } from '../diagnostic.ts';
import { nearest } from './nearest.ts';
import {
  holdsSecret,
  type ListSchema,
  type MapSchema,
  type ObjectSchema,
  type Rule,
  type Schema,
  type StringSchema,
} from './schema.ts';

/** One thing that is wrong with a value. */
export interface Problem {
  path: FieldPath;
  severity: 'error' | 'warning';
  message: string;
  /** A field that nobody here reads: where it must be known, this is an error. */
  unread?: true;
}

/**
 * Applies a schema as an API server does: nulls and unknown fields are dropped, defaults filled in, types and
 * limits checked, then the rules of every value that fits. Answers a new value: neither the given one nor a default
 * is changed or shared.
 * The value is usable when no problem is an error.
 */
export function check(schema: Schema, value: unknown): { value: unknown; problems: Problem[] } {
  const checker = new Checker();
  return { value: checker.check(schema, value), problems: checker.problems };
}

class Checker {
  readonly problems: Problem[] = [];
  /** Where the checker is; copied only for a problem, since most values have none. */
  readonly #path: Array<string | number> = [];
  #errors = 0;
  /** How many of the schemas that the checker is in are secret. */
  #hidden = 0;

  check(schema: Schema, value: unknown): unknown {
    // A text in the place of header lines, say, is one of them.
    if (!schema.secret && (typeof value !== 'string' || !holdsSecret(schema))) return this.#check(schema, value);
    this.#hidden++;
    const checked = this.#check(schema, value);
    this.#hidden--;
    return checked;
  }

  #check(schema: Schema, value: unknown): unknown {
    const before = this.#errors;
    switch (schema.type) {
      case 'object': {
        if (!isObject(value))
          return this.#wrongType('an object (a list of "name: value" lines)', value, this.#meant(schema, value));
        const checked = this.#object(schema, value);
        this.#rules(schema.rules, checked, before);
        return checked;
      }
      case 'map': {
        if (!isObject(value)) return this.#wrongType('a map of names to values', value);
        const checked = this.#map(schema, value);
        this.#rules(schema.rules, checked, before);
        return checked;
      }
      case 'list': {
        if (!Array.isArray(value))
          return this.#wrongType(
            'a list (items that begin with "- ")',
            value,
            this.#hidden ? '' : asList(schema, value),
          );
        const checked = this.#list(schema, value);
        this.#rules(schema.rules, checked, before);
        return checked;
      }
      case 'string':
        if (typeof value !== 'string') return this.#noString(schema, value);
        this.#string(schema, value);
        return value;
      case 'integer':
        if (typeof value !== 'number' || !Number.isInteger(value))
          return this.#wrongType('a whole number', value, this.#hidden ? '' : asNumber(this.#path.at(-1), value));
        if (schema.values && !schema.values.includes(value)) {
          this.#error(`must be one of ${schema.values.join(', ')}${this.#not(value)}`);
        } else if (value < schema.min || value > schema.max) {
          this.#error(`must be ${range(schema.min, schema.max)}${this.#not(value)}`);
        }
        return value;
      case 'boolean':
        if (typeof value !== 'boolean') return this.#wrongType('true or false', value);
        return value;
      case 'port':
        if (typeof value !== 'string' && !Number.isInteger(value)) return this.#wrongType('a port or its name', value);
        return value;
      case 'amount':
        // As API servers have it for our kinds: half a processor is 500m.
        if (typeof value !== 'string' && !Number.isInteger(value)) {
          return this.#wrongType('a whole number, or text such as 500m or 25%', value);
        }
        return value;
      case 'free':
        if (!isObject(value)) return this.#wrongType('an object (a list of "name: value" lines)', value);
        if (isNestedTooDeep(value)) this.#error(`must not be nested deeper than ${MAX_NESTING} levels`);
        else return structuredClone(value);
        return value;
    }
  }

  #object(schema: ObjectSchema, value: JsonObject): JsonObject {
    const checked: JsonObject = {};
    for (const name of Object.keys(value)) {
      if (value[name] !== null && !Object.hasOwn(schema.fields, name)) this.#unknownField(schema, name);
    }
    for (const name of Object.keys(schema.fields)) {
      const field = schema.fields[name]!;
      const given = value[name] ?? field.default;
      if (given !== undefined) checked[name] = this.#below(name, field.schema, given);
      else if (field.required) this.#error(`is required${choice(field.schema)}`, name);
    }
    return checked;
  }

  #unknownField(schema: ObjectSchema, name: string): void {
    if (schema.unread.has(name)) return;
    const guess = nearest(name, Object.keys(schema.fields));
    const hint = guess ? `Did you mean ${guess}?` : schema.instead?.[name];
    this.#unread(`is not a field of this object; it is left out${hint ? `. ${hint}` : ''}`, name);
  }

  #map(schema: MapSchema, value: JsonObject): JsonObject {
    const checked: JsonObject = {};
    const entries = Object.entries(value);
    if (entries.length > schema.max) {
      this.#error(`must have at most ${schema.max} entries, not ${entries.length}`);
    }
    for (const [name, given] of entries) {
      // Unlike a field, an entry of a map is not taken away by null: the name is the user's.
      checked[name] = this.#below(name, schema.value, given ?? schema.blank ?? given);
    }
    return checked;
  }

  #list(schema: ListSchema, value: unknown[]): unknown[] {
    if (value.length < schema.min || value.length > schema.max) {
      this.#error(
        `must have ${countRange(schema.min, schema.max)} item${schema.max === 1 ? '' : 's'}, not ${value.length}`,
      );
      if (value.length > schema.max) return value;
    }
    const checked = value.map((item, index) => this.#below(index, schema.items, item));
    if (schema.unique) this.#unique(schema.unique, checked);
    return checked;
  }

  #unique(by: 'set' | readonly string[], items: unknown[]): void {
    const first = new Map<string, number>();
    for (const [index, item] of items.entries()) {
      const identity = by === 'set' ? item : isObject(item) ? by.map((name) => item[name]) : undefined;
      // What has no name is told that it needs one.
      if (identity === undefined || (Array.isArray(identity) && identity.includes(undefined))) continue;
      const key = JSON.stringify(identity);
      const other = first.get(key);
      if (other === undefined) {
        first.set(key, index);
        continue;
      }
      const what = this.#hidden
        ? 'the value'
        : by === 'set'
          ? JSON.stringify(item)
          : by.map((name) => `${name} ${shown(identity, by, name)}`).join(', ');
      this.#error(`repeats ${what} of item ${other}; remove one of the two`, index);
    }
  }

  #string(schema: StringSchema, value: string): void {
    if (schema.values && !schema.values.includes(value)) {
      const guess = this.#hidden ? undefined : nearest(value, schema.values);
      const hint = guess ? `. Did you mean ${guess}?` : '';
      this.#error(`must be one of ${schema.values.join(', ')}${this.#not(value)}${hint}`);
      return;
    }
    const length = value.length > schema.max || value.length < schema.min * 2 ? [...value].length : value.length;
    if (length < schema.min) this.#error(schema.min === 1 ? 'must not be empty' : `must have ${schema.min} characters`);
    else if (length > schema.max) this.#error(`must have at most ${schema.max} characters, not ${length}`);
    else if (schema.format && !schema.format.matches(value)) {
      const advice = this.#hidden ? undefined : schema.format.advice?.(value);
      this.#error(`must be ${schema.format.is}${this.#not(value)}${advice === undefined ? '' : `. ${advice}`}`);
    }
  }

  #rules(rules: readonly Rule[], value: unknown, before: number): void {
    if (this.#errors > before) return;
    for (const { holds, message, field, warns } of rules) {
      // The schema has just vouched for the value's type, which the rule was written for.
      if (holds(value as never)) continue;
      const text = typeof message === 'string' ? message : message(value as never);
      if (warns) this.#report('warning', text, field);
      else this.#error(text, field);
    }
  }

  /** What takes the place of a text that is no object. */
  #meant({ meant }: ObjectSchema, value: unknown): string {
    if (this.#hidden || typeof value !== 'string') return '';
    const form = meant?.(value) ?? spaced(value);
    return form === undefined ? '' : `. Write ${form}`;
  }

  #noString({ format, values }: StringSchema, value: unknown): unknown {
    // `true` where a word is asked for: no quotes would help, but the words do.
    if (values !== undefined && !values.includes(String(value)))
      return this.#wrongType(values.length === 1 ? values[0]! : `one of ${values.join(', ')}`, value);
    // In quotes it would be as wrong.
    if (format !== undefined && typeof value === 'number' && !format.matches(String(value)))
      return this.#wrongType(format.is, value);
    return this.#wrongType('a string', value, needsQuotes(value));
  }

  #wrongType(wanted: string, value: unknown, hint = ''): unknown {
    const what = this.#hidden ? kindOf(value) : described(value);
    this.#error(`must be ${wanted}, not ${what}${hint}`);
    return value;
  }

  /** The value that is wrong, where it may be told. */
  #not(value: string | number): string {
    if (this.#hidden) return '';
    if (typeof value !== 'string') return `, not ${value}`;
    return `, not ${quoted(value)}${value.includes('{{') ? `. ${UNRENDERED}` : ''}`;
  }

  #below(step: string | number, schema: Schema, value: unknown): unknown {
    this.#path.push(step);
    const checked = this.check(schema, value);
    this.#path.pop();
    return checked;
  }

  /** `below` names a place in the value that the checker is at. */
  #error(message: string, below?: string | number): void {
    this.#errors++;
    this.#report('error', message, below);
  }

  #unread(message: string, name: string): void {
    this.problems.push({ path: [...this.#path, name], severity: 'warning', message, unread: true });
  }

  #report(severity: Problem['severity'], message: string, below: string | number | undefined): void {
    const path = below === undefined ? [...this.#path] : [...this.#path, below];
    this.problems.push({ path, severity, message });
  }
}

/** Of text that a template engine was to replace. */
export const UNRENDERED = '{{ … }} is of a template: render it first, such as with helm template';

function range(min: number, max: number): string {
  if (max >= NO_LIMIT) return `at least ${min}`;
  return `${min} to ${max}`;
}

/** Bounds from here up come from the number's size and mean nothing to a user. */
const NO_LIMIT = 2 ** 31 - 1;

/** What may stand in a field that is missing. */
function choice(schema: Schema): string {
  if ('values' in schema && schema.values !== undefined) return `: one of ${schema.values.join(', ')}`;
  // A form that has an example says more than that the field is missing.
  const form = schema.type === 'string' ? schema.format?.is : undefined;
  return form?.includes('such as') ? `: ${form}` : '';
}

function countRange(min: number, max: number): string {
  if (min === max) return `exactly ${min}`;
  return min === 0 ? `at most ${max}` : range(min, max);
}

function described(value: unknown): string {
  if (typeof value === 'object' || value === undefined) return kindOf(value);
  return typeof value === 'string' ? `the string ${quoted(value)}` : `${typeof value} ${String(value)}`;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** One item where a list is asked for. */
function asList({ items }: ListSchema, value: unknown): string {
  if (items.type === 'object') {
    if (isObject(value)) return '. Write "- " before its first line';
    const form = typeof value === 'string' ? items.meant?.(value) : undefined;
    return form === undefined ? '' : `. Write [${form}]`;
  }
  return items.type === 'string' && typeof value === 'string' && PLAIN.test(value) ? `. Write [${value}]` : '';
}

/** Text that YAML takes as it stands, also in a list. */
const PLAIN = /^[a-z0-9][\w./-]{0,200}$/i;

function asNumber(field: string | number | undefined, value: unknown): string {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? '. Take it out of its quotes' : inBytes(field, value);
}

/** `8m`, as nginx and Kubernetes write sizes, for a field that counts bytes. */
function inBytes(field: string | number | undefined, value: unknown): string {
  const [, digits, unit = ''] = /^(\d{1,6}) ?([kmg])(?:i?b)?$/i.exec(typeof value === 'string' ? value : '') ?? [];
  if (digits === undefined || !String(field).endsWith('Bytes')) return '';
  return `. Write ${Number(digits) * 1024 ** ('kmg'.indexOf(unit.toLowerCase()) + 1)}`;
}

/** `name:edge` is a text, since a colon ends a name only where a space follows. */
function spaced(value: string): string | undefined {
  const [, name, rest] = /^([a-z][A-Za-z]*):([^\s:/]\S*)$/.exec(value) ?? [];
  return name === undefined ? undefined : `${name}: ${rest}, with a space after the colon`;
}

/** YAML reads `yes`, `1.0` or `null` as something else than the string that was meant. */
function needsQuotes(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? '. Put it in quotes' : '';
}

/** A value as messages show it; long ones are cut at 80 characters. */
function quoted(value: string): string {
  const told = withoutPassword(value);
  return JSON.stringify(told.length > 80 ? `${told.slice(0, 77)}...` : told);
}

function shown(identity: unknown, names: readonly string[], name: string): string {
  return JSON.stringify((identity as unknown[])[names.indexOf(name)]);
}
