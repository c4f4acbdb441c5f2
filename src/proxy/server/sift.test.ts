/** Sifting by itself: objects that fail alone, that fail beside others, and whatever is to stand in for them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ConfigObject, ConfigRef, Delta } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { backend } from './plane.suite.ts';
import { faultOf, type SiftParts, sift } from './sift.ts';

const BAD = new DaemunError('DMN_CONFIG_INVALID', 'this one is bad');

/** What is compiled is the delta itself; `refuses` throws for one that cannot be. */
class Parts implements SiftParts<Delta> {
  readonly compiled: Delta[] = [];
  readonly discarded: Delta[] = [];
  readonly #refuses: (delta: Delta) => void;
  readonly #standIns: ReadonlyMap<string, ConfigObject>;
  readonly #faults: ReadonlySet<string>;

  constructor(
    refuses: (delta: Delta) => void,
    more: { faults?: readonly string[]; standIns?: ReadonlyMap<string, ConfigObject> } = {},
  ) {
    this.#refuses = refuses;
    this.#faults = new Set(more.faults);
    this.#standIns = more.standIns ?? new Map();
  }

  fault({ key }: ConfigObject): DaemunError | undefined {
    return this.#faults.has(key) ? BAD : undefined;
  }

  standIn({ key }: ConfigObject): ConfigObject | undefined {
    return this.#standIns.get(key);
  }

  async compile(delta: Delta): Promise<Delta> {
    this.#refuses(delta);
    this.compiled.push(delta);
    return delta;
  }

  discard(delta: Delta): void {
    this.discarded.push(delta);
  }
}

function refusing(...keys: string[]): (delta: Delta) => void {
  return ({ upserts, removals }) => {
    for (const { key } of [...upserts, ...removals]) if (keys.includes(key)) throw BAD;
  };
}

const objectsOf = (count: number): ConfigObject[] => Array.from({ length: count }, (_, i) => backend(1, `b${i}`)[0]!);
const keysOf = (objects: readonly ConfigRef[]): string[] => objects.map(({ key }) => key).sort();
const removalsOf = (objects: readonly ConfigObject[]): ConfigRef[] => objects.map(({ kind, key }) => ({ kind, key }));

test('a delta without a fault is compiled once, as it is', async () => {
  const delta: Delta = { version: 7, upserts: objectsOf(3), removals: removalsOf(objectsOf(1)) };
  const parts = new Parts(() => {});
  expect(await sift(delta, parts)).toEqual({ compiled: delta, rejected: [] });
  expect(parts.compiled).toHaveLength(1);
});

test('one with a fault of its own is left out, or stood in for, and told', async () => {
  const [one, two, three] = objectsOf(3) as [ConfigObject, ConfigObject, ConfigObject];
  const standIn = { ...two, protocol: 'h2c' } as ConfigObject;
  const parts = new Parts(() => {}, { faults: [one.key, two.key], standIns: new Map([[two.key, standIn]]) });
  const { compiled, rejected } = await sift({ version: 1, upserts: [one, two, three], removals: [] }, parts);
  expect(compiled.upserts).toEqual([standIn, three]);
  expect(rejected).toEqual(
    [one, two].map(({ kind, key }) => ({ kind, key, code: 'DMN_CONFIG_INVALID', message: 'this one is bad' })),
  );
});

test('whichever objects and removals fail are left out, all others stay, and what was only tried is let go of', async () => {
  const size = 12;
  const some = fc.array(fc.nat(size - 1), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(some, some, async (badUpserts, badRemovals) => {
      const upserts = objectsOf(size);
      const removals: ConfigRef[] = Array.from({ length: size }, (_, i) => ({ kind: 'RouteRule', key: `r${i}` }));
      const bad = new Set([...badUpserts.map((i) => upserts[i]!.key), ...badRemovals.map((i) => removals[i]!.key)]);
      const parts = new Parts(refusing(...bad));
      const { compiled, rejected } = await sift({ version: 3, upserts, removals }, parts);
      expect(new Set([compiled, ...parts.compiled].map(({ version }) => version))).toEqual(new Set([3]));
      expect(keysOf(compiled.upserts)).toEqual(keysOf(upserts.filter(({ key }) => !bad.has(key))));
      expect(keysOf(compiled.removals)).toEqual(keysOf(removals.filter(({ key }) => !bad.has(key))));
      expect(keysOf(rejected)).toEqual([...bad].sort());
      expect(parts.discarded).toEqual(parts.compiled.slice(0, -1));
    }),
  );
});

test('finding one among many takes some steps, not many', async () => {
  const upserts = objectsOf(1_000);
  let tries = 0;
  const refuse = refusing('d/b613:80');
  const parts = new Parts((delta) => {
    tries++;
    refuse(delta);
  });
  const { rejected } = await sift({ version: 1, upserts, removals: [] }, parts);
  expect(keysOf(rejected)).toEqual(['d/b613:80']);
  // A thousand is ten halvings: each is tried from both sides at most.
  expect(tries).toBeLessThan(30);
});

const FROM_BELOW = ['Listener', 'Backend', 'Endpoints', 'RouteRule', 'Certificate', 'TrustBundle', 'Policy'] as const;

