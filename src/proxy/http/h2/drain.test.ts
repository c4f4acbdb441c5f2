import { expect, test } from 'vitest';
import { RawClient } from './client.fixture.ts';
import * as frame from './frame.ts';
import { POST } from './wire.fixture.ts';

const ANY_STREAM = 0x7fff_ffff;

test('draining says GOAWAY twice, the second time with the last stream, once its own PING has come back', async () => {
  const client = await new RawClient().begin();
  client.request(1, POST, false);
  await client.said();
  client.connection.drain();
  expect((await client.said())[0]).toMatch(new RegExp(`^GOAWAY ${ANY_STREAM} ${frame.NO_ERROR}`));
  client.request(3, POST, false);
  client.send(frame.PING, frame.ACK, 0, 'a number');
  expect((await client.said()).filter((line) => line.startsWith('GOAWAY'))).toEqual([]);
  client.send(frame.PING, frame.ACK, 0, 'draining');
  expect((await client.said())[0]).toMatch(new RegExp(`^GOAWAY 3 ${frame.NO_ERROR}`));
  expect(client.isClosed).toBe(false);
});
