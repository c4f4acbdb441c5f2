/**
 * A connection that is kept: where it is lost the next one is opened at once, and where that fails, again after a while.
 * Calls wait for one that opens, not for one that could not be opened.
 */

import type { RedisServer } from '../../config/index.ts';
import { AWAY, type Done, RedisConnection } from './connection.ts';
import type { Access } from './settings.ts';

/** Milliseconds until a server that cannot be reached is tried again; twice as long each time. */
export const FIRST_PAUSE = 100;
/** Milliseconds between two tries at most. */
export const LONGEST_PAUSE = 2_000;

export interface Keeping extends Access {
  database: number;
  mustBeMaster: boolean;
  script?: string | undefined;
  /** Where it is now; rejects with why nobody knows. */
  locate(): Promise<RedisServer>;
  /** Somebody used it lately. */
  isWanted(): boolean;
  /** What is wrong with it, or undefined once it is well. */
  told(trouble: string | undefined): void;
}

export class HeldServer {
  readonly #keeping: Keeping;
  #connection: RedisConnection | null = null;
  /** It could not be reached, and nobody waits for it. */
  #away = false;
  #attempt = 0;
  #timer: NodeJS.Timeout | undefined;
  #locating = false;
  #closed = false;
  /** Calls that came while it was being looked for. */
  #early: Array<{ text: string; dueAt: number; done: Done }> = [];

  constructor(keeping: Keeping) {
    this.#keeping = keeping;
  }

  get isAway(): boolean {
    return this.#away;
  }

  /** True: it answered when it was asked last. */
  get isReady(): boolean {
    return this.#connection?.state === 'ready';
  }

  open(): void {
    if (this.#connection !== null || this.#locating || this.#timer !== undefined || this.#closed) return;
    this.#locating = true;
    void this.#locate();
  }

  call(text: string, timeout: number, done: Done): void {
    if (this.#closed) return done(AWAY);
    if (this.#connection !== null && !this.#away) return this.#connection.call(text, timeout, done);
    this.open();
    if (this.#away || this.#early.length >= MAX_EARLY) return done(AWAY);
    this.#early.push({ text, dueAt: performance.now() + timeout, done });
    setTimeout(() => this.#dropLate(), timeout).unref();
  }

  /** It says itself that it is not what is looked for. */
  distrust(why: string): void {
    this.#connection?.close(why);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#connection?.close('is not needed any more');
    this.#failEarly();
  }

  async #locate(): Promise<void> {
    try {
      const server = await this.#keeping.locate();
      this.#locating = false;
      if (!this.#closed) this.#connect(server);
    } catch (error) {
      this.#locating = false;
      if (!this.#closed) this.#lost(error instanceof Error ? error.message : String(error), false);
    }
  }

  #connect(server: RedisServer): void {
    const { dialer, tenant, login, tls, database, mustBeMaster, script } = this.#keeping;
    const where = `${server.host}:${server.port}`;
    const connection = new RedisConnection(
      { dialer, tenant, login, tls, server, database, mustBeMaster, script },
      {
        onReady: () => {
          this.#attempt = 0;
          this.#away = false;
          this.#keeping.told(undefined);
        },
        onClosed: (why, wasReady) => {
          this.#connection = null;
          if (!this.#closed) this.#lost(`${where} ${why}`, wasReady);
        },
      },
    );
    this.#connection = connection;
    const now = performance.now();
    for (const { text, dueAt, done } of this.#early.splice(0)) connection.call(text, Math.max(0, dueAt - now), done);
  }

  #lost(why: string, wasReady: boolean): void {
    // One that was there may be there again at once: it was restarted, or another has taken its place.
    if (wasReady) {
      if (this.#keeping.isWanted()) this.open();
      return;
    }
    this.#away = true;
    this.#failEarly();
    this.#keeping.told(why);
    if (!this.#keeping.isWanted()) {
      this.#away = false;
      return;
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#attempt++) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.open();
    }, pause);
    this.#timer.unref();
  }

  #dropLate(): void {
    const now = performance.now();
    const late = this.#early.filter(({ dueAt }) => dueAt <= now);
    if (late.length === 0) return;
    this.#early = this.#early.filter(({ dueAt }) => dueAt > now);
    for (const { done } of late) done(AWAY);
  }

  #failEarly(): void {
    for (const { done } of this.#early.splice(0)) done(AWAY);
  }
}

/** Calls that wait until it is known where the server is. */
const MAX_EARLY = 10_000;
