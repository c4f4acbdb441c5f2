/** One worker as its parent sees it: started, fed, and started again when it crashes. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import type { CachePurge, CachePurged, Delta } from '../config/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';
import type { WorkerEvents } from './fleet.ts';
import { Outbox } from './piece.ts';
import type { FromWorker, ToWorker } from './worker-message.ts';
import { type WatchTimes, WorkerWatch, waitOf } from './worker-watch.ts';

/** Milliseconds before a crashed worker is started again: doubled with each crash, forgotten after a good while. */
const BACKOFF = { first: 100, most: 10_000, forgottenAfter: 30_000 } as const;
/** Milliseconds that a worker has to answer a question. */
const ANSWER_TIMEOUT = 2000;
/** Milliseconds that it has to forget what it keeps, on a disk, too. */
const PURGE_TIMEOUT = 9000;
/** Milliseconds beyond the drain timeout after which a worker is killed. */
const DRAIN_GRACE = 5000;
/** Milliseconds that a worker has to end where nothing is waited for. */
const END_GRACE = 300;

/**
 * MiB of each half of a worker's young generation. With the engine's default (32) a worker under load weighs 50 MiB more;
 * with 4 it weighs 8 less, and requests cost up to 6 % more (`npm run bench`, HTTP/2 to HTTP/1.1): what many streams at a
 * time hold is copied twice as often.
 */
const YOUNG_HALF = 8;

/** The descriptor of what a worker inherits as the nth: they come after the standard ones and the channel. */
export function inheritedAt(index: number): number {
  return 4 + index;
}

/** What a worker runs, and what its proxy is started with, asked for each time: plain data, since it is sent. */
export interface WorkerProgram {
  /** A module; or of a program that holds its modules itself, the word by which it knows that it is a worker. */
  entry: URL | string;
  /** Descriptors that it inherits: `inheritedAt` says what they are there. */
  inherited?: readonly number[];
  setup(): unknown;
  /** How long it may be without an answer; absent: as everywhere. */
  watch?: WatchTimes;
}

/** What a worker said to a question; undefined: nothing, in time. */
type Answer = Extract<FromWorker, { id: number }> | undefined;

/** What its fleet hears of it. */
export interface ProcessEvents extends WorkerEvents {
  onInvalidate(worker: string, purges: CachePurge[]): void;
}

export class WorkerProcess {
  readonly name: string;
  restarts = 0;
  /** Times that it was ended since it did not answer. */
  frozen = 0;
  readonly #program: WorkerProgram;
  readonly #events: ProcessEvents;
  readonly #questions = new Map<number, (answer: Answer) => void>();
  #child: ChildProcess | undefined;
  #watch: WorkerWatch | undefined;
  /** Of the process that runs: a new one starts with a new one. */
  #outbox!: Outbox;
  #nextQuestion = 1;
  #backoff: number = BACKOFF.first;
  #restart: NodeJS.Timeout | undefined;
  #draining = false;

  constructor(name: string, program: WorkerProgram, events: ProcessEvents) {
    this.name = name;
    this.#program = program;
    this.#events = events;
    this.#start();
  }

  get isSilent(): boolean {
    return this.#watch?.isSilent === true;
  }

  /** Of a worker that is not there at the moment this is not lost: it begins with the whole config. */
  send(delta: Delta): void {
    this.#outbox.add(delta);
  }

  async metrics(): Promise<MetricsSnapshot[]> {
    const answer = await this.#ask((id) => ({ type: 'metrics', id }));
    return answer?.type === 'metrics' ? answer.snapshots : [];
  }

  /** Undefined: it did not answer. */
  async purge(purge: CachePurge): Promise<CachePurged | undefined> {
    const answer = await this.#ask((id) => ({ type: 'purge', id, purge }), PURGE_TIMEOUT);
    return answer?.type === 'purged' ? answer.purged : undefined;
  }

  /** One that starts at the moment keeps nothing yet. */
  invalidate(purges: CachePurge[]): void {
    this.#say({ type: 'invalidate', purges });
  }

