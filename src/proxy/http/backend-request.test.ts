import { afterEach, expect, test } from 'vitest';
import { ARENA, RECV_START } from '../ground/arena.ts';
import { BODY_OPEN } from '../ground/codec.ts';
import { BackendRequest } from './backend-request.ts';
import { CountedBody, keptBodyBytes, MAX_FAIR_KEPT, MAX_KEPT_BODIES } from './counted-body.ts';
import { MAX_REPLAY_BYTES } from './service.ts';

const others = new CountedBody();
afterEach(() => others.letGo());

/** A request that may be sent again, of whose body so many bytes have come in pieces. */
function replayable(bytes: number, piece = 8_192): BackendRequest {
  ARENA.fill('x', RECV_START, RECV_START + piece);
  const request = new BackendRequest('PUT / HTTP/1.1\r\n', BODY_OPEN, false);
  request.keepForReplay();
  for (let sent = 0; sent < bytes; sent += piece) request.keep(RECV_START, RECV_START + piece, false);
  return request;
}

test('a body is kept for another try as far as one may keep, and counts while it is', () => {
  const request = replayable(MAX_REPLAY_BYTES);
  expect([request.spent, keptBodyBytes()]).toEqual([false, MAX_REPLAY_BYTES]);
  request.keep(RECV_START, RECV_START + 1, false);
  expect([request.spent, keptBodyBytes()]).toEqual([true, 0]);
});

test('where all together keep what they may, only short ones can be sent again', () => {
  others.keep(Buffer.alloc(MAX_KEPT_BODIES));
  const short = replayable(MAX_FAIR_KEPT);
  const long = replayable(MAX_FAIR_KEPT + 16_384);
  expect([short.spent, long.spent, keptBodyBytes()]).toEqual([false, true, MAX_KEPT_BODIES + MAX_FAIR_KEPT]);
  short.forget();
  others.letGo();
  expect(keptBodyBytes()).toBe(0);
});
