/** What the charts hold of generated things is what the code says. `npm run docs` writes it anew. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { KINDS } from '../../src/api/index.ts';
import { crdText, ownKinds } from './crd/schema-crd.ts';

interface Crd {
  spec: { versions: Array<{ schema: { openAPIV3Schema: { properties: { spec: object } } } }> };
}

const CRDS = fileURLToPath(new URL('../../charts/daemun/files/crd', import.meta.url));
const fileOf = (kind: keyof typeof KINDS): string => `${KINDS[kind].group}_${kind.toLowerCase()}.yaml`;

test.each(ownKinds())('CRD of %s', async (kind) => {
  await expect(crdText(kind)).toMatchFileSnapshot(`${CRDS}/${fileOf(kind)}`);
});

test('the chart has the CRDs of our kinds, and no others', () => {
  expect(readdirSync(CRDS).sort()).toEqual(ownKinds().map(fileOf).sort());
});

test('the plain manifests have them, too: `npm run docs` renders them with Helm', () => {
  const plain = readFileSync(new URL('../../charts/install.yaml', import.meta.url), 'utf8');
  expect(ownKinds().filter((kind) => !plain.includes(crdText(kind)))).toEqual([]);
});

test('no field is called by a word that kubectl and Helm read as true or false', () => {
  const words = ownKinds().filter((kind) => /^ +(?:on|off|yes|no|y|n):/im.test(crdText(kind)));
  expect(words).toEqual([]);
});

/** As JSON Schema has it, which Helm asks: what Kubernetes says in words of its own, and that no other field is there. */
function jsonSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(jsonSchema);
  if (typeof value !== 'object' || value === null) return value;
  const schema = value as Record<string, unknown>;
  const kept = Object.entries(schema).filter(([name]) => !name.startsWith('x-kubernetes-') && name !== 'description');
  const found = Object.fromEntries(kept.map(([name, of]) => [name, name === 'enum' ? of : jsonSchema(of)]));
  if (schema['x-kubernetes-int-or-string'] === true) {
    const { anyOf: _, ...rest } = found;
    return { ...rest, type: ['integer', 'string'] };
  }
  const isClosed = found.properties !== undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true;
  return isClosed ? { ...found, additionalProperties: false } : found;
}

test.each(['daemun', 'gateway'])('values of the chart %s know all fields of DaemunParameters', async (chart) => {
  const path = fileURLToPath(new URL(`../../charts/${chart}/values.schema.json`, import.meta.url));
  const schema = JSON.parse(readFileSync(path, 'utf8')) as object;
  const crd = parse(crdText('DaemunParameters')) as Crd;
  const { spec } = crd.spec.versions[0]!.schema.openAPIV3Schema.properties;
  const now = { ...schema, definitions: { parameters: jsonSchema(spec) } };
  await expect(`${JSON.stringify(now, undefined, 2)}\n`).toMatchFileSnapshot(path);
});
