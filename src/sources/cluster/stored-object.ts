/**
 * Objects as a cluster has stored them, where a value in them is of a type that nobody can read: the schema of their CRD is
 * old, or keeps whatever it is given. What can be read of one is used and all the rest is told, so that the same objects
 * come to the same whoever reads them, and when.
 */
import {
  type AnyResource,
  apiVersionOf,
  CERTIFICATES_GROUP,
  type HTTPRoute,
  KINDS,
  type Kind,
  type Misread,
} from '../../api/index.ts';
import { closes, guardFor, isStandIn } from '../admission.ts';
import { fieldName } from '../diagnostic.ts';
import {
  isObject,
  type JsonObject,
  misfitIn,
  type ObjectSchema,
  type Problem,
  type Schema,
  schemaOf,
} from '../schema/index.ts';

/** API servers know these kinds themselves: whatever they do not know of them may be of a version that is newer. */
const BUILT_IN: readonly string[] = ['', 'discovery.k8s.io', CERTIFICATES_GROUP];
/** Of each object the API server vouches for these. */
const HEAD: readonly string[] = ['apiVersion', 'kind', 'metadata'];

export interface StoredReading {
  /** As much as can be read; absent: nothing that is of use. */
  object?: AnyResource;
  misread?: Misread;
}

/** `version`: that the cluster serves. The object is changed: it has defaults then, and no nulls. */
export function readStored(kind: Kind, version: string, object: AnyResource): StoredReading {
  delete object.misread;
  const { group } = KINDS[kind];
  // Every kind is an object.
  const schema = schemaOf(kind, group === '' ? version : `${group}/${version}`) as ObjectSchema;
  const problem = misfitOf(schema, object as unknown as JsonObject, !BUILT_IN.includes(group));
  if (problem === undefined) return { object };
  const misread = { field: fieldName(problem.path), message: problem.message };
  const readable = readableOf(kind, { schema, object: object as unknown as JsonObject, misread, problem });
  return readable === undefined ? { misread } : { object: readable as unknown as AnyResource, misread };
}

function misfitOf({ fields }: ObjectSchema, object: JsonObject, prunes: boolean): Problem | undefined {
  for (const name of Object.keys(fields)) {
    if (HEAD.includes(name)) continue;
    const { schema, required, default: filled } = fields[name]!;
    if ((object[name] ?? undefined) === undefined) {
      if (filled !== undefined) object[name] = structuredClone(filled);
      else delete object[name];
    }
    if (object[name] === undefined) {
      if (required) return { path: [name], severity: 'error', message: 'is required' };
      continue;
    }
    const found = misfitIn(schema, object[name], prunes);
    if (found !== undefined) return { ...found, path: [name, ...found.path] };
  }
  return undefined;
}

interface Misreading {
  schema: ObjectSchema;
  object: JsonObject;
  misread: Misread;
  problem: Problem;
}

function readableOf(kind: Kind, misreading: Misreading): object | undefined {
  const { object, misread, problem } = misreading;
  const spec = isObject(object.spec) ? object.spec : {};
  const fields = fieldsOf(misreading.schema);
  const head = { apiVersion: apiVersionOf(kind), kind, metadata: object.metadata };
  const told = (read: object): object => ({ ...head, spec: read, misread });
  switch (kind) {
    case 'HTTPRoute':
    case 'GRPCRoute':
    case 'TLSRoute':
    case 'TCPRoute':
    case 'UDPRoute': {
      const { isWhole, ...read } = readableRoute(fields, spec, misread);
      return isWhole ? { ...head, spec: read } : told(read);
    }
    case 'Gateway':
    case 'ListenerSet': {
      const read = readableOwner(fields, spec);
      return read && told(read);
    }
    case 'GatewayClass':
      return typeof spec.controllerName === 'string' ? told({ controllerName: spec.controllerName }) : undefined;
    case 'DaemunParameters':
      return { ...head, spec: { refused: `${misread.field} ${misread.message}` } };
    default: {
      if (closes(kind, object)) return guardFor(kind, object, problem);
      const targetRefs = readableItems(fields.targetRefs, spec.targetRefs);
      // Whatever else it is, it has no status, and what it would give is not given.
      return targetRefs.length === 0 ? undefined : told({ targetRefs });
    }
  }
}

type Schemas = Readonly<Record<string, Schema>>;

function fieldsOf({ fields }: ObjectSchema): Schemas {
  const spec = fields.spec?.schema;
  if (spec?.type !== 'object') return {};
  return Object.fromEntries(Object.entries(spec.fields).map(([name, { schema }]) => [name, schema]));
}

function isReadable(schema: Schema, value: unknown): boolean {
  return misfitIn(schema, value, true) === undefined;
}

