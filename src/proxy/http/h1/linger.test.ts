import { expect, test } from 'vitest';
import { DeadlineWheel } from '../../ground/deadline.ts';
import { MemoryLink } from '../../listen/index.ts';
import { memoryService, settled } from '../memory.suite.ts';
import { MAX_DISCARD_BYTES } from '../service.ts';
import { answerWaiter, asked } from '../trial-filter.suite.ts';
import { LINGER_TIMEOUT, Linger, MAX_LINGER } from './linger.ts';

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n';

test('a client that goes on sending what nobody reads is not reset, as long as it does, up to a limit', async () => {
  for (const sends of [true, false]) {
    const rig = memoryService({ endpoints: 0 });
    const client = rig.connect();
    client.deliver(POST);
    await settled();
    expect(client.take()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nConnection: close\r\n/);
    expect(client.closed).toBe('end');
    let time = 0;
    for (; client.closed === 'end' && time < 2 * MAX_LINGER; time += 500) {
      if (sends) client.deliver('x');
      rig.pass(500);
    }
    expect(client.closed).toBe('leave');
    expect(time).toBeGreaterThanOrEqual(sends ? MAX_LINGER : LINGER_TIMEOUT);
    expect(time).toBeLessThan((sends ? MAX_LINGER : LINGER_TIMEOUT) + LINGER_TIMEOUT + 500);
  }
});

test('a drain that is over lets the kernel send what it has of a last answer, and resets who has not taken it', async () => {
  for (const taken of [true, false]) {
    const rig = memoryService({ endpoints: 0 });
    const client = rig.connect();
    client.deliver(POST);
    await settled();
    if (taken) client.take();
    expect(client.closed).toBe('end');
    await rig.service.connections.drain(0);
    expect(client.closed).toBe(taken ? 'leave' : 'reset');
  }
});

test('of a body that looked short and goes on no more is dropped than what is little', async () => {
  const rig = memoryService({ endpoints: 0 });
  const client = rig.connect();
  // What is in the chunk looks as if it were the last one.
  client.deliver('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n\r\n0\r\n\r\n');
  await settled();
  expect(client.take()).not.toContain('Connection: close');
  let sent = 7;
  for (; client.closed === 'no' && sent < 2 * MAX_DISCARD_BYTES; sent += 1024) client.deliver('x'.repeat(1024));
  expect(client.closed).toBe('end');
  expect(sent).toBeGreaterThan(MAX_DISCARD_BYTES);
  expect(sent).toBeLessThanOrEqual(MAX_DISCARD_BYTES + 1024);
});

test('a client with a long body to come hears at its answer that it is the last, however late that is made', async () => {
  const holds = answerWaiter();
  const head = POST.replace('1000000', String(MAX_DISCARD_BYTES + 10_000));
  const { client } = await asked(head, [holds], { endpoints: 0 });
  client.deliver('x'.repeat(20_000));
  holds.waiting[0]!.proceed();
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nConnection: close\r\n/);
  expect(client.closed).toBe('end');
});

test('a client that takes nothing of its answer is given up after its patience, counted from the last byte that it took', () => {
  let now = 5_000;
  const wheel = new DeadlineWheel(() => now);
  const link = new MemoryLink();
  link.pending = 1_000;
  now += 100_000;
  wheel.advance();
  const linger = new Linger(link, wheel, 10_000);
  const after = (milliseconds: number): string | undefined => {
    now += milliseconds;
    wheel.advance();
    return linger.look();
  };
  expect(after(9_000)).toBeUndefined();
  link.pending = 500;
  expect(after(0)).toBeUndefined();
  expect(after(9_000)).toBeUndefined();
  expect(after(1_000)).toBe('reset');
  link.pending = 0;
  expect(after(0)).toBe('leave');
});

/** A look after some time, at a link of which so many bytes have not left. */
function lingering(pending: number): {
  link: MemoryLink;
  linger: Linger;
  after(milliseconds: number): string | undefined;
} {
  let now = 5_000;
  const wheel = new DeadlineWheel(() => now);
  wheel.advance();
  const link = new MemoryLink();
  link.pending = pending;
  const linger = new Linger(link, wheel, 10_000);
  const after = (milliseconds: number): string | undefined => {
    now += milliseconds;
    wheel.advance();
    return linger.look();
  };
  return { link, linger, after };
}

test('what a client takes before it is looked at for the first time counts', () => {
  const { link, after } = lingering(1_000);
  link.pending = 500;
  expect(after(9_000)).toBeUndefined();
  expect(after(9_999)).toBeUndefined();
  expect(after(1)).toBe('reset');
});

test('a client that has sent something and is silent since is waited for once more, and one that goes on to the limit', () => {
  const silent = lingering(0);
  silent.linger.hear();
  expect(silent.after(LINGER_TIMEOUT)).toBeUndefined();
  expect(silent.after(LINGER_TIMEOUT)).toBe('leave');
  const sending = lingering(0);
  sending.linger.hear();
  expect(sending.after(MAX_LINGER - 1)).toBeUndefined();
  sending.linger.hear();
  expect(sending.after(1)).toBe('leave');
});
