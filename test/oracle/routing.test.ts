/**
 * Worlds by chance, served over sockets, against a model that was written from the specification alone. ORACLE_SEED sets
 * where chance begins, ORACLE_WORLDS for how many worlds it goes on; with ORACLE_SHRINK a failure is made small.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXAMPLES } from './example.ts';
import { requests } from './random-request.ts';
import { worlds } from './random-world.ts';
import { ServedWorld } from './served-world.ts';

const SEED = Number(process.env.ORACLE_SEED ?? 20_261_130);
const WORLDS = Number(process.env.ORACLE_WORLDS ?? 25);
const REQUESTS = 40;
const HOUR = 3_600_000;

let served: ServedWorld;
beforeAll(async () => {
  served = await ServedWorld.start();
});
afterAll(() => served.close());

test(`what is served is what the specification says (seed ${SEED})`, { timeout: HOUR }, async () => {
  const many = fc.array(requests, { minLength: REQUESTS, maxLength: REQUESTS });
  await fc.assert(
    fc.asyncProperty(worlds, many, async (world, all) => {
      await served.show(world);
      expect(served.statusFaults(world)).toEqual([]);
      for (const request of all) expect(await served.fault([world], request)).toBeUndefined();
    }),
    { examples: EXAMPLES, seed: SEED, numRuns: WORLDS, endOnFailure: process.env.ORACLE_SHRINK === undefined },
  );
});
