/** What docs/guides/parameters.md tells its reader to write, and whether it names all there is. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { DaemunParameters } from '../../src/api/index.ts';
import { wantedObjects } from '../../src/reconcile/index.ts';
import { check, SCHEMAS, type Schema } from '../../src/sources/schema/index.ts';
import { guideBlocks } from '../house/guide.ts';
import { textOf } from '../house/tree.ts';
import { SETTINGS } from './infrastructure-desk.ts';

const PAGE = 'docs/guides/parameters.md';

function fieldsOf(schema: Schema): string[] {
  return schema.type === 'object' ? Object.keys(schema.fields) : [];
}

test('its example is accepted as it stands, and its patch does what it is there for', () => {
  const [block] = guideBlocks(PAGE).filter(({ language }) => language === 'yaml');
  const { value, problems } = check(SCHEMAS.DaemunParameters, parse(block!.text));
  expect(problems).toEqual([]);
  const { spec: parameters } = value as DaemunParameters;
  const gateway = { namespace: 'shop', name: 'edge', uid: '1', className: 'daemun', labels: {}, annotations: {} };
  const made = wantedObjects(
    { ...gateway, ports: [{ port: 80, protocol: 'TCP' }], requests: [], parameters },
    SETTINGS,
  );
  const deployment = made.find(({ kind }) => kind === 'Deployment');
  expect(JSON.stringify(deployment)).toContain('"preStop":{"sleep":{"seconds":5}}');
  expect(JSON.stringify(deployment)).toContain('--max-old-space-size=153');
  expect(JSON.stringify(deployment)).toContain('"--country-database=/var/lib/daemun/countries/GeoLite2-Country.mmdb"');
  expect(JSON.stringify(deployment)).toContain(
    '{"name":"countries","mountPath":"/var/lib/daemun/countries","readOnly":true}',
  );
});

test.each(['/etc/x.mmdb', '../x.mmdb', 'a/../x.mmdb', 'a//x', '.', ''])(
  'a file of countries is on its volume: not %j',
  (file) => {
    const spec = { countryDatabase: { file, volume: { emptyDir: {} } } };
    const object = {
      apiVersion: 'gateway.daemun.dev/v1alpha1',
      kind: 'DaemunParameters',
      metadata: { name: 'x' },
      spec,
    };
    expect(check(SCHEMAS.DaemunParameters, object).problems).toMatchObject([
      { path: ['spec', 'countryDatabase', 'file'] },
    ]);
  },
);

test('addresses of others are not for a patch to take', () => {
  const patches = [{ kind: 'Service', patch: { spec: { externalIPs: [] } } }];
  const object = { apiVersion: 'gateway.daemun.dev/v1alpha1', kind: 'DaemunParameters', metadata: { name: 'x' } };
  expect(check(SCHEMAS.DaemunParameters, { ...object, spec: { patches } }).problems).toMatchObject([
    { path: ['spec', 'patches', 0, 'patch.spec.externalIPs'] },
  ]);
});

test('it names every field, and every field of those that have some', () => {
  const { spec } = (SCHEMAS.DaemunParameters as Schema & { fields: Record<string, { schema: Schema }> }).fields;
  const top = (spec!.schema as { fields: Record<string, { schema: Schema }> }).fields;
  const names = Object.entries(top).flatMap(([name, { schema }]) => [name, ...fieldsOf(schema)]);
  const page = textOf(PAGE);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(page))).toEqual([]);
});
