/** Our kinds as CustomResourceDefinitions: what src/sources/schema accepts, as an API server checks it. */
import { stringify } from 'yaml';
import { KINDS, type Kind } from '../../../src/api/index.ts';
import { SCHEMAS, type Schema } from '../../../src/sources/schema/index.ts';
import { fieldComments } from './field-comment.ts';

export type JsonSchema = Record<string, unknown>;

/** The kinds of our own groups, in the order of their names. */
export function ownKinds(): Kind[] {
  return (Object.keys(KINDS) as Kind[]).filter((kind) => KINDS[kind].group.endsWith('daemun.dev')).sort();
}

export function crdName(kind: Kind): string {
  return `${pluralOf(kind)}.${KINDS[kind].group}`;
}

export function crdOf(kind: Kind): JsonSchema {
  const { group, version, namespaced } = KINDS[kind];
  const policy = isPolicy(kind);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: crdName(kind),
      // Whoever removes the chart keeps what users wrote.
      annotations: { 'helm.sh/resource-policy': 'keep' },
      labels: {
        'app.kubernetes.io/name': 'daemun',
        ...(policy ? { 'gateway.networking.k8s.io/policy': INHERITED.includes(kind) ? 'Inherited' : 'Direct' } : {}),
      },
    },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural: pluralOf(kind),
        singular: kind.toLowerCase(),
        categories: ['gateway-api'],
      },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: columnsOf(kind),
          schema: { openAPIV3Schema: rootOf(kind) },
          ...(policy ? { subresources: { status: {} } } : {}),
        },
      ],
    },
  };
}

export function crdText(kind: Kind): string {
  return `# Written by \`npm run docs\` from src/sources/schema/.\n${stringify(crdOf(kind), { lineWidth: 110 })}`;
}

/** What `kubectl get` shows: of a policy what it is for, and whether all that it names is there, where it may name something. */
function columnsOf(kind: Kind): JsonSchema[] {
  if (!isPolicy(kind)) return [AGE];
  const conditions = REFERRING.includes(kind) ? ['Accepted', 'ResolvedRefs'] : ['Accepted'];
  return [TARGET, ...conditions.map(conditionColumn), PROBLEM, AGE];
}

const AGE = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const TARGET = { name: 'Target', type: 'string', jsonPath: '.spec.targetRefs[*].name' };

/** An API server shows the first that it finds: of the conditions those of one ancestor, and of this of whichever has it. */
const PROBLEM = {
  name: 'Problem',
  type: 'string',
  jsonPath: '.status.ancestors[*].conditions[?(@.status=="False")].reason',
};

function conditionColumn(type: string): JsonSchema {
  return { name: type, type: 'string', jsonPath: `.status.ancestors[*].conditions[?(@.type=="${type}")].status` };
}

/** Those whose status may have the condition ResolvedRefs. */
const REFERRING: readonly Kind[] = [
  'AuthenticationPolicy',
  'ResponsePolicy',
  'BackendTrafficPolicy',
  'ClientTrafficPolicy',
];

/** Those whose settings pass from what is broader to what is nearer (GEP-713). */
const INHERITED: readonly Kind[] = [
  'RateLimitPolicy',
  'AccessPolicy',
  'AuthenticationPolicy',
  'FaultPolicy',
  'RewritePolicy',
  'ResponsePolicy',
];

function isPolicy(kind: Kind): boolean {
  return kind.endsWith('Policy');
}

/** As Kubernetes names resources. A kind that is a plural already stays one. */
function pluralOf(kind: Kind): string {
  const lower = kind.toLowerCase();
  if (lower.endsWith('s')) return lower;
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}

function rootOf(kind: Kind): JsonSchema {
  const comments = fieldComments(kind);
  const { spec } = SCHEMAS[kind].fields;
  return {
    type: 'object',
    ...described(comments.get('')),
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: openApi(spec!.schema, { comments, path: 'spec' }),
      ...(isPolicy(kind) ? { status: POLICY_STATUS } : {}),
    },
  };
}

interface Place {
  comments: ReadonlyMap<string, string>;
  /** Names of fields; items of lists and values of maps have none. */
  path: string;
}

export function openApi(schema: Schema, at: Place): JsonSchema {
  return { ...described(at.comments.get(at.path)), ...shapeOf(schema, at) };
}