function readableItems(schema: Schema | undefined, value: unknown): unknown[] {
  if (schema?.type !== 'list' || !Array.isArray(value)) return [];
  return value.filter((item) => isReadable(schema.items, item));
}

/**
 * A rule that cannot be read keeps the matches of it that can, and answers 500: its requests are not to fall through to one
 * that guards them less. Where it is the hosts that cannot be told, none of the rules is served.
 */
function readableRoute(fields: Schemas, spec: JsonObject, misread: Misread): JsonObject & { isWhole: boolean } {
  const { parentRefs, hostnames, useDefaultGateways } = spec;
  const names = readableItems(fields.hostnames, hostnames);
  const others = { parentRefs, hostnames, useDefaultGateways };
  const hasFitting = Object.entries(others).every(
    ([name, value]) => value === undefined || fields[name] === undefined || isReadable(fields[name], value),
  );
  const isLost = hostnames !== undefined && names.length === 0 && !isEmpty(hostnames);
  const { rules: schema } = fields;
  const items = schema?.type === 'list' && Array.isArray(spec.rules) ? spec.rules : [];
  const rule = schema?.type === 'list' && schema.items.type === 'object' ? schema.items : undefined;
  const rules = isLost || rule === undefined ? [] : items.map((item, at) => readableRule(rule, item, at));
  return {
    parentRefs: readableItems(fields.parentRefs, parentRefs),
    ...(names.length > 0 ? { hostnames: names } : {}),
    ...(useDefaultGateways === 'All' ? { useDefaultGateways } : {}),
    rules: hasFitting ? rules : rules.map((one) => (isObject(one) ? { ...one, misread } : one)),
    // What is wrong with rules, each tells itself.
    isWhole: hasFitting && rules.length > 0,
  };
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function readableRule(schema: ObjectSchema, value: unknown, at: number): unknown {
  const problem = misfitIn(schema, value, true);
  if (problem === undefined) return value;
  const { matches, name } = isObject(value) ? value : {};
  const field = fieldName(['spec', 'rules', at, ...problem.path]);
  return {
    ...(typeof name === 'string' ? { name } : {}),
    // A rule of a GRPCRoute that has none is one for every call.
    matches: matches === undefined && isObject(value) ? [{}] : readableItems(schema.fields.matches?.schema, matches),
    backendRefs: [],
    misread: { field, message: problem.message },
  };
}

/** Who may come in is not left out: where it cannot be read, no listener is. */
const OPENS: readonly string[] = ['tls'];

/** A Gateway or ListenerSet; undefined: nobody knows whose it is. */
function readableOwner(fields: Schemas, spec: JsonObject): object | undefined {
  const read: JsonObject = {};
  let isOpen = false;
  for (const [name, schema] of Object.entries(fields)) {
    if (name === 'listeners' || spec[name] === undefined) continue;
    if (isReadable(schema, spec[name])) read[name] = spec[name];
    else if (OPENS.includes(name)) isOpen = true;
  }
  if (read.gatewayClassName === undefined && read.parentRef === undefined) return undefined;
  return { ...read, listeners: isOpen ? [] : readableItems(fields.listeners, spec.listeners) };
}

/** Where what is wrong with an object is told of which this is all that can be read. */
export function toldIn(readable: AnyResource): 'status and check' | 'in status alone' | 'nowhere' {
  if (isStandIn(readable)) return readable.kind === 'DaemunParameters' ? 'nowhere' : 'in status alone';
  if (!readable.kind.endsWith('Route')) return 'status and check';
  const { parentRefs = [], useDefaultGateways } = (readable as HTTPRoute).spec;
  return parentRefs.length > 0 || useDefaultGateways === 'All' ? 'status and check' : 'nowhere';
}

/** Of a status and of its parts: what stands there is a list of objects. */
const LISTS: readonly string[] = ['parents', 'ancestors', 'listeners', 'conditions'];

/** A status that whoever else writes there may have written: what is no list of objects counts for nothing. */
export function readableStatus(status: unknown): JsonObject {
  if (!isObject(status)) return {};
  if (isReadableStatus(status)) return status;
  const read = LISTS.filter((name) => name in status).map((name) => {
    const list: unknown = status[name];
    return [name, Array.isArray(list) ? list.filter(isObject).map(readableStatus) : []] as const;
  });
  return { ...status, ...Object.fromEntries(read) };
}

function isReadableStatus(status: JsonObject): boolean {
  return LISTS.every((name) => {
    const list: unknown = status[name];
    if (list === undefined) return true;
    return Array.isArray(list) && list.every((one) => isObject(one) && isReadableStatus(one));
  });
}
