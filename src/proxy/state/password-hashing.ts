/**
 * Whether a password has a hash, in forms that take long on purpose: on a thread of its own, so that nobody waits for whom
 * it is no matter. What was found once is remembered, by a digest that says nothing outside of this process.
 */
import { createHmac, randomBytes } from 'node:crypto';
import * as sea from 'node:sea';
import { Worker } from 'node:worker_threads';
import { VerifiedCache } from './verified-cache.ts';

/** Most passwords that wait to be compared: who comes then is told to come again. */
export const MAX_PASSWORDS_WAITING: number = 64;
/** Bytes of what is remembered of passwords that are right, and of those that are wrong. */
const RIGHT_BYTES = 4 * 1024 * 1024;
const WRONG_BYTES = 512 * 1024;

/** Of a single executable: the text of the thread's program. */
const THREAD_ASSET = 'password-thread.cjs';

type Outcome = boolean | 'busy';

export class PasswordHashing {
  readonly #key = randomBytes(32);
  readonly #right = new VerifiedCache<true>(RIGHT_BYTES);
  readonly #wrong = new VerifiedCache<true>(WRONG_BYTES);
  readonly #waiting = new Map<number, { settle: (matches: boolean) => void; fail: (error: Error) => void }>();
  readonly #under = new Map<string, Promise<boolean>>();
  #thread: Worker | null = null;
  #number = 0;

  /** Rejects where the thread ends before its time. */
  matches(hash: string, password: Buffer): Outcome | Promise<boolean> {
    const digest = createHmac('sha256', this.#key).update(`${hash.length} ${hash}`).update(password).digest('base64');
    if (this.#right.get(digest)) return true;
    if (this.#wrong.get(digest)) return false;
    const under = this.#under.get(digest);
    if (under !== undefined) return under;
    if (this.#waiting.size >= MAX_PASSWORDS_WAITING) return 'busy';
    const asked = this.#ask(hash, password).then(
      (matches) => {
        this.#under.delete(digest);
        (matches ? this.#right : this.#wrong).set(digest, true);
        return matches;
      },
      (error) => {
        this.#under.delete(digest);
        throw error;
      },
    );
    this.#under.set(digest, asked);
    return asked;
  }

  #ask(hash: string, password: Buffer): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const number = this.#number++;
    this.#waiting.set(number, { settle: resolve, fail: reject });
    this.#running().postMessage({ number, hash, password: Uint8Array.from(password) });
    return promise;
  }

  #running(): Worker {
    if (this.#thread !== null) return this.#thread;
    const thread = openThread();
    this.#thread = thread;
    thread.unref();
    thread.on('message', ({ number, matches }: { number: number; matches: boolean }) => {
      const waiting = this.#waiting.get(number);
      this.#waiting.delete(number);
      waiting?.settle(matches);
    });
    const end = (error: Error): void => {
      if (this.#thread === thread) this.#thread = null;
      for (const { fail } of this.#waiting.values()) fail(error);
      this.#waiting.clear();
    };
    thread.on('error', end);
    thread.on('exit', () => end(new Error('the thread that compares passwords has ended')));
    return thread;
  }
}

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
