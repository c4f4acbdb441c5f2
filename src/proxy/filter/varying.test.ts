import { expect, test } from 'vitest';
import { varying } from './varying.ts';

test.each([
  [[], 'Vary: Accept-Encoding\r\n', ['vary']],
  [['Origin'], 'Vary: Origin, Accept-Encoding\r\n', ['vary']],
  [['Origin', 'Accept'], 'Vary: Origin, Accept, Accept-Encoding\r\n', ['vary']],
  [['Origin, accept-encoding'], '', []],
  [['*'], '', []],
  [['Origin', 'Accept-Encoding, '], 'Vary: Origin, Accept-Encoding\r\n', ['vary']],
])('what was said by %j is said by one line', (lines, text, drops) => {
  const patch = varying({ values: () => lines }, 'Accept-Encoding');
  expect([patch.text, [...patch.drops]]).toEqual([text, drops]);
});
