/** Servers that greet as a Redis does, and then answer what the script never would: no limit opens by it, none is shut for ever. */
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { limitKey, type Outcome } from './client.ts';
import { RedisClients } from './clients.ts';
import { OPEN_DIALER, until } from './redis-server.fixture.ts';
import type { Asking, Taken } from './take.ts';

const closing: Array<() => unknown> = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const GREETING: Record<string, string> = {
  ROLE: '*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n',
  SCRIPT: '$1\r\nx\r\n',
  PING: '+PONG\r\n',
};

/** `say`: to each call of the script. */
async function clientOf(say: (socket: net.Socket) => void): Promise<ReturnType<RedisClients['client']>> {
  const server = net.createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        for (const [, name = ''] of bytes.toString('latin1').matchAll(/\*\d+\r\n\$\d+\r\n([A-Z]+)\r\n/g)) {
          if (name.startsWith('EVAL')) say(socket);
          else if (GREETING[name] !== undefined) socket.write(GREETING[name]);
        }
      });
    closing.push(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const clients = new RedisClients(OPEN_DIALER, () => {});
  closing.push(
    () => clients.close(),
    () => server.close(),
  );
  const servers = [{ host: '127.0.0.1', port: (server.address() as net.AddressInfo).port }];
  return clients.client({ servers, kind: 'Server', login: {}, database: 0 }, 'RateLimitPolicy/a/b');
}

const CAPACITY = 10_000_000;
const asking = (more: Partial<Asking> = {}): Asking => ({
  key: limitKey('k', ''),
  cost: 1_000_000,
  capacity: CAPACITY,
  wanted: 5,
  dryRun: false,
  ...more,
});

type Told = Taken | Exclude<Outcome, 'answered'>;
async function told(say: (socket: net.Socket) => void, ...all: Asking[]): Promise<Told> {
  const client = await clientOf(say);
  return await new Promise((resolve) => client.take(all.length === 0 ? [asking()] : all, 400, resolve));
}
const text = (answer: string) => (socket: net.Socket) => void socket.write(answer);

test('what the script would say is heard', async () => {
  expect(await told(text('*2\r\n:5\r\n:5000000\r\n'))).toEqual({ given: [5], debts: [5_000_000] });
  expect(await told(text(`*2\r\n:0\r\n:${CAPACITY}\r\n`))).toEqual({ given: [0], debts: [CAPACITY] });
});

test.each<[string, string]>([
  ['more than was wanted', '*2\r\n:6\r\n:1\r\n'],
  ['as much as there are numbers', '*2\r\n:9007199254740991\r\n:1\r\n'],
  ['that it owes more than it holds', `*2\r\n:0\r\n:${CAPACITY + 10}\r\n`],
  ['that it owes for ever', '*2\r\n:0\r\n:9007199254740991\r\n'],
  ['less than nothing', '*2\r\n:-1\r\n:0\r\n'],
  ['that it owes less than nothing', '*2\r\n:1\r\n:-5\r\n'],
  ['numbers as text', '*2\r\n$1\r\n1\r\n$1\r\n0\r\n'],
  ['too few', '*1\r\n:1\r\n'],
  ['too many', '*4\r\n:1\r\n:0\r\n:1\r\n:0\r\n'],
  ['nothing', '*0\r\n'],
  ['nil', '*-1\r\n'],
  ['nil as a text', '$-1\r\n'],
  ['nil within', '*2\r\n:1\r\n$-1\r\n'],
  ['lists within', '*2\r\n*1\r\n:1\r\n:0\r\n'],
  ['OK', '+OK\r\n'],
  ['a number', ':1\r\n'],
  ['an error', '-ERR no\r\n'],
  ['that it is busy', '-BUSY Redis is busy running a script\r\n'],
  ['that it has no room', '-OOM command not allowed\r\n'],
  ['that it has forgotten the script, always', '-NOSCRIPT No matching script\r\n'],
  ['that the key is elsewhere', '-MOVED 1 127.0.0.1:1\r\n'],
])('%s is refused', async (_what, answer) => {
  expect(await told(text(answer))).toBe('refused');
});

test('of several limits all must be sound', async () => {
  const two = [asking(), asking({ wanted: 1 })];
  expect(await told(text('*4\r\n:5\r\n:0\r\n:1\r\n:0\r\n'), ...two)).toEqual({ given: [5, 1], debts: [0, 0] });
  expect(await told(text('*4\r\n:1\r\n:0\r\n:5\r\n:0\r\n'), ...two)).toBe('refused');
});

test.each<[string, (socket: net.Socket) => void, Told]>([
  ['half, and leaves', (socket) => socket.end('*2\r\n:1\r\n'), 'away'],
  ['half, and no more', (socket) => socket.write('*2\r\n:1\r\n'), 'timeout'],
  ['nothing, and leaves', (socket) => socket.resetAndDestroy(), 'away'],
  ['a number without end', (socket) => socket.write(`*2\r\n:${'1'.repeat(400)}\r\n:0\r\n`), 'away'],
  ['a number with a point', (socket) => socket.write('*2\r\n:1.5\r\n:0\r\n'), 'away'],
  ['RESP3', (socket) => socket.write('%1\r\n+a\r\n:1\r\n'), 'away'],
  ['lists without end', (socket) => socket.write('*1\r\n'.repeat(50)), 'away'],
  ['a list that is very long', (socket) => socket.write('*99999999\r\n'), 'away'],
  ['a text of another length', (socket) => socket.write('$1\r\nabc\r\n'), 'away'],
  ['bare line feeds', (socket) => socket.write('*2\n:1\n:0\n'), 'away'],
])('%s: nobody knows', async (_what, say, expected) => {
  expect(await told(say)).toBe(expected);
});

test('a byte at a time it is heard, in its time', async () => {
  const bytes = '*2\r\n:1\r\n:1000000\r\n';
  const say = (socket: net.Socket): void => {
    let at = 0;
    const timer = setInterval(() => {
      if (at < bytes.length) socket.write(bytes[at++]!);
      else clearInterval(timer);
    }, 5);
    closing.push(() => clearInterval(timer));
  };
  expect(await told(say)).toEqual({ given: [1], debts: [1_000_000] });
});

test('one that says what nobody asked is left, and what it says next is of nobody', async () => {
  let calls = 0;
  const client = await clientOf((socket) => {
    calls++;
    socket.write('*2\r\n:1\r\n:1000000\r\n'.repeat(calls === 1 ? 2 : 1));
  });
  const once = (): Promise<Told> => new Promise((resolve) => client.take([asking()], 400, resolve));
  expect(await once()).toEqual({ given: [1], debts: [1_000_000] });
  await until(async () => typeof (await once()) !== 'string');
  expect(client.counts.answered).toBeGreaterThanOrEqual(2);
});
