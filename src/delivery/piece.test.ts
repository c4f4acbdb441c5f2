import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ConfigObject, type Delta, refKey, Snapshot } from '../config/index.ts';
import { Assembly } from './assembly.ts';
import { merged, Outbox, PIECE_SIZE, type Piece, piecesOf } from './piece.ts';

function bundle(key: string, pem = 'p'): ConfigObject {
  return { kind: 'TrustBundle', key, pem };
}

const KEYS = ['a/a', 'a/b', 'a/c', 'a/d'];
const delta = fc
  .uniqueArray(fc.record({ key: fc.constantFrom(...KEYS), pem: fc.option(fc.string({ maxLength: 3 })) }), {
    selector: ({ key }) => key,
  })
  .map(
    (steps): Omit<Delta, 'version'> => ({
      upserts: steps.flatMap(({ key, pem }) => (pem === null ? [] : [bundle(key, pem)])),
      removals: steps.flatMap(({ key, pem }) => (pem === null ? [{ kind: 'TrustBundle' as const, key }] : [])),
    }),
  );

function held(snapshot: Snapshot): ConfigObject[] {
  return [...snapshot.objects()].sort((a, b) => (refKey(a) < refKey(b) ? -1 : 1));
}

test('a large delta goes in pieces of a bounded size, a larger object alone, and comes out whole', () => {
  const large = bundle('a/large', 'x'.repeat(PIECE_SIZE * 2));
  const upserts = [...Array.from({ length: 500 }, (_, i) => bundle(`a/${i}`, 'x'.repeat(200))), large, bundle('a/z')];
  const removals = Array.from({ length: 500 }, (_, i) => ({
    kind: 'Backend' as const,
    key: `gone/${'x'.repeat(80)}${i}`,
  }));
  const pieces = [...piecesOf({ version: 7, upserts, removals })];
  const objects = (piece: Piece) => piece.upserts.length + piece.removals.length;
  for (const piece of pieces) {
    if (objects(piece) > 1) expect(JSON.stringify(piece).length).toBeLessThan(PIECE_SIZE * 1.1);
  }
  expect(pieces.length).toBeGreaterThan(10);
  // All but the last are as full as they may be, but for what did not fit.
  expect(pieces.length).toBeLessThan(20);
  const assembly = new Assembly();
  const received = pieces.map((piece) => assembly.take(piece));
  expect(received.slice(0, -1).every((one) => one === undefined)).toBe(true);
  expect(received.at(-1)).toEqual({ delta: { version: 7, upserts, removals }, refused: [] });
});

test('an empty delta is one piece, for the version that it carries', () => {
  expect([...piecesOf({ version: 1, upserts: [], removals: [] })]).toEqual([
    { version: 1, upserts: [], removals: [], last: true },
  ]);
});

test('the next piece waits until the last was taken, and deltas that come meanwhile become one', () => {
  const sent: Piece[] = [];
  const outbox = new Outbox((piece) => sent.push(piece));
  expect(outbox.isEmpty).toBe(true);
  outbox.add({ version: 1, upserts: [bundle('a/a')], removals: [] });
  expect(outbox.isEmpty).toBe(false);
  outbox.add({ version: 2, upserts: [bundle('a/b'), bundle('a/c')], removals: [] });
  outbox.add({ version: 3, upserts: [bundle('a/b', 'new')], removals: [{ kind: 'TrustBundle', key: 'a/a' }] });
  expect(sent).toHaveLength(1);
  outbox.taken();
  expect(sent[1]).toEqual({
    version: 3,
    upserts: [bundle('a/c'), bundle('a/b', 'new')],
    removals: [{ kind: 'TrustBundle', key: 'a/a' }],
    last: true,
  });
  outbox.taken();
  expect(sent).toHaveLength(2);
  expect(outbox.isEmpty).toBe(true);
  outbox.add({ version: 4, upserts: [], removals: [] });
  expect(sent[2]).toMatchObject({ version: 4 });
});

test('of a large delta one piece goes for each that was taken', () => {
  const sent: Piece[] = [];
  const outbox = new Outbox((piece) => sent.push(piece));
  const upserts = Array.from({ length: 4 }, (_, at) => bundle(`a/${at}`, 'x'.repeat(PIECE_SIZE)));
  outbox.add({ version: 1, upserts, removals: [] });
  for (let taken = 0; taken < upserts.length; taken++) {
    expect(sent.map((piece) => piece.upserts)).toEqual(upserts.slice(0, taken + 1).map((one) => [one]));
    outbox.taken();
  }
  expect(sent.map(({ last }) => last)).toEqual([false, false, false, true]);
});

test('deltas merged come to the same as one after the other', () => {
  fc.assert(
    fc.property(delta, delta, delta, (before, first, second) => {
      const start = Snapshot.EMPTY.apply({ version: 1, ...before });
      const [a, b] = [
        { version: 2, ...first },
        { version: 3, ...second },
      ];
      expect(held(start.apply(merged(a, b)))).toEqual(held(start.apply(a).apply(b)));
      expect(merged(a, b).version).toBe(3);
      const { upserts, removals } = merged(a, b);
      const named = [...upserts, ...removals].map(refKey);
      expect(new Set(named).size).toBe(named.length);
    }),
  );
});

test('an object that does not fit is set aside, whichever piece it comes in, and the others go on', () => {
  const wrong = { kind: 'TrustBundle', key: 'a/wrong', pem: 1 } as unknown as ConfigObject;
  const assembly = new Assembly();
  assembly.take({ version: 2, upserts: [wrong], removals: [], last: false });
  const received = assembly.take({ version: 2, upserts: [bundle('a/a')], removals: [], last: true });
  expect(received?.delta.upserts).toEqual([bundle('a/a')]);
  expect(received?.refused).toMatchObject([{ kind: 'TrustBundle', key: 'a/wrong', code: 'DMN_CONFIG_INVALID' }]);
});
