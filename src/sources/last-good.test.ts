import { beforeEach, describe, expect, it } from 'vitest';
import type { Secret } from '../api/index.ts';
import { LastGood } from './index.ts';

const KEY = 'Secret/ns/a';

/** `content`: good, late (it has expired) or bad. */
function secret(content: string, note = ''): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'ns', name: 'a' },
    type: 'x',
    data: { content, note },
  };
}

let time: Date;
let judged: number;
let lastGood: LastGood;
const held = () => [...lastGood.collection.values()].map(({ form, since, why }) => [form, since, why]);

beforeEach(() => {
  time = new Date('2026-01-01T00:00:00.500Z');
  judged = 0;
  lastGood = new LastGood({
    now: () => time,
    judge(role, { data }, now) {
      judged++;
      if (role !== 'certificate' || data?.content === 'bad') return 'is bad';
      return now !== undefined && data?.content === 'late' ? 'is late' : undefined;
    },
  });
  lastGood.use('certificate', KEY);
});

describe('the last good form', () => {
  it('is kept from the first mistake to its end, with the time of the first', () => {
    const good = secret('good');
    lastGood.note(good, secret('bad', '1'));
    time = new Date('2026-02-02T00:00:00Z');
    lastGood.note(secret('bad', '1'), secret('late'));
    lastGood.note(secret('late'), undefined);
    expect(held()).toEqual([[good, '2026-01-01T00:00:00Z', 'does not exist any more']]);
    lastGood.note(undefined, secret('good', '2'));
    expect(held()).toEqual([]);
  });

  it('gives way to a later one that has expired only where it has expired itself', () => {
    lastGood.note(secret('good'), secret('late'));
    expect(held()).toEqual([[secret('good'), '2026-01-01T00:00:00Z', 'is late']]);
    lastGood.note(secret('late'), secret('good'));
    lastGood.note(secret('late', '1'), secret('late', '2'));
    expect(held()).toEqual([]);
    lastGood.note(secret('late', '2'), secret('bad'));
    expect(held()).toEqual([[secret('late', '2'), '2026-01-01T00:00:00Z', 'is bad']]);
  });

  it('is forgotten with its use, and nothing is judged that is not in use', () => {
    lastGood.note(secret('good'), undefined);
    lastGood.forget('certificate', KEY);
    expect(held()).toEqual([]);
    judged = 0;
    lastGood.note(secret('good'), secret('bad'));
    expect([held(), judged]).toEqual([[], 0]);
  });
});
