/**
 * What is read here and a cluster's CRDs do not have: fields, which an API server drops without a word, and values of fields,
 * whose objects it refuses.
 */
import { KINDS, type Kind } from '../../api/index.ts';
import { isObject } from '../../value/json-object.ts';
import { type Schema, schemaOf } from '../schema/index.ts';
import type { ApiClient } from './api-client.ts';

/** A schema as a CRD has it, as far as it is looked at. */
export interface ServedSchema {
  properties?: Record<string, ServedSchema>;
  items?: ServedSchema;
  additionalProperties?: ServedSchema | boolean;
  enum?: unknown[];
  'x-kubernetes-preserve-unknown-fields'?: boolean;
}

interface Crd {
  spec?: {
    group?: string;
    names?: { kind?: string };
    versions?: Array<{ name: string; served?: boolean; schema?: { openAPIV3Schema?: ServedSchema } }>;
  };
}

export interface LackingKind {
  kind: Kind;
  /** Paths such as `spec.rules[].retry`: the outermost field that is not there. */
  fields: string[];
  /** Values such as `spec.rules[].filters[].type: CORS`. */
  values: string[];
}

export interface CrdFieldsOptions {
  client: ApiClient;
  /** Where a CRD is read: schemas are large, so each is read once for each of its versions, and not kept. */
  path: string;
  changed(name: string): void;
}

/** Schemas that are read at once: some are half a megabyte. */
const READERS = 3;

export class CrdFields {
  readonly #options: CrdFieldsOptions;
  /** By name of the CRD: the version that was looked at, and what it lacks. */
  readonly #looked = new Map<string, { version: string; lacking?: LackingKind }>();
  readonly #due = new Set<string>();
  #work: Promise<void> | undefined;
  #closed = false;

  constructor(options: CrdFieldsOptions) {
    this.#options = options;
  }

  /** Undefined where nothing is lacking, or it has not been looked at. */
  of(name: string): LackingKind | undefined {
    return this.#looked.get(name)?.lacking;
  }

  /** The version that there is now; undefined: it is gone. */
  seen(name: string, version: string | undefined): void {
    const known = this.#looked.get(name);
    if (version === undefined) {
      this.#looked.delete(name);
      this.#due.delete(name);
      return;
    }
    if (known?.version === version) return;
    this.#looked.set(name, { ...known, version });
    this.#due.add(name);
    this.#work ??= this.#readAll().finally(() => (this.#work = undefined));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
  }

  /** Fulfilled when all that were seen are looked at, or after so many milliseconds. */
  async looked(patience: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patience);
    await Promise.race([this.#work, promise]);
    clearTimeout(timer);
  }

  async #readAll(): Promise<void> {
    const readers = Array.from({ length: READERS }, () => this.#readSome());
    await Promise.all(readers);
  }

  async #readSome(): Promise<void> {
    for (const name of this.#due) {
      this.#due.delete(name);
      if (this.#closed) return;
      // One that cannot be read is looked at again when it changes: that it cannot is told by whoever lists them.
      const crd = await this.#options.client
        .call<Crd>({ path: `${this.#options.path}/${name}` })
        .catch(() => undefined);
      const known = this.#looked.get(name);
      if (crd === undefined || known === undefined) continue;
      const before = known.lacking;
      const lacking = lackingIn(crd);
      this.#looked.set(name, { version: known.version, ...(lacking === undefined ? {} : { lacking }) });
      if (textOf(before) !== textOf(lacking)) this.#options.changed(name);
    }
  }
}

function textOf(lacking: LackingKind | undefined): string {
  return lacking === undefined ? '' : [...lacking.fields, ...lacking.values].join();
}

/** Of the version that is read: the current one of its kind where it is served. */
export function lackingIn({ spec = {} }: Crd): LackingKind | undefined {
  const { group, names = {}, versions = [] } = spec;
  const kind = names.kind as Kind | undefined;
  if (kind === undefined || KINDS[kind]?.group !== group) return undefined;
  const served = versions.filter((one) => one.served !== false);
  const read = served.find(({ name }) => name === KINDS[kind].version) ?? served.at(-1);
  const schema = read?.schema?.openAPIV3Schema;
  if (read === undefined || schema === undefined) return undefined;
  const { spec: ours } = (schemaOf(kind, `${group}/${read.name}`) as Extract<Schema, { type: 'object' }>).fields;
  const found: LackingKind = { kind, fields: [], values: [] };
  if (ours !== undefined) look(ours.schema, schema.properties?.spec, { path: 'spec', found });
  return found.fields.length + found.values.length === 0 ? undefined : found;
}

interface Look {
  path: string;
  found: LackingKind;
}

function look(ours: Schema, theirs: ServedSchema | undefined, { path, found }: Look): void {
  if (theirs === undefined) return void found.fields.push(path);
  if (theirs['x-kubernetes-preserve-unknown-fields'] === true) return;
  switch (ours.type) {
    case 'object':
      for (const [name, field] of Object.entries(ours.fields)) {
        look(field.schema, theirs.properties?.[name], { path: `${path}.${name}`, found });
      }
      return;
    case 'list':
      return look(ours.items, theirs.items, { path: `${path}[]`, found });
    case 'map': {
      const { additionalProperties: values } = theirs;
      return isObject(values) ? look(ours.value, values, { path: `${path}.*`, found }) : undefined;
    }
    case 'string':
    case 'integer':
      for (const value of ours.values ?? []) {
        if (theirs.enum?.includes(value) === false) found.values.push(`${path}: ${value}`);
      }
      return;
    default:
      return;
  }
}
