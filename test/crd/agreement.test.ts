/** Our schemas against the CRDs of the Gateway API, which Go's module cache gives: nothing of theirs is kept here. */
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { KINDS, type Kind } from '../../src/api/index.ts';
import { chunksOf } from '../../src/sources/chunk.ts';
import { entriesOf } from '../../src/sources/document.ts';
import { check, type JsonObject, schemaOf } from '../../src/sources/schema/index.ts';
import { mutations, type Specimen, samplesOf } from './corpus.ts';
import { goModule, type ModuleFiles } from './go-module.ts';
import type { OpenApi } from './open-api-schema.ts';
import { judge, type Verdict } from './openapi.ts';

const MODULE = 'sigs.k8s.io/gateway-api';
const CRDS = /^config\/crd\/standard\/gateway\.networking\.k8s\.io_(?!vap)\w+\.yaml$/;
const EXAMPLES = /^(examples|hack\/invalid-examples)\/standard\/.*\.yaml$/;

interface Difference {
  why: string;
  covers: (specimen: Specimen, theirs: Verdict) => boolean;
}

const portTellsParentsApart: Difference = {
  why: 'parentRefs that differ in port only are of the experimental channel, and served',
  covers: (_, { errors }) => errors.length > 0 && errors.every((error) => error.includes('sectionName must be unique')),
};

/** Where we differ from a version on purpose. */
const DIFFERENCES: Record<string, Difference[]> = {
  'v1.7.0': [portTellsParentsApart],
  'v1.6.3': [
    portTellsParentsApart,
    {
      why: 'retry came to the standard channel with 1.7',
      covers: ({ object }) => JSON.stringify(object).includes('"retry"'),
    },
    { why: '1.7 asks for names of rules to be unique', covers: ({ object }) => hasTwins(object) },
  ],
};

function hasTwins({ spec }: JsonObject): boolean {
  const rules = (spec as { rules?: Array<{ name?: string } | null> } | null)?.rules;
  if (!Array.isArray(rules)) return false;
  const names = rules.flatMap((rule) => rule?.name ?? []);
  return new Set(names).size < names.length;
}

const seeds = parseAllDocuments(await readFile(new URL('seeds.yaml', import.meta.url), 'utf8')).map(
  (document) => document.toJS() as JsonObject,
);

async function load(version: string): Promise<Map<string, string> | undefined> {
  const found: ModuleFiles = await goModule(`${MODULE}@${version}`, (path) => CRDS.test(path) || EXAMPLES.test(path));
  if ('files' in found) return found.files;
  console.log(`not compared with the CRDs of Gateway API ${version}: ${found.missing}`);
  return undefined;
}

function schemasOf(files: Map<string, string>, version = 'v1'): Map<Kind, OpenApi> {
  const schemas = new Map<Kind, OpenApi>();
  for (const [path, text] of files) {
    if (!CRDS.test(path)) continue;
    const { spec } = parse(text) as {
      spec: { names: { kind: Kind }; versions: Array<{ name: string; schema: { openAPIV3Schema: OpenApi } }> };
    };
    const found = spec.versions.find(({ name }) => name === version);
    if (found) schemas.set(spec.names.kind, found.schema.openAPIV3Schema);
  }
  return schemas;
}

/** What the two say about an object, where it is not the same. */
function disagreement(kind: Kind, { how, object }: Specimen, theirs: Verdict): string | undefined {
  const ours = check(schemaOf(kind, String(object.apiVersion)), object);
  const errors = ours.problems.filter(({ severity }) => severity === 'error');
  const about = `${kind} ${(object.metadata as JsonObject).name}: ${how}`;
  if (errors.length > 0 !== theirs.errors.length > 0) {
    const said = errors.map(({ path, message }) => `${path.join('.')} ${message}`);
    return `${about}\n    we: ${said.join('; ') || 'accepted'}\n    CRD: ${theirs.errors.join('; ') || 'accepted'}`;
  }
  if (errors.length > 0) return undefined;
  const [mine, stored] = [ours.value, theirs.stored].map((value) => (value as JsonObject).spec);
  if (isDeepStrictEqual(mine, stored)) return undefined;
  return `${about}\n    we store:   ${JSON.stringify(mine)}\n    they store: ${JSON.stringify(stored)}`;
}

test.each([
  { version: 'v1.7.0', every: 1 },
  { version: 'v1.6.3', every: 10 },
])(
  'agrees with the CRDs of $version about every place of every kind',
  { timeout: 180_000 },
  async ({ version, every }) => {
    const files = await load(version);
    if (!files) return;
    const schemas = schemasOf(files);
    const gatewayKinds = Object.entries(KINDS).filter(([, { group }]) => group === 'gateway.networking.k8s.io');
    expect([...schemas.keys()].sort()).toEqual(gatewayKinds.map(([kind]) => kind).sort());
    const samples = samplesOf(seeds);
    const disagreements: string[] = [];
    let compared = 0;
    let refused = 0;
    for (const seed of seeds) {
      const kind = seed.kind as Kind;
      const schema = schemas.get(kind)!;
      const specimens = [{ how: 'as it is', object: seed }, ...mutations(seed, { schema, samples })];
      for (const [i, specimen] of specimens.entries()) {
        if (i % every !== 0) continue;
        const theirs = judge(schema, specimen.object);
        compared++;
        if (theirs.errors.length > 0) refused++;
        const difference = disagreement(kind, specimen, theirs);
        if (!difference) continue;
        if (!DIFFERENCES[version]!.some(({ covers }) => covers(specimen, theirs))) disagreements.push(difference);
      }
    }
    console.log(`compared ${compared} objects with ${version}: ${refused} refused by the CRDs`);
    expect(disagreements.slice(0, 40).join('\n')).toBe('');
    expect(refused).toBeGreaterThan(compared / 10);
  },
);

