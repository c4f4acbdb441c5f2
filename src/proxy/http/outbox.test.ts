import { afterEach, expect, test } from 'vitest';
import { ARENA } from '../ground/arena.ts';
import { outbox } from './outbox.ts';

afterEach(() => outbox.release());

function owner(): { sent: string[]; flush(): void } {
  return {
    sent: [],
    flush() {
      this.sent.push(ARENA.latin1Slice(outbox.start, outbox.end));
      outbox.release();
    },
  };
}

test('one owner collects until another begins, whose bytes do not mix with its own', () => {
  const one = owner();
  const two = owner();
  outbox.claim(one, 0).text('head');
  outbox.claim(one, 0).text('body');
  expect(outbox.holds(one)).toBe(true);
  outbox.claim(two, 0).text('other');
  expect(one.sent).toEqual(['headbody']);
  expect(outbox.holds(one)).toBe(false);
  two.flush();
  expect(two.sent).toEqual(['other']);
});

test('a new claim begins with all of the room', () => {
  const one = owner();
  const room = outbox.room();
  outbox.claim(one, 0).text('x'.repeat(1_000));
  expect(outbox.room()).toBe(room - 1_000);
  one.flush();
  outbox.claim(owner(), 0);
  expect(outbox.room()).toBe(room);
});

test('an owner whose bytes leave too little room for more sends them first', () => {
  const one = owner();
  outbox.claim(one, 0).text('first');
  outbox.claim(one, outbox.room()).text('more');
  expect(one.sent).toEqual([]);
  outbox.claim(one, outbox.room() + 1).text('last');
  expect(one.sent).toEqual(['firstmore']);
  one.flush();
  expect(one.sent).toEqual(['firstmore', 'last']);
});
