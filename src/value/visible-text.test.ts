import { expect, test } from 'vitest';
import { visibleText } from './visible-text.ts';

test('what a terminal would follow, and what begins a line, is told by its number; all else stands as it is', () => {
  expect(visibleText('a\u001b[2Jb\nc\rd\te\u009bf')).toBe('a\\x1b[2Jb\\x0ac\\x0dd\\x09e\\x9bf');
  expect(visibleText('a\u202eb\u2066c\u2028d\u200fe')).toBe('a\\u202eb\\u2066c\\u2028d\\u200fe');
  expect(visibleText('grüße, 대문 "x" \\ …')).toBe('grüße, 대문 "x" \\ …');
});
