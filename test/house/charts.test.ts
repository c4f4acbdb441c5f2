/** What the charts hold of generated things is what the code says. `npm run docs` writes it anew. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { KINDS } from '../../src/api/index.ts';
import { crdText, ownKinds } from './crd/schema-crd.ts';

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
