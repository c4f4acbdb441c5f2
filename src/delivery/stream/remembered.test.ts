import { expect, test } from 'vitest';
import type { ListenerState } from '../../config/index.ts';
import { ListenerBook } from './listener-book.ts';
import { Remembered } from './remembered.ts';

test('what is said in the place of something counts for it, and what is gone makes room', () => {
  const remembered = new Remembered(100);
  remembered.note('a', 60);
  remembered.note('a', 80);
  expect(() => remembered.note('b', 21)).toThrow('too much');
  remembered.note('b', 0);
  remembered.note('b', 20);
  remembered.note('a', 0);
  remembered.note('b', 100);
});

test('listeners weigh what is said of them now', () => {
  const book = new ListenerBook();
  const told = (message: string): ListenerState => ({ key: 'a', state: 'failed', bound: [], code: 'X', message });
  book.take({ changed: [told('')] });
  const { size } = book;
  book.take({ changed: [told('longer')] });
  expect(book.size).toBe(size + 6);
  book.take({ gone: ['a', 'b'] });
  expect(book.size).toBe(0);
});
