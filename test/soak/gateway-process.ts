/** The command as users start it, with a probe of its heap, and what it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processTree, residentKiB } from '../../bench/measure.ts';
import { type HeapReport, PROBE_FAULTS, PROBE_FOLDER } from './heap-probe.ts';
import { LOOPBACK } from './port.ts';
import type { Vitals } from './vitals.ts';

const ENTRY = fileURLToPath(new URL('../../bin/daemun.js', import.meta.url));
const PROBE = new URL('./heap-probe.ts', import.meta.url).href;
/** Milliseconds that a process may take to collect its garbage and to say what is left. */
const PROBE_PATIENCE = 20_000;
/** Milliseconds in which descriptors must not become fewer to count as settled, and in which they must have settled. */
const SETTLED = 1_500;
const SETTLE_PATIENCE = 20_000;
const EXIT_PATIENCE = 60_000;
/** Lines of the access log that are kept: the last ones whose status is 500 or above. */
const MOST_FAILED = 100;

export interface LogRecord {
  level: string;
  msg: string;
  [field: string]: unknown;
}

export interface GatewayOptions {
  /** Of its manifests. */
  folder: string;
  /** For what the probes write. */
  probes: string;
  workers: number;
  faults: readonly string[];
  onRecord(record: LogRecord): void;
}

export class GatewayProcess {
  readonly #child: ChildProcess;
  readonly #probes: string;
  readonly #watchers = new Set<(record: LogRecord) => void>();
  /** What it printed besides records: of a crash, for one. */
  readonly strays: string[] = [];
  admin = '';
  readonly #failed: string[] = [];

  constructor({ folder, probes, workers, faults, onRecord }: GatewayOptions) {
    this.#probes = probes;
    const bind = LOOPBACK.flatMap((address) => ['--bind', address]);
    const flags = ['--log-format', 'json', ...bind, '--admin', '127.0.0.1:0', '--access-log', 'json'];
    const args = ['--expose-gc', '--import', PROBE, ENTRY, 'run', '-f', folder, '--workers', String(workers), ...flags];
    const env = { ...process.env, [PROBE_FOLDER]: probes, [PROBE_FAULTS]: faults.join(',') };
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      if (line.includes('"status":5') && this.#failed.push(line) > MOST_FAILED) this.#failed.shift();
    });
    createInterface({ input: this.#child.stderr! }).on('line', (line) => {
      const record = recordOf(line);
      if (record === undefined) {
        this.strays.push(line);
        return;
      }
      onRecord(record);
      for (const watch of [...this.#watchers]) watch(record);
    });
  }

  get over(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The line of the access log for the request that a failure's message names, if it names one. */
  logged(message: string): string | undefined {
    const id = /"request_id":"(\w+)"/.exec(message)?.[1];
    return id === undefined ? undefined : this.#failed.find((line) => line.includes(id));
  }

  /** The next record that begins with `message`, after those there are now. */
  async next(message: string, patience: number): Promise<LogRecord> {
    const { promise, resolve, reject } = Promise.withResolvers<LogRecord>();
    const watch = (record: LogRecord): void => {
      if (record.msg.startsWith(message)) resolve(record);
    };
    const timer = setTimeout(() => reject(new Error(`"${message}" was not said in ${patience / 1000} s`)), patience);
    this.#watchers.add(watch);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(watch);
    }
  }

  /** Control first, then its workers. */
  pids(): number[] {
    return processTree(this.#child.pid!);
  }

  /** What each process holds once its descriptors have settled, by its role; for a gateway that has nothing to do. */
  async vitals(): Promise<Vitals[]> {
    await this.#settled();
    const pids = this.pids();
    const heaps = await Promise.all(pids.map((pid) => this.#heap(pid)));
    return pids.map((pid, at) => ({
      role: at === 0 ? 'control' : `worker ${at}`,
      descriptors: descriptors(pid),
      resident: residentKiB([pid]) * 1024,
      ...heaps[at]!,
    }));
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://${this.admin}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** Asks it to drain; answers its exit status. */
  async stop(): Promise<number | null> {
    if (!this.over) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await Promise.race([exited, delay(EXIT_PATIENCE, undefined, { ref: false })]);
    }
    this.kill();
    return this.#child.exitCode;
  }

  /** Whatever is left of it and its workers. */
  kill(): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch {
      // Nothing is left.
    }
  }

  /** What ends takes its time; what only grows is not waited for. */
  async #settled(): Promise<void> {
    const deadline = performance.now() + SETTLE_PATIENCE;
    let least = Number.POSITIVE_INFINITY;
    for (let since = 0; performance.now() < deadline; await delay(100)) {
      const now = this.pids().reduce((sum, pid) => sum + descriptors(pid), 0);
      if (now < least) {
        least = now;
        since = performance.now();
      } else if (performance.now() - since > SETTLED) return;
    }
  }

  async #heap(pid: number): Promise<HeapReport> {
    const file = join(this.#probes, String(pid));
    rmSync(file, { force: true });
    process.kill(pid, 'SIGUSR2');
    const deadline = performance.now() + PROBE_PATIENCE;
    while (!existsSync(file)) {
      if (performance.now() > deadline) throw new Error(`process ${pid} does not say what it holds`);
      await delay(20);
    }
    return JSON.parse(readFileSync(file, 'utf8')) as HeapReport;
  }
}

function descriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function recordOf(line: string): LogRecord | undefined {
  try {
    return JSON.parse(line) as LogRecord;
  } catch {
    return undefined;
  }
}
