/** Forms that are legal, or have one reading, though few write them so. */
import { expect, test } from 'vitest';
import { asked } from './memory.suite.ts';

test.each(['HTTP/1.1 200', 'HTTP/1.0 200', 'HTTP/1.0 200 '])(
  'a status line "%s" goes on as the grammar has it',
  async (line) => {
    const { rig, client } = await asked('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    rig.backend().deliver(`${line}\r\nContent-Length: 2\r\n\r\nok`);
    expect(client.take()).toBe('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  },
);

test('a status line with a space and no reason goes on as it is', async () => {
  const { rig, client } = await asked('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  rig.backend().deliver('HTTP/1.1 299 \r\nContent-Length: 2\r\n\r\nok');
  expect(client.take()).toBe('HTTP/1.1 299 \r\nContent-Length: 2\r\n\r\nok');
});

test('a Host with an empty port is one without', async () => {
  const { rig } = await asked('GET / HTTP/1.1\r\nHost: a.test:\r\n\r\n');
  expect(rig.backend().take()).toContain('\r\nHost: a.test:\r\n');
});
