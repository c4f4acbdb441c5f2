/** The CRDs of our own kinds, as they are made, against the schemas that they are made from: an API server is no laxer. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Kind } from '../../src/api/index.ts';
import { check, type JsonObject, SCHEMAS, type Schema } from '../../src/sources/schema/index.ts';
import { crdOf, ownKinds } from '../house/crd/schema-crd.ts';
import { mutations, type Specimen, samplesOf } from './corpus.ts';
import type { OpenApi } from './open-api-schema.ts';
import { judge } from './openapi.ts';

/** What no schema of an API server can say, or within its budget; we do, where the object is read. */
const OURS_ALONE =
  /has an item without a name|must be an object|repeats|host name|must not be empty|percent-encoded bytes/;

const seeds = parseAllDocuments(await readFile(new URL('own-seeds.yaml', import.meta.url), 'utf8')).map(
  (document) => document.toJS() as JsonObject,
);
const samples = samplesOf(seeds);

function schemaOf(kind: Kind): OpenApi {
  const { spec } = crdOf(kind) as { spec: { versions: Array<{ schema: { openAPIV3Schema: OpenApi } }> } };
  return spec.versions[0]!.schema.openAPIV3Schema;
}

/** Metadata is the API server's own affair, and checked beside the CRD. */
function isOfSpec({ object }: Specimen, seed: JsonObject): boolean {
  return ['apiVersion', 'kind', 'metadata'].every(
    (field) => JSON.stringify(object[field]) === JSON.stringify(seed[field]),
  );
}

test('every kind has an object that all others are made from', () => {
  expect(ownKinds().filter((kind) => !seeds.some((seed) => seed.kind === kind))).toEqual([]);
});

test.each(ownKinds())('%s', (kind) => {
  const schema = schemaOf(kind);
  let [compared, refused] = [0, 0];
  const differences: string[] = [];
  for (const seed of seeds.filter((one) => one.kind === kind)) {
    expect(check(SCHEMAS[kind], seed).problems).toEqual([]);
    expect(judge(schema, seed).errors).toEqual([]);
    for (const specimen of mutations(seed, { schema, samples })) {
      if (!isOfSpec(specimen, seed)) continue;
      const theirs = judge(schema, specimen.object).errors;
      const ours = check(SCHEMAS[kind], specimen.object).problems.filter(({ severity }) => severity === 'error');
      compared++;
      if (theirs.length > 0) refused++;
      if (theirs.length > 0 === ours.length > 0) continue;
      if (theirs.length === 0 && ours.every(({ message }) => OURS_ALONE.test(message))) continue;
      const said = ours.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ');
      differences.push(`${specimen.how}: we: ${said || 'accepted'}; CRD: ${theirs.join('; ') || 'accepted'}`);
    }
  }
  expect(differences.slice(0, 20).join('\n')).toBe('');
  expect(refused).toBeGreaterThan(compared / 10);
});

/** An API server takes no CRD with a default that the CRD itself refuses. */
function wrongDefaults(schema: OpenApi, path: string): string[] {
  const { default: own, properties = {}, items, additionalProperties } = schema as OpenApi & { default?: unknown };
  const wrong = own === undefined ? [] : judge(schema, own as JsonObject).errors.map((error) => `${path}: ${error}`);
  const inner = Object.entries(properties).flatMap(([name, one]) => wrongDefaults(one, `${path}.${name}`));
  const rest = [items, additionalProperties].filter((one) => typeof one === 'object');
  return [...wrong, ...inner, ...rest.flatMap((one) => wrongDefaults(one, `${path}[]`))];
}

test.each(ownKinds())('every default of %s is one that it takes', (kind) => {
  expect(wrongDefaults(schemaOf(kind), kind)).toEqual([]);
});

/** Whether something below refers to another object than what a policy is for. */
function refers(schema: Schema): boolean {
  if (schema.type === 'list') return refers(schema.items);
  if (schema.type === 'map') return refers(schema.value);
  if (schema.type !== 'object') return false;
  const others = Object.entries(schema.fields).filter(([name]) => name !== 'targetRefs');
  return others.some(([name, field]) => /Refs?$/.test(name) || refers(field.schema));
}

/** Of which a policy without its Secret is not Accepted, since nothing of it can be followed. */
const TOLD_AT_ONCE: readonly Kind[] = ['RateLimitPolicy'];

test.each(ownKinds())('kubectl get shows whether all that a %s names is there', (kind) => {
  const { spec } = crdOf(kind) as { spec: { versions: Array<{ additionalPrinterColumns: Array<{ name: string }> }> } };
  const names = spec.versions[0]!.additionalPrinterColumns.map(({ name }) => name);
  const told = kind.endsWith('Policy') && refers(SCHEMAS[kind]) && !TOLD_AT_ONCE.includes(kind);
  expect(names.includes('ResolvedRefs')).toBe(told);
});

test.each(ownKinds().filter((kind) => kind.endsWith('Policy')))(
  'kubectl get shows what is wrong with a %s, with whichever of its targets it is',
  (kind) => {
    const { spec } = crdOf(kind) as { spec: { versions: Array<{ additionalPrinterColumns: object[] }> } };
    // No more than the first value is shown: that of the first ancestor would hide the second's.
    const jsonPath = '.status.ancestors[*].conditions[?(@.status=="False")].reason';
    expect(spec.versions[0]!.additionalPrinterColumns).toContainEqual({ name: 'Problem', type: 'string', jsonPath });
  },
);
