import { describe, expect, test } from 'vitest';
import type { ConfigMap } from '../api/index.ts';
import type { Change } from '../graph/index.ts';
import type { Source } from './source.ts';

/** The outside of a source under test. */
export interface SourceRig {
  source: Source;
  /** Where the objects are put, in the place of `shop`. */
  namespace?: string;
  /** Makes the object be there, or be as given. */
  put(object: object): Promise<void>;
  remove(kind: string, name: string): Promise<void>;
  /** Fulfilled once the condition holds after some change was seen. */
  until(holds: () => boolean): Promise<void>;
  close(): Promise<void>;
}

/** What every source does, wherever its objects come from. `start` makes one whose outside has these objects. */
export function testSource(name: string, start: (objects: object[]) => Promise<SourceRig>): void {
  const object = (name: string, value: string): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop' },
    data: { value },
  });
  const key = ({ namespace = 'shop' }: SourceRig, name: string): string => `ConfigMap/${namespace}/${name}`;

  async function withRig(objects: object[], body: (rig: SourceRig) => Promise<void>): Promise<void> {
    const rig = await start(objects);
    try {
      await body(rig);
    } finally {
      await rig.close();
    }
  }

  describe(`source: ${name}`, () => {
    test('has what is there at the start when it is ready', async () => {
      await withRig([object('a', '1'), object('b', '2')], async (rig) => {
        const { source } = rig;
        await source.ready;
        expect(source.synced?.getTime()).toBeGreaterThan(0);
        expect([...source.collections.ConfigMap.entries()].map(([at, map]) => [at, map.data?.value]).sort()).toEqual([
          [key(rig, 'a'), '1'],
          [key(rig, 'b'), '2'],
        ]);
        expect(source.collections.Gateway.size).toBe(0);
        // What a cluster's CRDs do not keep is told for information.
        expect([...source.diagnostics.values()].filter(({ severity }) => severity !== 'info')).toEqual([]);
      });
    });

    test('tells of additions, changes and removals, with the objects before and after', async () => {
      await withRig([object('a', '1')], async (rig) => {
        await rig.source.ready;
        const maps = rig.source.collections.ConfigMap;
        const seen: Array<Change<ConfigMap>> = [];
        maps.subscribe((changes) => seen.push(...changes));
        await rig.put(object('b', '2'));
        await rig.until(() => maps.size === 2);
        await rig.put(object('a', 'changed'));
        await rig.until(() => maps.get(key(rig, 'a'))?.data?.value === 'changed');
        await rig.remove('ConfigMap', 'b');
        await rig.until(() => maps.size === 1);
        expect(seen.map(({ key: at, before, after }) => [at, before?.data?.value, after?.data?.value])).toEqual([
          [key(rig, 'b'), undefined, '2'],
          [key(rig, 'a'), '1', 'changed'],
          [key(rig, 'b'), '2', undefined],
        ]);
      });
    });

    test('keeps what it has when it is closed', async () => {
      await withRig([object('a', '1')], async (rig) => {
        const { source } = rig;
        await source.ready;
        await source.close();
        expect(source.collections.ConfigMap.get(key(rig, 'a'))?.data).toEqual({ value: '1' });
      });
    });
  });
}
