/** Real Redis servers of Debian's package in folders of their own, on ports that are free. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NetDriver } from '../listen/index.ts';
import type { Dialer } from './settings.ts';

export const REDIS_IS_HERE: boolean = existsSync('/usr/bin/redis-server');

/** To whatever the test names. */
export const OPEN_DIALER: Dialer = {
  connect: (target, sink) => new NetDriver().connect(target, sink),
  addresses: async ({ host }) => [host],
};

export interface TestRedis {
  readonly port: number;
  readonly pid: number;
  /** The reply to one command, as the server writes it. */
  ask(...parts: string[]): Promise<string>;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface RedisOptions {
  port?: number;
  /** Lines of its configuration. */
  config?: string[];
  sentinel?: boolean;
  password?: string;
}

export async function startRedis({ port, config = [], sentinel, password }: RedisOptions = {}): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-redis-'));
  const at = port ?? (await freePort());
  const lines = [
    `port ${at}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    'daemonize no',
    ...(sentinel ? [] : ['save ""', 'appendonly no']),
    ...(password === undefined ? [] : [`requirepass ${password}`, `masterauth ${password}`]),
    ...config,
  ];
  writeFileSync(join(folder, 'redis.conf'), `${lines.join('\n')}\n`);
  const child = spawn('/usr/bin/redis-server', [join(folder, 'redis.conf'), ...(sentinel ? ['--sentinel'] : [])], {
    stdio: 'ignore',
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await listening(at, child);
  return {
    port: at,
    pid: child.pid!,
    ask: (...parts) => ask(at, password === undefined ? [parts] : [['AUTH', password], parts]),
    async stop() {
      child.kill('SIGKILL');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    const socket = net.connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const PONG = '+PONG\r\n';

/** One after the other over a connection of its own; what the last one is answered. */
function ask(port: number, commands: string[][]): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  const lines = commands.map((parts) =>
    [`*${parts.length}`, ...parts.flatMap((part) => [`$${Buffer.byteLength(part)}`, part]), ''].join('\r\n'),
  );
  socket.write(`${lines.join('')}${'*1\r\n$4\r\nPING\r\n'}`);
  let text = '';
  return new Promise((resolve, reject) => {
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      if (!text.endsWith(PONG)) return;
      socket.destroy();
      const answers = text.slice(0, -PONG.length);
      resolve(commands.length > 1 ? answers.replace(/^\+OK\r\n/, '') : answers);
    });
    socket.on('error', reject).on('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
  });
}

/** Waits until it is so, asked again and again. */
export async function until(holds: () => boolean | Promise<boolean>, limit = 20_000): Promise<void> {
  const end = Date.now() + limit;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it did not come to be so');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
