import { setImmediate as inNextTurn } from 'node:timers';
import { expect, test } from 'vitest';
import { createLog } from '../../observe/index.ts';
import { HashBook } from '../../value/hash-book.ts';
import { RemoteFleet } from './remote-fleet.ts';

test('to find out what 100,000 objects come to leaves turns to others, and is done once', async () => {
  const hashes = new HashBook();
  for (let i = 0; i < 100_000; i++) hashes.set(`RouteRule/HTTPRoute/d/route-${i}/0`, `${i}`);
  const log = await createLog({ level: 'silent', format: 'json' });
  const full = () => ({ version: 1, upserts: [], removals: [] });
  const fleet = new RemoteFleet('d/g', { onAck: () => {}, full, published: () => ({ version: 1, hashes }), log });
  let turns = 0;
  const count = (): void => {
    turns++;
    inNextTurn(count).unref();
  };
  count();
  await fleet.digested();
  const first = turns;
  // What comes in between is taken along.
  hashes.set('RouteRule/HTTPRoute/d/route-1/0', 'edited');
  await fleet.digested();
  expect(first).toBeGreaterThan(3);
  expect(turns - first).toBeLessThan(2);
  expect([...hashes.digesting()]).toEqual([]);
  await fleet.end();
});
