import { expect, test } from 'vitest';
import { paintFor, plain } from './style.ts';
import { formatTable } from './table.ts';

test('columns are as wide as their widest cell, and lines have no blanks at the end', () => {
  const table = {
    head: ['OBJECT', 'REASON', 'MESSAGE'],
    rows: [
      ['a', 'Accepted', ''],
      ['longer/name', { text: 'No', tone: 'error' as const }, 'why'],
    ],
  };
  expect(formatTable(table, plain)).toBe(
    'OBJECT        REASON     MESSAGE\na             Accepted\nlonger/name   No         why\n',
  );
});

test('colour changes no column', () => {
  const paint = paintFor({ isTTY: true }, {});
  const table = { head: ['A', 'B'], rows: [[{ text: 'x', tone: 'good' as const }, 'y']] };
  const coloured = formatTable(table, paint);
  expect(coloured).not.toBe(formatTable(table, plain));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are told by control characters.
  expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(formatTable(table, plain));
});

test('colour is for terminals, unless NO_COLOR is set', () => {
  expect(paintFor({ isTTY: false }, {})).toBe(plain);
  expect(paintFor({ isTTY: true }, { NO_COLOR: '1' })).toBe(plain);
  expect(paintFor({ isTTY: true }, { TERM: 'dumb' })).toBe(plain);
  expect(paintFor({ isTTY: true }, { TERM: 'xterm' })).not.toBe(plain);
});
