/** Who asks tells a failure of what it asks from its own absence. The server has a thread of its own. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test, vi } from 'vitest';
import { Absence } from './absence.ts';
import type { LoadOutcome } from './load.ts';
import { Sender } from './sender.ts';

/** Answers by host: well, with 503, never, not the first time, with a reset, or not at all. */
const SERVER = `
const { createServer } = require('node:net');
const { parentPort } = require('node:worker_threads');
const OK = 'HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok';
let asked = 0;
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (head) => {
    const host = /host: (\\S+)/.exec(head)[1];
    asked++;
    parentPort.postMessage('asked');
    if (host === 'fails') socket.write(OK.replace('200 OK', '503 No'));
    else if (host === 'resets') socket.resetAndDestroy();
    else if (host === 'leaves') socket.end();
    else if (host === 'never' || (host === 'second' && asked === 1)) return;
    else socket.write(OK);
  });
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;
/** Milliseconds: for an answer, and for which the one who asks is away where it is. */
const TIMEOUT = 400;
const AWAY = TIMEOUT * 2;

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function server(): Promise<{ port: number; asked: () => Promise<unknown> }> {
  const worker = new Worker(SERVER, { eval: true });
  closing.push(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  return { port, asked: () => once(worker, 'message') };
}

/** Nothing of this thread runs. */
function holdThread(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AWAY);
}

/** One request, while which who asks may be away. */
async function outcomeOf(host: string, { away = false } = {}): Promise<LoadOutcome> {
  const { port, asked } = await server();
  const arrives = asked();
  const sender = new Sender({ address: '127.0.0.1', port, host, rate: 0.001, timeout: TIMEOUT });
  await arrives;
  if (away) holdThread();
  return sender.stop();
}

test.each([
  { host: 'fails', cause: 'status 503' },
  { host: 'resets', cause: 'reset' },
  { host: 'leaves', cause: 'ended before its answer' },
])('what is answered wrongly has failed, also while who asks is away: $cause', async ({ host, cause }) => {
  for (const away of [false, true]) {
    const { sent, failed, askedAgain, causes, failures } = await outcomeOf(host, { away });
    expect({ sent, failed, askedAgain }).toEqual({ sent: 1, failed: 1, askedAgain: 0 });
    expect(causes).toMatchObject([{ cause, count: 1 }]);
    if (away) expect(failures[0]!.away).toBeGreaterThan(AWAY / 2);
  }
});

test('a port where nobody listens has refused', async () => {
  const { port } = await server();
  await closing.pop()!();
  const sender = new Sender({ address: '127.0.0.1', port, host: 'good', rate: 0.001 });
  await vi.waitFor(() => expect(sender.sent).toBe(1));
  const { failed, causes } = await sender.stop();
  expect(failed).toBe(1);
  expect(causes).toMatchObject([{ cause: 'refused', count: 1 }]);
});

test('no answer in time is a failure, and how long it took is told', async () => {
  const { failed, askedAgain, failures, causes } = await outcomeOf('never');
  expect({ failed, askedAgain }).toEqual({ failed: 1, askedAgain: 0 });
  expect(failures[0]!.took).toBeGreaterThanOrEqual(TIMEOUT);
  expect(causes).toMatchObject([{ cause: 'no answer in time', first: failures[0]!.at, last: failures[0]!.at }]);
});

test('an answer that came while who asks was away is an answer', async () => {
  const { sent, failed, askedAgain, own } = await outcomeOf('good', { away: true });
  expect({ sent, failed, askedAgain }).toEqual({ sent: 1, failed: 0, askedAgain: 0 });
  expect(own.longest).toBeGreaterThan(AWAY / 2);
});

test('who was away when the time was over asks again; the answer to that counts', async () => {
  const { sent, failed, askedAgain } = await outcomeOf('second', { away: true });
  expect({ sent, failed, askedAgain }).toEqual({ sent: 1, failed: 0, askedAgain: 1 });
});

test('who was away once is not believed twice', async () => {
  const { failed, askedAgain, causes } = await outcomeOf('never', { away: true });
  expect({ failed, askedAgain }).toEqual({ failed: 1, askedAgain: 1 });
  expect(causes).toMatchObject([{ cause: 'no answer in time' }]);
});

test('an absence counts as long as it lasts, and is told of before it is looked at', async () => {
  const absence = new Absence();
  const { now } = absence;
  holdThread();
  expect(absence.since(now).away).toBeGreaterThan(AWAY / 2);
  await vi.waitFor(() => expect(absence.longest).toBeGreaterThan(AWAY / 2));
  absence.close();
});
