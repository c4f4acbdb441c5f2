import { expect, test } from 'vitest';
import { plain } from './style.ts';
import { formatWrapped, LINE_WIDTH } from './wrapped-table.ts';

test('the last column goes on below itself, and no line is longer than a terminal', () => {
  const why = 'word '.repeat(40).trim();
  const text = formatWrapped({ head: ['OBJECT', 'HERE'], rows: [['Kind a/b', why]] }, plain);
  const lines = text.trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(2);
  expect(lines[0]).toBe('OBJECT     HERE');
  expect(lines[1]).toMatch(/^Kind a\/b {3}word word/);
  expect(lines[2]).toMatch(/^ {11}word/);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(LINE_WIDTH);
  expect(text.replaceAll(/\s+/g, ' ')).toContain(why);
});

test('what is too long for its column has a line for itself, and no column is wider for it', () => {
  const long = `spec.${'very.'.repeat(20)}long`;
  const text = formatWrapped(
    {
      head: ['FIELD', 'HERE'],
      rows: [
        ['short', 'one'],
        [long, 'two'],
        ['', 'three'],
      ],
    },
    plain,
  );
  expect(text).toBe(`FIELD   HERE\nshort   one\n${long}\n        two\n        three\n`);
});

test('a word that is longer than a line is not broken, and nothing moves a cursor', () => {
  const word = `x${'y'.repeat(200)}`;
  const text = formatWrapped(
    {
      head: ['A', 'B'],
      rows: [
        ['a', `before ${word} after`],
        ['\u001b[2J', 'b'],
      ],
    },
    plain,
  );
  expect(text).toContain(`\n   before\n   ${word}\n   after\n`);
  expect(text).toContain('\\x1b[2J');
});
