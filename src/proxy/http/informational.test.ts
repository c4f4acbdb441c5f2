import { expect, test } from 'vitest';
import { MAX_INFORMATIONAL_BYTES, MAX_INFORMATIONAL_HEADS } from '../ground/codec.ts';
import { memoryService, settled } from './memory.suite.ts';
import { GET, OK } from './trial-filter.suite.ts';

test('a backend that sends 1xx heads without end has no answer', async () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';
  const rig = memoryService();
  const client = rig.connect();
  client.deliver(GET + GET);
  await settled();
  rig.backend(0).deliver(early.repeat(MAX_INFORMATIONAL_HEADS) + OK);
  expect(client.take()).toBe(early.repeat(MAX_INFORMATIONAL_HEADS) + OK);
  rig.backend(0).deliver(early.repeat(MAX_INFORMATIONAL_HEADS + 2) + OK);
  const answers = client.take();
  expect(answers.split(early)).toHaveLength(MAX_INFORMATIONAL_HEADS + 1);
  expect(answers).toMatch(/\nHTTP\/1\.1 502 /);
  expect(rig.backend(0).closed).toBe('reset');
  expect(rig.accesses).toMatchObject([{ status: 200 }, { status: 502, reason: 'protocol_error' }]);
});

test('nor one whose 1xx heads are long: a client that reads nothing would have them kept', async () => {
  const rig = memoryService();
  const client = rig.connect();
  client.deliver(GET);
  await settled();
  const long = `HTTP/1.1 103 Early Hints\r\nLink: ${'x'.repeat(20_000)}\r\n\r\n`;
  const most = Math.floor(MAX_INFORMATIONAL_BYTES / long.length);
  for (let sent = 0; sent < most; sent++) rig.backend(0).deliver(long);
  expect(client.take()).toBe(long.repeat(most));
  rig.backend(0).deliver(long);
  expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  expect(rig.backend(0).closed).toBe('reset');
});