  #ask(question: (id: number) => ToWorker, timeout: number = ANSWER_TIMEOUT): Promise<Answer> {
    if (!this.#child?.connected) return Promise.resolve(undefined);
    const id = this.#nextQuestion++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer(id, undefined), timeout);
      this.#questions.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#say(question(id));
    });
  }

  async drain(timeout: number): Promise<void> {
    await this.#finish(timeout + DRAIN_GRACE, () => this.#say({ type: 'drain', timeout }));
  }

  /** Without a parent it writes what is left of its access log, and ends. */
  async end(): Promise<void> {
    await this.#finish(END_GRACE, (child) => child.disconnect());
  }

  async #finish(patience: number, ask: (child: ChildProcess) => void): Promise<void> {
    this.#draining = true;
    this.#watch?.stop();
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    const killer = setTimeout(() => child.kill('SIGKILL'), patience);
    if (child.connected) ask(child);
    await exited;
    clearTimeout(killer);
  }

  #start(): void {
    const began = performance.now();
    this.#outbox = new Outbox((piece) => this.#say({ type: 'piece', piece }));
    const child = this.#fork();
    this.#child = child;
    // The system may have neither memory, descriptors nor processes left, or its program is being replaced.
    if (child?.pid === undefined) return void this.#again(began);
    this.#events.log.info({ worker: this.name, pid: child.pid }, 'worker started');
    const watch = this.#watched(child);
    this.#watch = watch;
    // What one that is gone had still to say speaks of another outbox.
    child.on('message', (message: FromWorker) => {
      if (this.#child !== child) return;
      watch.heard();
      this.#hear(message);
    });
    child.on('exit', (code, signal) => this.#gone({ code, signal, began }));
    this.#say({ type: 'start', name: this.name, setup: this.#program.setup() });
    const delta = this.#events.full();
    if (delta.version > 0) this.#outbox.add(delta);
  }

  /** Undefined, or without a pid: it could not be started. */
  #fork(): ChildProcess | undefined {
    const failed = (error: Error): void =>
      this.#events.log.error({ worker: this.name, error: error.message }, 'worker failed');
    try {
      const child = fork(this.#program.entry, {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...(this.#program.inherited ?? [])],
        ...withFlags(this.#program.entry),
      });
      child.on('error', failed);
      return child;
    } catch (error) {
      failed(error as Error);
      return undefined;
    }
  }

  #watched(child: ChildProcess): WorkerWatch {
    const { log } = this.#events;
    const about = (milliseconds: number) => ({ worker: this.name, silentFor: `${Math.round(milliseconds / 1000)}s` });
    return new WorkerWatch(
      {
        ask: () => this.#say({ type: 'watch' }),
        onSilent: (milliseconds) => log.warn(about(milliseconds), 'worker does not answer'),
        onAgain: () => log.info({ worker: this.name }, 'worker answers again'),
        onFrozen: (milliseconds) => {
          this.frozen++;
          log.error(about(milliseconds), 'worker is frozen, and is replaced');
          child.kill('SIGKILL');
        },
      },
      () => waitOf(child.pid ?? 0),
      this.#program.watch,
    );
  }

  #gone({ code, signal, began }: { code: number | null; signal: string | null; began: number }): void {
    for (const id of [...this.#questions.keys()]) this.#answer(id, undefined);
    this.#watch?.stop();
    this.#watch = undefined;
    if (this.#draining) return;
    this.restarts++;
    const restartIn = `${this.#again(began)}ms`;
    this.#events.log.error({ worker: this.name, code, signal, restartIn }, 'worker crashed');
  }

  /** Starts it once more, in so many milliseconds. */
  #again(began: number): number {
    if (performance.now() - began > BACKOFF.forgottenAfter) this.#backoff = BACKOFF.first;
    const wait = this.#backoff;
    this.#restart = setTimeout(() => this.#start(), wait);
    this.#backoff = Math.min(wait * 2, BACKOFF.most);
    return wait;
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case 'awake':
        return;
      case 'taken':
        this.#outbox.taken();
        return;
      case 'ack':
        this.#events.onAck(message.ack);
        return;
      case 'troubles':
        this.#events.onTroubles?.(this.name, message.troubles);
        return;
      case 'metrics':
      case 'purged':
        this.#answer(message.id, message);
        return;
      case 'invalidate':
        this.#events.onInvalidate(this.name, message.purges);
        return;
      case 'drained':
        return;
    }
  }

  #answer(id: number, answer: Answer): void {
    this.#questions.get(id)?.(answer);
    this.#questions.delete(id);
  }

  #say(message: ToWorker): void {
    // An error here means that the worker is going: its exit follows, and a new one gets everything.
    if (this.#child?.connected) this.#child.send(message, () => {});
  }
}

/** Who holds its modules itself takes what stands before them for words of its own, and Node's flags from the environment. */
function withFlags(entry: URL | string): Pick<ForkOptions, 'execArgv' | 'env'> {
  const flags = ['--disable-sigusr1', `--max-semi-space-size=${YOUNG_HALF}`];
  if (typeof entry !== 'string') return { execArgv: [...process.execArgv, ...flags] };
  const { NODE_OPTIONS = '' } = process.env;
  return { execArgv: [], env: { ...process.env, NODE_OPTIONS: `${NODE_OPTIONS} ${flags.join(' ')}`.trim() } };
}
