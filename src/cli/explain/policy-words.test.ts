/** `daemun explain` has words for every field of every policy that data planes are sent, or it is listed why it has none. */
import type * as v from 'valibot';
import { expect, test } from 'vitest';
import { type ConfigObject, POLICY_TYPES, type Policy, policyKey, Snapshot } from '../../config/index.ts';
import { backendHealth } from './backend-health.ts';
import { policyEffects } from './policy-effect.ts';
import { placesOf } from './policy-place.ts';
import { backendTrafficText, clientTrafficText } from './traffic-text.ts';

type Type = Policy['type'];
interface Leaf {
  path: Array<string | number>;
  /** As it is told: without places in lists. */
  field: string;
  other: unknown;
}

type Node = v.GenericSchema & {
  entries?: Record<string, Node>;
  item?: Node;
  wrapped?: Node;
  value?: Node;
  options?: readonly unknown[];
  literal?: unknown;
};

/** A value that has every field, and where its leaves are; `pick`: which of several forms it has. */
class Sample {
  readonly leaves: Leaf[] = [];
  readonly #pick: number;
  #count = 0;

  constructor(pick: number) {
    this.#pick = pick;
  }

  of(node: Node, path: Leaf['path'] = [], field = ''): unknown {
    switch (node.type) {
      case 'object':
        return Object.fromEntries(
          Object.entries(node.entries!).map(([name, one]) => [
            name,
            this.of(one, [...path, name], field === '' ? name : `${field}.${name}`),
          ]),
        );
      case 'array':
        return [this.of(node.item!, [...path, 0], field)];
      case 'record':
        return { a: this.of(node.value!, [...path, 'a'], field) };
      case 'optional':
        // What stands there in one way only is there, or it is not.
        if (node.wrapped!.type === 'literal' && this.#pick % 2 === 1) return undefined;
        return this.of(node.wrapped!, path, field);
      case 'variant':
      case 'union': {
        const form = node.options![this.#pick % node.options!.length] as Node;
        const type = form.entries?.type?.literal;
        return this.of(form, path, type === undefined ? field : `${field}(${String(type)})`);
      }
      case 'literal':
        return node.literal;
      case 'boolean':
        return this.#leaf({ path, field, other: this.#pick % 2 === 1 }, this.#pick % 2 === 0);
      case 'picklist':
        return this.#leaf({ path, field, other: node.options![1] ?? 'other' }, node.options![0]);
      case 'number':
        return this.#leaf({ path, field, other: 123_456 }, 10_240 + this.#count++);
      case 'string':
        return this.#leaf({ path, field, other: 'another' }, `text${this.#count++}`);
      default:
        throw new Error(`${field}: nobody knows what a ${node.type} is`);
    }
  }

  #leaf(leaf: Leaf, value: unknown): unknown {
    this.leaves.push(leaf);
    return value;
  }
}

const FORMS = 9;
const AT = 'd/g/l';
/** The first text that a sample has. */
const SOURCE = 'text0';

function textOf(type: Type, spec: unknown): string {
  const kind = POLICY_TYPES[type].targets[0]!;
  const policy = { kind: 'Policy', key: policyKey(type, AT), type, target: { kind, key: AT }, spec } as ConfigObject;
  const snapshot = Snapshot.EMPTY.apply({ version: 1, upserts: [policy], removals: [] });
  const effects = policyEffects(snapshot, { listener: AT, rule: undefined, backends: [] });
  const places = placesOf(snapshot, SOURCE);
  const texts = [clientTrafficText(snapshot, AT), backendTrafficText(snapshot, AT), backendHealth(snapshot, AT, [])];
  return JSON.stringify([effects, places, texts]);
}

function changed(value: unknown, [step, ...rest]: Leaf['path'], other: unknown): unknown {
  if (step === undefined) return other;
  const copy: Record<string | number, unknown> | unknown[] = Array.isArray(value)
    ? [...value]
    : { ...(value as object) };
  const at = copy as Record<string | number, unknown>;
  at[step] = changed(at[step], rest, other);
  return copy;
}

/** Fields of which nothing is told, in whatever form the others are. */
function untold(type: Type): string[] {
  const told = new Map<string, boolean>();
  for (let pick = 0; pick < FORMS; pick++) {
    const sample = new Sample(pick);
    const spec = sample.of(POLICY_TYPES[type].shape as Node);
    const before = textOf(type, withoutBroken(spec));
    for (const { path, field, other } of sample.leaves) {
      if (path.includes('broken') || path.includes('source')) continue;
      const isTold = textOf(type, withoutBroken(changed(spec, path, other))) !== before;
      const name = field.replace('acts.settings.', '');
      told.set(name, isTold || told.get(name) === true);
    }
  }
  return [...told].flatMap(([name, isTold]) => (isTold ? [] : name));
}

/** What cannot be followed has no settings. */
function withoutBroken(spec: unknown): unknown {
  return JSON.parse(JSON.stringify(spec, (key, value) => (key === 'broken' ? undefined : value)));
}

/** Fields without words, and why. */
const SILENT: ReadonlyArray<[fields: RegExp, why: string]> = [
  [/(?:^|\.)login\.(?:username|password)$|^sessionPersistence\.secret$/, 'nobody is shown a secret'],
  [/\.credential$/, 'it is the key of what data planes are sent, and nobody wrote it'],
  [/(?:headers|query|set)\.value$/, 'what is asked of a line, or written into it, may be a secret'],
  [
    /^healthCheck\.(?:timeout|jitterPercent|healthyThreshold|unhealthyThreshold|initialState|question\(\w+\)\.host)$/,
    'it acts on checks and on no request',
  ],
  [/^purges\./, 'it is asked for once, and the status of the policy tells of it'],
];

const TYPES = Object.keys(POLICY_TYPES) as Type[];

test.each(TYPES)('%s has words for each field, but for those that are listed', (type) => {
  expect(untold(type).filter((field) => !SILENT.some(([fields]) => fields.test(field)))).toEqual([]);
});

test('what is listed is there, and has no words', () => {
  const all = TYPES.flatMap(untold);
  for (const [fields, why] of SILENT) expect([why, all.some((field) => fields.test(field))]).toEqual([why, true]);
});
