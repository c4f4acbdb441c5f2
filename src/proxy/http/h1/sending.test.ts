/** What goes to a backend goes in its order, whether it is collected as text or copied. */
import { expect, test } from 'vitest';
import { TEXT_MAX } from '../../ground/copy-sender.ts';
import { memoryService, settled } from '../memory.suite.ts';

const SIZES = [1, TEXT_MAX, TEXT_MAX + 1, 40_000];

test.each(SIZES)('the head goes before a body of %i bytes', async (size) => {
  const rig = memoryService();
  const client = rig.connect();
  client.deliver(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`);
  await settled();
  const [head, body] = rig.backend().take().split('\r\n\r\n');
  expect(head).toMatch(/^POST \/ HTTP\/1\.1\r\n/);
  expect(body).toBe('x'.repeat(size));
});

test.each(SIZES)('a chunk of %i bytes stands between its lines, and the last one behind it', async (size) => {
  const rig = memoryService();
  const client = rig.connect();
  const chunks = `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`;
  client.deliver(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}1\r\ny\r\n0\r\n\r\n`);
  await settled();
  const sent = rig.backend().take();
  expect(sent).toMatch(/^POST \/ HTTP\/1\.1\r\n/);
  expect(sent.slice(sent.indexOf('\r\n\r\n') + 4)).toBe(`${chunks}1\r\ny\r\n0\r\n\r\n`);
});

test('a client is read no faster than the backend takes what it sends', async () => {
  const rig = memoryService();
  const client = rig.connect();
  client.deliver('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n');
  await settled();
  let sent = 0;
  for (; !client.paused && sent < 1_000_000; sent += 40_000) client.deliver('x'.repeat(40_000));
  expect(sent).toBeLessThan(200_000);
  rig.backend().take();
  expect(client.paused).toBe(false);
});