/** The field belongs to the experimental channel alone, whose other fields are not all read. */
test.each(['v1.7.0', 'v1.6.3'])('agrees with the experimental CRD of %s about ExternalAuth', async (version) => {
  const path = 'config/crd/experimental/gateway.networking.k8s.io_httproutes.yaml';
  const found: ModuleFiles = await goModule(`${MODULE}@${version}`, (one) => one === path);
  if (!('files' in found)) return console.log(`not compared with ${version}: ${found.missing}`);
  const { spec } = parse(found.files.get(path)!) as {
    spec: { versions: Array<{ name: string; schema: { openAPIV3Schema: OpenApi } }> };
  };
  const schema = spec.versions.find(({ name }) => name === 'v1')!.schema.openAPIV3Schema;
  const samples = samplesOf([EXTERNAL_AUTH]);
  const specimens = [...mutations(EXTERNAL_AUTH, { schema, samples })].filter(
    ({ how }) =>
      // 1.6 has no bounds for it.
      how.includes('externalAuth') && !(version === 'v1.6.3' && how.includes('maxSize = ')),
  );
  expect(specimens.length).toBeGreaterThan(200);
  const all = [{ how: 'as it is', object: EXTERNAL_AUTH }, ...specimens];
  const disagreements = all.flatMap(
    (specimen) => disagreement('HTTPRoute', specimen, judge(schema, specimen.object)) ?? [],
  );
  expect(disagreements.slice(0, 40).join('\n')).toBe('');
});

const EXTERNAL_AUTH: JsonObject = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'guarded' },
  spec: {
    rules: [
      {
        filters: [
          {
            type: 'ExternalAuth',
            externalAuth: {
              protocol: 'HTTP',
              backendRef: { name: 'auth', namespace: 'infra', port: 80 },
              http: { path: '/check', allowedHeaders: ['Cookie', 'X-A'], allowedResponseHeaders: ['X-User'] },
              forwardBody: { maxSize: 1000 },
            },
          },
          {
            type: 'ExternalAuth',
            externalAuth: {
              protocol: 'GRPC',
              backendRef: { name: 'auth', port: 9000 },
              grpc: { allowedHeaders: ['X-A'] },
            },
          },
        ],
      },
    ],
  },
};

/** An old version keeps what v1 asks for, too: clients send no address as server name. */
const addressAsName: Difference = {
  why: 'an IP address as hostname can never be a server name (SNI)',
  covers: ({ object }) => /"hostnames":\[[^\]]*"[\d.]+"/.test(JSON.stringify(object)),
};

test('agrees with the CRDs of v1.7.0 about old versions that accept more than v1', { timeout: 60_000 }, async () => {
  const files = await load('v1.7.0');
  if (!files) return;
  const schemas = schemasOf(files, 'v1alpha2');
  const samples = samplesOf(seeds);
  const disagreements: string[] = [];
  let more = 0;
  for (const { kind, ...seed } of seeds) {
    const schema = schemas.get(kind as Kind);
    if (schema === undefined) continue;
    const old: JsonObject = { ...seed, kind, apiVersion: 'gateway.networking.k8s.io/v1alpha2' };
    const [rule] = (old.spec as { rules: JsonObject[] }).rules;
    const several = { ...old, spec: { ...(old.spec as JsonObject), rules: [rule, { ...rule, name: 'other' }] } };
    for (const specimen of [{ how: 'as it is', object: several }, ...mutations(several, { schema, samples })]) {
      const theirs = judge(schema, specimen.object);
      const difference = disagreement(kind as Kind, specimen, theirs);
      if (difference && !addressAsName.covers(specimen, theirs)) disagreements.push(difference);
      if (theirs.errors.length === 0) more++;
    }
  }
  expect(disagreements.slice(0, 40).join('\n')).toBe('');
  expect(more).toBeGreaterThan(50);
});

test('accepts the examples of Gateway API v1.7.0 and refuses its invalid ones', async () => {
  const files = await load('v1.7.0');
  if (!files) return;
  const wrong: string[] = [];
  let judged = 0;
  for (const [path, text] of files) {
    if (!EXAMPLES.test(path)) continue;
    const admissions = chunksOf(text).flatMap((chunk) => entriesOf(chunk.text));
    const refused = admissions.filter(({ admission }) => admission.verdict === 'refused');
    judged++;
    if (refused.length > 0 !== path.includes('invalid')) {
      wrong.push(`${path}: ${JSON.stringify(refused.flatMap(({ notes }) => notes))}`);
    }
  }
  expect(wrong.join('\n')).toBe('');
  expect(judged).toBeGreaterThan(50);
});
