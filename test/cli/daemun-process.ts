/** The command as users start it: a process of its own, with manifests in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../bin/daemun.js', import.meta.url));

// The tests may be run by npm; what they start is not.
delete process.env.npm_lifecycle_event;

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end. */
export async function daemun(args: string[], stdin = ''): Promise<Finished> {
  const running = new DaemunProcess(args);
  running.child.stdin!.end(stdin);
  return await running.finished;
}

export interface LogRecord {
  level: string;
  msg: string;
  [field: string]: unknown;
}

export interface ServedListener {
  key: string;
  state: string;
  bound: string[];
  code?: string;
  message?: string;
}

/** A program whose output is read as it comes. */
export class RunningProgram {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout = '';
  stderr = '';
  readonly #watchers = new Set<() => void>();

  constructor(
    program: string,
    args: string[],
    { cwd, env = process.env }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
  ) {
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], cwd, env });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#wake();
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    this.finished = once(this.child, 'close').then(([code]) => {
      this.#wake();
      return { code: code as number | null, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Waits until what was printed makes `answer` give something. */
  async until<T>(answer: () => T | undefined): Promise<T> {
    for (;;) {
      const found = answer();
      if (found !== undefined) return found;
      if (this.child.exitCode !== null) throw new Error(`it ended before that:\n${this.stderr}`);
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#watchers.delete(wake);
          resolve();
        };
        this.#watchers.add(wake);
      });
    }
  }

  /** Records of the log, with --log-format json. */
  records(): LogRecord[] {
    return this.stderr
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogRecord);
  }

  async logged(message: string, after = 0): Promise<LogRecord> {
    return await this.until(() =>
      this.records()
        .slice(after)
        .find(({ msg }) => msg.startsWith(message)),
    );
  }

  #wake(): void {
    for (const wake of [...this.#watchers]) wake();
  }
}

export class DaemunProcess extends RunningProgram {
  /** `before`: a program and its arguments that start the command. */
  constructor(args: string[], before: string[] = []) {
    const [program, ...words] = [...before, process.execPath, ENTRY, ...args];
    super(program!, words);
  }
}

/** A gateway that runs, with its folder of manifests. */
export class ServingProcess extends DaemunProcess {
  readonly folder: string;

  private constructor(folder: string, flags: string[]) {
    const log = ['--log-format', 'json', '--admin', '127.0.0.1:0', '--bind', '127.0.0.1'];
    super(['run', '-f', folder, ...log, ...flags]);
    this.folder = folder;
  }

  /** Starts and waits until it serves. Ports of Gateways are mapped to free ones unless flags say otherwise. */
  static async start(files: Record<string, string>, flags: string[] = ['--port-map', '80=0']): Promise<ServingProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'daemun-test-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const process = new ServingProcess(folder, flags);
    await process.logged('serving');
    return process;
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  #serving(): { listeners: ServedListener[]; admin: string } {
    const record = this.records().find(({ msg }) => msg === 'serving');
    return record as unknown as { listeners: ServedListener[]; admin: string };
  }

  get listeners(): ServedListener[] {
    return this.#serving().listeners;
  }

  get admin(): string {
    return this.#serving().admin;
  }

  /** Port of the first listener that serves. */
  get port(): number {
    const bound = this.listeners.find(({ state }) => state === 'serving')!.bound[0]!;
    return Number(bound.slice(bound.lastIndexOf(':') + 1));
  }

  /** Drains and answers how it ended. */
  async stop(): Promise<Finished> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    const finished = await this.finished;
    rmSync(this.folder, { recursive: true, force: true });
    return finished;
  }
}

/** A port that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