function shapeOf(schema: Schema, at: Place): JsonSchema {
  switch (schema.type) {
    case 'object':
      return {
        type: 'object',
        ...requiredOf(schema),
        properties: Object.fromEntries(
          Object.entries(schema.fields).map(([name, field]) => [
            name,
            {
              ...openApi(field.schema, { ...at, path: `${at.path}.${name}` }),
              ...(field.default === undefined ? {} : { default: field.default }),
            },
          ]),
        ),
        ...validations(schema.rules),
      };
    case 'map':
      return {
        type: 'object',
        additionalProperties: openApi(schema.value, { ...at, path: `${at.path}.*` }),
        ...bounded('maxProperties', schema.max),
        ...validations(schema.rules),
      };
    case 'list':
      return {
        type: 'array',
        items: openApi(schema.items, { ...at, path: `${at.path}.*` }),
        ...(schema.min > 0 ? { minItems: schema.min } : {}),
        ...bounded('maxItems', schema.max),
        ...uniqueness(schema),
        ...validations(schema.rules),
      };
    case 'string':
      return {
        type: 'string',
        ...(schema.min > 0 ? { minLength: schema.min } : {}),
        ...bounded('maxLength', schema.max),
        ...(schema.values ? { enum: schema.values } : {}),
        ...schema.format?.openApi,
      };
    case 'integer':
      return {
        type: 'integer',
        format: schema.max > 2 ** 31 - 1 ? 'int64' : 'int32',
        ...(schema.min > -(2 ** 31) ? { minimum: schema.min } : {}),
        ...(schema.max < 2 ** 31 - 1 ? { maximum: schema.max } : {}),
        ...(schema.values ? { enum: schema.values } : {}),
      };
    case 'boolean':
      return { type: 'boolean' };
    case 'port':
    case 'amount':
      return { 'x-kubernetes-int-or-string': true };
    case 'free':
      return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  }
}

function described(comment: string | undefined): JsonSchema {
  return comment === undefined ? {} : { description: comment };
}

function bounded(name: string, max: number): JsonSchema {
  return Number.isFinite(max) ? { [name]: max } : {};
}

function requiredOf({ fields }: Extract<Schema, { type: 'object' }>): JsonSchema {
  const names = Object.keys(fields).filter((name) => fields[name]!.required);
  return names.length === 0 ? {} : { required: names };
}

/** What is the identity of an item must be there in each of them. */
function uniqueness({ unique, items }: Extract<Schema, { type: 'list' }>): JsonSchema {
  if (unique === undefined) return {};
  if (unique === 'set') return { 'x-kubernetes-list-type': 'set' };
  const fields = items.type === 'object' ? items.fields : {};
  if (!unique.every((name) => fields[name]?.required || fields[name]?.default !== undefined)) return {};
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': unique };
}

/** Rules that say themselves in CEL; the others are checked where objects are read. */
function validations(rules: Extract<Schema, { type: 'object' }>['rules']): JsonSchema {
  const told = rules.flatMap(({ cel, message, field }) => {
    if (cel === undefined) return [];
    const text = typeof message === 'string' ? { message: field === undefined ? message : `${field} ${message}` } : {};
    return [{ rule: cel, ...text }];
  });
  return told.length === 0 ? {} : { 'x-kubernetes-validations': told };
}

const text = (maxLength: number): JsonSchema => ({ type: 'string', maxLength });

const CONDITION = {
  type: 'object',
  required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
  properties: {
    type: text(316),
    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
    observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
    lastTransitionTime: { type: 'string', format: 'date-time' },
    reason: text(1024),
    message: text(32768),
  },
};

const ANCESTOR = {
  type: 'object',
  required: ['ancestorRef', 'controllerName', 'conditions'],
  properties: {
    ancestorRef: {
      type: 'object',
      required: ['name'],
      properties: {
        group: { ...text(253), default: 'gateway.networking.k8s.io' },
        kind: { ...text(63), default: 'Gateway' },
        namespace: text(63),
        name: text(253),
        sectionName: text(253),
        port: { type: 'integer', format: 'int32', minimum: 1, maximum: 65535 },
      },
    },
    controllerName: text(253),
    conditions: {
      type: 'array',
      items: CONDITION,
      minItems: 1,
      maxItems: 8,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    },
  },
};

const POLICY_STATUS = {
  description: 'What the controllers that work on it say, for each Gateway.',
  type: 'object',
  required: ['ancestors'],
  properties: {
    ancestors: { type: 'array', items: ANCESTOR, maxItems: 16, 'x-kubernetes-list-type': 'atomic' },
  },
};
