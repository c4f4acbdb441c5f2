import { expect, test } from 'vitest';
import { md5Crypt, shaCrypt } from './crypt.ts';

test.each([
  ['secret', '$apr1$goldengo$JsRo9WF8G47BQQMCTRTcl1'],
  ['password', '$1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.'],
])('%s as %s', (password, hash) => {
  expect(md5Crypt(hash, Buffer.from(password))).toBe(hash);
  expect(md5Crypt(hash, Buffer.from(`${password}x`))).not.toBe(hash);
});

test.each([
  ['Hello world!', '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
  ['secret', '$6$goldengo$kMxD.gsG82kzS9e4cuR5oWJUG8Agi9MVXQGT0xEx9iXZKrzFyZdmjWHMg8vVNWshISwWjde1ntoCxTTnXps2J.'],
  [
    'Hello world!',
    '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
  ],
])('%s as %s', (password, hash) => {
  expect(shaCrypt(hash, Buffer.from(password))).toBe(hash);
  expect(shaCrypt(hash, Buffer.from(''))).not.toBe(hash);
});
