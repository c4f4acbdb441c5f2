import { expect, test } from 'vitest';
import { clientDescriptors } from './descriptors.ts';

const limits = (most: string) => (): string =>
  `Limit                     Soft Limit           Hard Limit           Units\n` +
  `Max processes             5000                 5000                 processes\n` +
  `Max open files            ${most.padEnd(21)}1048576              files\n`;

test.each([
  ['of few, one in eight is kept', '100', 87],
  ['of many, 1,024 are kept', '1048576', 1_047_552],
  ['where there is no limit, none is kept', 'unlimited', Number.POSITIVE_INFINITY],
])('%s', (_, most, wanted) => expect(clientDescriptors(limits(most))).toBe(wanted));

test('where the system does not say it, nobody is turned away', () => {
  expect(clientDescriptors(() => '')).toBe(Number.POSITIVE_INFINITY);
});
