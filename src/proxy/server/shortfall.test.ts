/** What a data plane tells of policies that ask for what it was started without. */
import { expect, test } from 'vitest';
import type { ConfigObject, Policy } from '../../config/index.ts';
import { Snapshot } from '../../config/index.ts';
import { listener } from './plane.suite.ts';
import { Shortfalls } from './shortfall.ts';

const SETTINGS = {
  maxObjectBytes: 1,
  maxBytes: 1,
  defaultTtl: 0,
  ...{ staleWhileRevalidate: 0, staleIfError: 0, keyHeaders: [], generation: '' },
};

function cached(name: string, disks: Array<[source: string, maxDiskBytes?: number]>): Policy {
  const target = { kind: 'Listener' as const, key: `d/g/${name}` };
  const acts = disks.map(([source, maxDiskBytes]) => {
    return {
      source,
      holds: 'Default' as const,
      settings: { ...SETTINGS, ...(maxDiskBytes !== undefined && { maxDiskBytes }) },
    };
  });
  return { kind: 'Policy', key: `Cache/${target.key}`, type: 'Cache', target, spec: { acts } };
}

/** It cannot be followed, and asks for nothing. */
function broken(name: string): Policy {
  const policy = cached(name, []);
  const acts = [{ source: 'P/d/broken', holds: 'Default' as const, broken: 'cannot be used' }];
  return policy.type === 'Cache' ? { ...policy, spec: { acts } } : policy;
}

const OTHER: Policy = {
  kind: 'Policy',
  key: 'ClientTraffic/d/g/l',
  type: 'ClientTraffic',
  target: { kind: 'Listener', key: 'd/g/l' },
  spec: {},
};

const next = (config: Snapshot, ...upserts: ConfigObject[]): Snapshot =>
  config.apply({ version: config.version + 1, upserts, removals: [] });
const config = next(
  Snapshot.EMPTY,
  OTHER,
  cached('l', [['P/d/disk', 1], ['P/d/memory']]),
  cached('m', [['P/d/disk', 0]]),
  broken('n'),
);

test('each policy that asks for a disk is told once, where there is none', () => {
  const found = new Shortfalls({}).of(config);
  expect(found).toEqual([{ policy: 'P/d/disk', message: expect.stringContaining('start it with --cache-path') }]);
});

test('with a disk nothing is missing', () => {
  expect(new Shortfalls({ cacheDisk: {} }).of(config)).toEqual([]);
});

test('it is looked for anew when policies change, and only then', () => {
  const shortfalls = new Shortfalls({});
  const first = shortfalls.of(config);
  expect(shortfalls.of(next(config, listener('HTTP')))).toBe(first);
  const more = shortfalls.of(next(config, cached('m', [['P/d/more', 5]])));
  expect(more.map(({ policy }) => policy)).toEqual(['P/d/disk', 'P/d/more']);
});
