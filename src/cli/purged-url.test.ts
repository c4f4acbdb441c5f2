import { expect, test } from 'vitest';
import { purgedPlace } from './purged-url.ts';

test.each([
  ['https://Shop.example/a/../b?c=%20&d', 'shop.example', '/a/../b?c=%20&d'],
  ['shop.example/a', 'shop.example', '/a'],
  ['http://shop.example:8080', 'shop.example:8080', '/'],
  ['https://shop.example:443/a', 'shop.example', '/a'],
  ['http://shop.example:443/a', 'shop.example:443', '/a'],
  ['shop.example?x=1', 'shop.example', '/?x=1'],
  ['shop.example/a#part', 'shop.example', '/a'],
  ['http://[2001:DB8::1]:80/a', '[2001:db8::1]', '/a'],
  ['https://bücher.example/straße', 'xn--bcher-kva.example', '/stra%C3%9Fe'],
])('%s', (text, host, target) => {
  expect(purgedPlace(text)).toEqual({ host, target });
});

test.each(['', '/news', 'https:///news', 'ftp://shop.example/a', 'http://u:p@shop.example/', 'a b/c'])(
  'not %j',
  (text) => {
    expect(() => purgedPlace(text)).toThrow('is no URL with a host');
  },
);
