/** Rules by country, from a database that comes and goes. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CompiledAccessRule } from '../../src/proxy/filter/access-rule.ts';
import { CountryDatabase, MAX_DATABASE_BYTES } from '../../src/proxy/state/country-database.ts';
import type { RigOptions } from '../served/rig.ts';
import { Asker, guardedSite, ROUTE } from './authentication-asker.ts';
import { countryFile } from './country-file.ts';
import { requestPolicy } from './policy.ts';

const NETWORKS = { '198.51.100.0/24': 'DE', '203.0.113.0/25': 'FR', '2001:db8:1::/48': 'DE' };
const [GERMAN, FRENCH, GERMAN_6, NOWHERE] = ['198.51.100.7', '203.0.113.7', '2001:db8:1::7', '192.0.2.1'];
const CLIENTS = [GERMAN, FRENCH, GERMAN_6, NOWHERE] as const;

let folder: string;
let file: string;
const closing: Array<() => unknown> = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'country-'));
  file = join(folder, 'countries.mmdb');
  await writeFile(file, countryFile(NETWORKS));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(folder, { recursive: true });
});

async function serving(spec: object, countryDatabase?: string, options: RigOptions = {}): Promise<Asker> {
  const site = guardedSite(requestPolicy('AccessPolicy', 'access', ROUTE, spec));
  const asker = await Asker.over(site, countryDatabase === undefined ? options : { countryDatabase, ...options });
  closing.push(() => asker.rig.close());
  return asker;
}

async function statuses(asker: Asker): Promise<number[]> {
  const all: number[] = [];
  for (const from of CLIENTS) all.push(await asker.status({ from }));
  return all;
}

describe('rules by country', () => {
  test('allow whoever is there, and nobody of whom it is not known', async () => {
    expect(await statuses(await serving({ allow: [{ countries: ['DE'] }] }, file))).toEqual([200, 403, 200, 403]);
    expect(await statuses(await serving({ allow: [{ countries: ['DE', 'FR'], methods: ['PUT'] }] }, file))).toEqual([
      403, 403, 403, 403,
    ]);
  });

  test('deny whoever is there', async () => {
    expect(await statuses(await serving({ deny: [{ countries: ['FR', 'IT'] }] }, file))).toEqual([200, 403, 200, 200]);
  });

  test('deny all where no database is given, and the status says what to do', async () => {
    // Whoever translates knows of the data planes of a standalone gateway, and of no others.
    for (const countries of ['unknown', 'known'] as const) {
      const asker = await serving({ deny: [{ countries: ['FR'] }] }, undefined, { countries });
      expect(await statuses(asker)).toEqual([500, 500, 500, 500]);
      expect(await asker.status({ host: 'b.example' })).toBe(200);
      const told = JSON.stringify(asker.rig.report());
      expect(told.includes('deny[0].countries')).toBe(countries === 'unknown');
      expect(told.includes('start the gateway with --country-database FILE')).toBe(countries === 'unknown');
    }
    const rule = { name: 'r', addresses: [], countries: ['FR'], methods: [], paths: [], headers: [], times: [] };
    expect(() => new CompiledAccessRule(rule, 'Any')).toThrow('start the data plane with --country-database FILE');
  });

  test.each<[string, () => Promise<void>]>([
    ['is not there', () => rm(file)],
    ['is no database', () => writeFile(file, 'no database')],
    ['is half of one', () => writeFile(file, countryFile(NETWORKS).subarray(0, -20))],
  ])('deny all where the database %s', async (_, spoil) => {
    await spoil();
    expect(await statuses(await serving({ deny: [{ countries: ['FR'] }] }, file))).toEqual([403, 403, 403, 403]);
    expect(await statuses(await serving({ allow: [{ countries: ['FR'] }] }, file))).toEqual([403, 403, 403, 403]);
  });
});

describe('the database', () => {
  const open = (): CountryDatabase => {
    const database = new CountryDatabase(file);
    closing.push(() => database.close());
    return database;
  };

  test('is read anew when it changes; what is no database changes nothing', async () => {
    const database = open();
    expect(CLIENTS.map((one) => database.countryOf(one))).toEqual(['DE', 'FR', 'DE', null]);
    expect(database.countryOf(`::ffff:${GERMAN}`)).toBe('DE');
    expect(database.countryOf('none')).toBeUndefined();
    await writeFile(`${file}.new`, countryFile({ '198.51.100.0/24': 'IT' }));
    await rename(`${file}.new`, file);
    await database.refresh();
    expect([database.countryOf(GERMAN), database.countryOf(FRENCH), database.version]).toEqual(['IT', null, 2]);
    await writeFile(file, 'no database');
    await database.refresh();
    await rm(file);
    await database.refresh();
    expect([database.countryOf(GERMAN), database.version]).toEqual(['IT', 2]);
    expect(database.metrics()[0]!.series[0]!).toMatchObject({ value: 1_700_000_000 });
  });

  test('comes later than the data plane', async () => {
    await rm(file);
    const database = open();
    expect([database.countryOf(GERMAN), database.metrics()[0]!.series[0]]).toMatchObject([undefined, { value: 0 }]);
    await writeFile(file, countryFile(NETWORKS));
    await expect.poll(() => database.countryOf(GERMAN), { timeout: 20_000 }).toBe('DE');
  }, 30_000);

  test('that is too large is not read', async () => {
    const handle = await import('node:fs/promises').then(({ open: opened }) => opened(file, 'r+'));
    await handle.truncate(MAX_DATABASE_BYTES + 1);
    await handle.close();
    expect(open().countryOf(GERMAN)).toBeUndefined();
  });
});
