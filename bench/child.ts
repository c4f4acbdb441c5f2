/** Child processes of the bench: started, awaited and ended by process id, never by name. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Launch {
  argv: [string, ...string[]];
  env?: Record<string, string>;
  cwd?: string;
}

export interface Child {
  pid: number;
  /** The last kilobytes of what it printed. */
  output(): string;
  /** Of that, what went to standard error. */
  errors(): string;
  exited(): boolean;
  /** SIGTERM; what is left of its process group when it has ended, or after `grace` milliseconds, is killed. */
  stop(grace?: number): Promise<void>;
}

const running = new Set<Child>();
const keptOutput = 8192;

/** @param cores a taskset list such as `0` or `0,1`; absent: the cores of this process. */
export function start(launch: Launch, cores?: string): Child {
  const argv = cores === undefined ? launch.argv : ['taskset', '-c', cores, ...launch.argv];
  // A group of its own, so that Ctrl-C reaches the bench alone, and all of it can be ended together.
  const process_ = spawn(argv[0]!, argv.slice(1), {
    cwd: launch.cwd,
    env: { ...process.env, ...launch.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let text = '';
  let errors = '';
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString('utf8')).slice(-keptOutput);
  };
  process_.stdout.on('data', keep);
  process_.stderr.on('data', keep);
  process_.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString('utf8')).slice(-keptOutput);
  });
  process_.on('error', (error) => keep(Buffer.from(error.message)));
  const ended = (): boolean => process_.pid === undefined || process_.exitCode !== null || process_.signalCode !== null;
  const child: Child = {
    pid: process_.pid ?? -1,
    output: () => text.trim(),
    errors: () => errors.trim(),
    exited: ended,
    async stop(grace = 3000) {
      running.delete(child);
      if (ended()) return;
      const exit = once(process_, 'exit');
      process_.kill('SIGTERM');
      await Promise.race([exit, delay(grace, undefined, { ref: false })]);
      killGroup(child.pid);
      await exit;
    },
  };
  running.add(child);
  return child;
}

/** Ends whatever is still running; for the way out after an error or a signal. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

/** Runs a program to its end, within `seconds`, and gives what it wrote to standard output. */
export function run(argv: [string, ...string[]], seconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: seconds * 1000, killSignal: 'SIGKILL' as const, maxBuffer: 2 ** 26 };
    execFile(argv[0], argv.slice(1), options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${argv[0]}: ${error.message}\n${stderr}${stdout}`.trim()));
    });
  });
}

/** A TCP port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

/** Asks `condition` until it holds; false when the child ends or `seconds` pass first. */
export async function becomes(condition: () => Promise<boolean>, child: Child, seconds: number): Promise<boolean> {
  const deadline = performance.now() + seconds * 1000;
  while (performance.now() < deadline && !child.exited()) {
    if (await condition()) return true;
    await delay(25);
  }
  return false;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}