test.each(FROM_BELOW.slice(1).map((kind, i) => [FROM_BELOW[i]!, kind] as const))(
  'of a %s and a %s that do not go together the second is at fault, in whichever order they come',
  async (first, second) => {
    const [below, above] = [first, second].map((kind) => ({ kind, key: kind }) as ConfigObject);
    const both = ({ upserts }: Delta): void => {
      if (upserts.length === 2) throw BAD;
    };
    for (const upserts of [
      [below!, above!],
      [above!, below!],
    ]) {
      const { compiled, rejected } = await sift({ version: 1, upserts, removals: [] }, new Parts(both));
      expect(compiled.upserts).toEqual([below]);
      expect(keysOf(rejected)).toEqual([second]);
    }
  },
);

test('removals are taken before what comes, so that what comes is at fault where the two do not go together', async () => {
  const [come] = objectsOf(1) as [ConfigObject];
  const removal: ConfigRef = { kind: 'RouteRule', key: 'r' };
  const both = ({ upserts, removals }: Delta): void => {
    if (upserts.length + removals.length === 2) throw BAD;
  };
  const { compiled, rejected } = await sift({ version: 1, upserts: [come], removals: [removal] }, new Parts(both));
  expect(compiled).toEqual({ version: 1, upserts: [], removals: [removal] });
  expect(keysOf(rejected)).toEqual([come.key]);
});

test('what stands in for one that fails beside others is used where it can be', async () => {
  const [one, two] = objectsOf(2) as [ConfigObject, ConfigObject];
  const standIn = { ...one, protocol: 'h2c' } as ConfigObject;
  const refuse = ({ upserts }: Delta): void => {
    if (upserts.includes(one)) throw new TypeError('no such thing');
  };
  const parts = new Parts(refuse, { standIns: new Map([[one.key, standIn]]) });
  const { compiled, rejected } = await sift({ version: 1, upserts: [one, two], removals: [] }, parts);
  expect(new Set(compiled.upserts)).toEqual(new Set([standIn, two]));
  expect(rejected).toEqual([
    {
      kind: 'Backend',
      key: one.key,
      code: 'DMN_CONFIG_INVALID',
      message: `Backend ${one.key} cannot be used: no such thing`,
    },
  ]);
});

test('where nothing stands in for it, nothing does', async () => {
  const [one, two] = objectsOf(2) as [ConfigObject, ConfigObject];
  const refuse = ({ upserts }: Delta): void => {
    if (upserts.includes(one)) throw BAD;
  };
  const { compiled } = await sift({ version: 1, upserts: [one, two], removals: [] }, new Parts(refuse));
  expect(compiled.upserts).toEqual([two]);
});

test('of a stand-in that fails, too, nothing is said twice', async () => {
  const [one, two] = objectsOf(2) as [ConfigObject, ConfigObject];
  const standIn = { ...one, protocol: 'h2c' } as ConfigObject;
  const parts = new Parts(refusing(one.key), { faults: [one.key], standIns: new Map([[one.key, standIn]]) });
  const { compiled, rejected } = await sift({ version: 1, upserts: [one, two], removals: [] }, parts);
  expect(compiled.upserts).toEqual([two]);
  expect(keysOf(rejected)).toEqual([one.key]);
});

test('of the same key in two kinds each has its own say', async () => {
  const [one] = backend(1) as [ConfigObject];
  const endpoints = backend(1)[1]!;
  const parts = new Parts(refusing(one.key));
  const { rejected } = await sift({ version: 1, upserts: [one, endpoints], removals: [] }, parts);
  expect(rejected.map(({ kind }) => kind)).toEqual(['Backend', 'Endpoints']);
});

test('where nothing can be compiled, that is told', async () => {
  const parts = new Parts(() => {
    throw BAD;
  });
  await expect(sift({ version: 1, upserts: objectsOf(2), removals: [] }, parts)).rejects.toBe(BAD);
});

test('whatever is thrown becomes an error that names the object', () => {
  const ref = { kind: 'Listener' as const, key: 'd/g/l' };
  expect(faultOf(ref, BAD)).toBe(BAD);
  const cause = new TypeError('of a kind');
  expect(faultOf(ref, cause)).toMatchObject({ message: 'Listener d/g/l cannot be used: of a kind', cause });
  expect(faultOf(ref, 'a word').message).toBe('Listener d/g/l cannot be used: a word');
});

test('of two that do not go together the one that stands on the other is at fault, in whichever order they come', async () => {
  const order = ['Listener', 'Backend', 'Endpoints', 'RouteRule', 'Certificate', 'TrustBundle', 'Challenge', 'Policy'];
  const objects = order.map((kind) => ({ ...backend(1, kind)[0]!, kind }) as ConfigObject);
  for (const [i, below] of objects.slice(0, -1).entries()) {
    const parts = new Parts(({ upserts }) => {
      if (upserts.length > 1) throw BAD;
    });
    const { compiled } = await sift({ version: 1, upserts: [objects[i + 1]!, below], removals: [] }, parts);
    expect(compiled.upserts.map(({ kind }) => kind)).toEqual([below.kind]);
  }
});
