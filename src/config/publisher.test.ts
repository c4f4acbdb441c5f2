import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ConfigObject, Delta, Endpoints } from './index.ts';
import { Publisher } from './publisher.ts';
import { Snapshot } from './snapshot.ts';

function endpoints(key: string, ports: number[]): Endpoints {
  return {
    kind: 'Endpoints',
    key,
    endpoints: ports.map((port) => ({ address: '10.0.0.1', port, state: 'ready' as const })),
  };
}

const state = fc.dictionary(fc.constantFrom('a/x:1', 'b/y:2', 'c/z:3'), fc.array(fc.integer({ min: 1, max: 9 })), {
  maxKeys: 3,
});

function changes(before: Record<string, number[]>, after: Record<string, number[]>) {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].map((key) => ({
    ...(before[key] ? { before: endpoints(key, before[key]) } : {}),
    ...(after[key] ? { after: endpoints(key, after[key]) } : {}),
  }));
}

test('a proxy that applies every delta holds what the collection holds, and no delta repeats itself', () => {
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 12 }), (states) => {
      const publisher = new Publisher();
      let proxy = Snapshot.EMPTY;
      let before: Record<string, number[]> = {};
      for (const after of states) {
        const delta = publisher.publish(changes(before, after));
        before = after;
        if (delta) {
          expect(delta.version).toBe(proxy.version + 1);
          for (const object of delta.upserts) expect(proxy.get(object.kind, object.key)).not.toEqual(object);
          for (const ref of delta.removals) expect(proxy.get(ref.kind, ref.key)).toBeDefined();
          proxy = proxy.apply(delta);
        }
        const expected = Object.entries(after).map(([key, ports]) => endpoints(key, ports));
        const byKey = (a: ConfigObject, b: ConfigObject) => (a.key < b.key ? -1 : 1);
        expect([...proxy.objects()].sort(byKey)).toEqual(expected.sort(byKey));
        expect([...publisher.snapshot.objects()].sort(byKey)).toEqual(expected);
      }
    }),
  );
});

test('the first delta is sent also when there is nothing in it, later ones are not', () => {
  const publisher = new Publisher();
  expect(publisher.publish([])).toEqual({ version: 1, upserts: [], removals: [] });
  expect(publisher.publish([])).toBeUndefined();
});

test('an object removed and added again in one batch is not sent', () => {
  const publisher = new Publisher();
  publisher.publish([{ after: endpoints('a/x:1', [1]) }]);
  const same = [{ before: endpoints('a/x:1', [1]) }, { after: endpoints('a/x:1', [1]) }];
  expect(publisher.publish(same)).toBeUndefined();
});

test('a snapshot keeps its form while later versions change', () => {
  const first = Snapshot.EMPTY.apply({ version: 1, upserts: [endpoints('a/x:1', [1])], removals: [] });
  const delta: Delta = { version: 2, upserts: [], removals: [{ kind: 'Endpoints', key: 'a/x:1' }] };
  const second = first.apply(delta);
  expect(first.get('Endpoints', 'a/x:1')).toEqual(endpoints('a/x:1', [1]));
  expect(second.size).toBe(0);
  expect(first.full()).toEqual({ version: 1, upserts: [endpoints('a/x:1', [1])], removals: [] });
});

test('what is withdrawn is taken away by one delta, and comes again whole', () => {
  const publisher = new Publisher();
  expect(publisher.withdraw()).toBeUndefined();
  const first = publisher.publish([{ after: endpoints('a/x:1', [1]) }, { after: endpoints('b/y:2', [2]) }])!;
  const proxy = Snapshot.EMPTY.apply(first).apply(publisher.withdraw()!);
  expect([...proxy.objects()]).toEqual([]);
  expect([publisher.snapshot.size, publisher.snapshot.version, publisher.hashes.size]).toEqual([0, 2, 0]);
  expect(publisher.withdraw()).toBeUndefined();
  const again = publisher.publish([{ after: endpoints('a/x:1', [1]) }]);
  expect(again).toEqual({ version: 3, upserts: [endpoints('a/x:1', [1])], removals: [] });
});
