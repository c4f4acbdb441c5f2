/**
 * Whether a password has a hash, in forms that take long on purpose: on a thread of its own, so that nobody waits for whom
 * it is no matter, and in turns, so that whose hashes take long keep others waiting for one of them. What was found once is
 * remembered, by a digest that says nothing outside of this process.
 */
import { createHmac, randomBytes } from 'node:crypto';
import * as sea from 'node:sea';
import { Worker } from 'node:worker_threads';
import { FairTurns, type Waiter } from '../turns/index.ts';
import { VerifiedCache } from './verified-cache.ts';

/** Most passwords that wait to be compared for one method of a policy: who comes then is told to come again. */
export const MAX_PASSWORDS_WAITING: number = 64;
/** Most that wait in all: above it those of the namespace that has most of them are told to come again. */
export const MAX_ALL_PASSWORDS_WAITING: number = 1_024;
/** Milliseconds after which a password is not compared any more: whoever sent it is told to come again. */
export const MAX_PASSWORD_WAIT: number = 5_000;
/** Bytes of what is remembered of passwords that are right, and of those that are wrong. */
const RIGHT_BYTES = 4 * 1024 * 1024;
const WRONG_BYTES = 512 * 1024;

/** Of a single executable: the text of the thread's program. */
const THREAD_ASSET = 'password-thread.cjs';

/** `busy`: too many others wait. */
type Outcome = boolean | 'busy';

interface Asked {
  readonly hash: string;
  readonly password: Uint8Array;
  readonly since: number;
  settle(outcome: Outcome): void;
  fail(error: Error): void;
}

export class PasswordHashing {
  readonly #key = randomBytes(32);
  readonly #right = new VerifiedCache<true>(RIGHT_BYTES);
  readonly #wrong = new VerifiedCache<true>(WRONG_BYTES);
  readonly #turns = new FairTurns<Asked>();
  readonly #under = new Map<string, Promise<Outcome>>();
  readonly #open: () => Thread;
  #thread: Thread | null = null;
  /** What the thread has before it: one at a time, so that whose turn is next is not decided too early. */
  #current: { waiter: Waiter; one: Asked; began: number } | null = null;

  constructor(open: () => Thread = openThread) {
    this.#open = open;
  }

  /** `whose`: who waits, where it must be waited for. Rejects where the thread ends before its time. */
  matches(hash: string, password: Buffer, whose: Waiter): Outcome | Promise<Outcome> {
    const digest = createHmac('sha256', this.#key).update(`${hash.length} ${hash}`).update(password).digest('base64');
    if (this.#right.get(digest)) return true;
    if (this.#wrong.get(digest)) return false;
    // Nobody is turned away for the place of another: who asks the same in another line waits in his own.
    const name = `${whose.line} ${digest}`;
    const under = this.#under.get(name);
    if (under !== undefined) return under;
    if (this.#turns.waiting(whose) >= MAX_PASSWORDS_WAITING) return 'busy';
    const asked = this.#ask(hash, password, whose)
      .then((outcome) => {
        if (outcome !== 'busy') (outcome ? this.#right : this.#wrong).set(digest, true);
        return outcome;
      })
      .finally(() => this.#under.delete(name));
    this.#under.set(name, asked);
    return asked;
  }

  #ask(hash: string, password: Buffer, whose: Waiter): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const one = { hash, password: Uint8Array.from(password), since: performance.now(), settle: resolve, fail: reject };
    this.#turns.add(whose, one);
    if (this.#turns.size > MAX_ALL_PASSWORDS_WAITING) this.#turns.shed()?.settle('busy');
    this.#next();
    return promise;
  }

  #next(): void {
    while (this.#current === null) {
      const next = this.#turns.next();
      if (next === undefined) return;
      const began = performance.now();
      if (began - next.one.since > MAX_PASSWORD_WAIT) {
        next.one.settle('busy');
        continue;
      }
      const thread = this.#running();
      if (thread instanceof Error) {
        next.one.fail(thread);
        continue;
      }
      this.#current = { ...next, began };
      thread.ref();
      thread.postMessage({ hash: next.one.hash, password: next.one.password });
    }
  }

  /** An error where the system has no room for a thread: who comes later may find it. */
  #running(): Thread | Error {
    if (this.#thread !== null) return this.#thread;
    let thread: Thread;
    try {
      thread = this.#open();
    } catch (error) {
      return error as Error;
    }
    this.#thread = thread;
    thread.on('message', (matches: boolean) => {
      const current = this.#current!;
      this.#current = null;
      this.#turns.spend(current.waiter, performance.now() - current.began);
      current.one.settle(matches);
      this.#next();
      // Who listens for messages keeps a process alive: a command that asked would never end.
      if (this.#current === null) thread.unref();
    });
    const end = (error: Error): void => {
      if (this.#thread !== thread) return;
      this.#thread = null;
      const waiting = [...(this.#current === null ? [] : [this.#current.one]), ...this.#turns.clear()];
      this.#current = null;
      for (const { fail } of waiting) fail(error);
    };
    thread.on('error', end);
    thread.on('exit', () => end(new Error('the thread that compares passwords has ended')));
    return thread;
  }
}

/** As far as it is used here. */
export type Thread = Pick<Worker, 'on' | 'ref' | 'unref' | 'postMessage'>;

function openThread(): Worker {
  const options = { stdin: false, execArgv: [], env: {} };
  if (sea.isSea()) return new Worker(sea.getAsset(THREAD_ASSET, 'utf8'), { ...options, eval: true });
  // Built, it lies beside this (build.ts).
  const fromSources = import.meta.url.endsWith('.ts');
  return new Worker(
    new URL(fromSources ? '../../cli/password-thread.ts' : './password-thread.js', import.meta.url),
    options,
  );
}
