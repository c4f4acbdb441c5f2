import { afterEach, expect, test } from 'vitest';
import { ARENA } from '../ground/arena.ts';
import { putText } from './compose.ts';
import { outbox } from './outbox.ts';

afterEach(() => outbox.release());

function owner(): { sent: string[]; flush(): void } {
  return {
    sent: [],
    flush() {
      this.sent.push(ARENA.latin1Slice(outbox.start, outbox.at));
      outbox.release();
    },
  };
}

test('one owner collects until another begins, whose bytes do not mix with its own', () => {
  const one = owner();
  const two = owner();
  outbox.at = putText(outbox.claim(one), 'head');
  outbox.at = putText(outbox.claim(one), 'body');
  expect(outbox.holds(one)).toBe(true);
  outbox.at = putText(outbox.claim(two), 'other');
  expect(one.sent).toEqual(['headbody']);
  expect(outbox.holds(one)).toBe(false);
  two.flush();
  expect(two.sent).toEqual(['other']);
});

test('a new claim begins with all of the room', () => {
  const one = owner();
  const room = outbox.room();
  outbox.at = putText(outbox.claim(one), 'x'.repeat(1_000));
  expect(outbox.room()).toBe(room - 1_000);
  one.flush();
  outbox.claim(owner());
  expect(outbox.room()).toBe(room);
});
