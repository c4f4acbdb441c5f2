import { expect, test } from 'vitest';
import { CONTINUE_TIMEOUT } from './exchange-attempt.ts';
import { asked } from './memory.suite.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('100 Continue is sent once a backend says so or is silent, and not where anybody answers', async () => {
  const request = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n';
  const chosen = await asked(request);
  expect(chosen.rig.backend().take()).toMatch(/\r\nExpect: 100-continue\r\n\r\n$/);
  expect(chosen.client.take()).toBe('');
  chosen.rig.backend().deliver('HTTP/1.1 100 Continue\r\n\r\n');
  expect(chosen.client.take()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  chosen.client.deliver('abc');
  expect(chosen.rig.backend().take()).toMatch(/^abc$/);
  const silent = await asked(request);
  silent.rig.pass(CONTINUE_TIMEOUT - 50);
  expect(silent.client.take()).toBe('');
  silent.rig.pass(150);
  expect(silent.client.take()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  // Early hints are no word to go on: a connection whose body may not come cannot live on.
  const hinted = await asked(request);
  hinted.rig.backend().deliver(`HTTP/1.1 103 Early Hints\r\n\r\n${OK}`);
  expect(hinted.client.take()).toMatch(/^HTTP\/1\.1 103 [\s\S]*HTTP\/1\.1 200 [\s\S]*Connection: close\r\n/);
  expect(hinted.client.closed).toBe('end');
  const none = await asked(request, { endpoints: 0 });
  expect(none.client.take()).toMatch(/^HTTP\/1\.1 503 [\s\S]*Connection: close\r\n/);
  expect(none.client.closed).toBe('end');
});
