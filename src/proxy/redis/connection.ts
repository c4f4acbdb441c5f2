/**
 * One connection to a Redis server. Calls are written together, those of one turn of the loop in one piece, and answered
 * in their order. Each has its deadline; what is late is told so and its reply dropped when it comes. It is used once:
 * who wants another one makes it.
 */

import type { RedisServer } from '../../config/index.ts';
import type { Link, Sink } from '../ground/driver.ts';
import { commandText } from './command.ts';
import { RefusedCall, type Reply, ReplyReader } from './reply.ts';
import type { Access } from './settings.ts';

/** Why a call has no reply. */
export type CallFailure = 'away' | 'timeout' | 'overloaded';

export class NoReply {
  readonly why: CallFailure;

  constructor(why: CallFailure) {
    this.why = why;
  }
}
export const AWAY: NoReply = new NoReply('away');
const TIMEOUT: NoReply = new NoReply('timeout');
const OVERLOADED: NoReply = new NoReply('overloaded');

export type Done = (reply: Reply | NoReply) => void;

/** Milliseconds until a connection is open and its login done. */
export const CONNECT_TIMEOUT = 2_000;
/** Calls that wait for a server at once; more fail. */
export const MAX_CALLS = 10_000;
/** Milliseconds without a reply to what was asked, after which a connection is given up. */
export const SILENCE_TIMEOUT = 3_000;
/** Calls that were answered and are still in the list. */
const MAX_TOLD = 1_024;
/** Milliseconds between looks at deadlines. */
const TICK = 5;

interface Call {
  /** Null once it was told. */
  done: Done | null;
  dueAt: number;
}

export interface ConnectionEvents {
  onReady(): void;
  /** Called once. `why`: in words, nothing of it secret. */
  onClosed(why: string, wasReady: boolean): void;
}

export interface Opening extends Access {
  server: RedisServer;
  database: number;
  /** A server that is a replica, or is to become one, is none that can be written to. */
  mustBeMaster: boolean;
  /** Loaded before anything is called. */
  script?: string | undefined;
}

export class RedisConnection implements Sink {
  readonly server: RedisServer;
  state: 'opening' | 'ready' | 'closed' = 'opening';
  readonly #opening: Opening;
  readonly #events: ConnectionEvents;
  readonly #reader = new ReplyReader();
  /** Written, in their order. */
  #calls: Call[] = [];
  #firstCall = 0;
  /** Not written yet. */
  #texts = '';
  #texted: Call[] = [];
  #flushing = false;
  #link: Link | null = null;
  #ticker: NodeJS.Timeout | undefined;
  #heardAt = 0;
  /** A call was late, and nothing has come since: the next ones do not wait for nothing. */
  #stalled = false;

  constructor(opening: Opening, events: ConnectionEvents) {
    this.server = opening.server;
    this.#opening = opening;
    this.#events = events;
    const timer = setTimeout(() => this.close('does not answer'), CONNECT_TIMEOUT);
    timer.unref();
    this.#connectTimer = timer;
    void this.#open();
  }

  readonly #connectTimer: NodeJS.Timeout;

  async #open(): Promise<void> {
    const { server, dialer, tenant, tls } = this.#opening;
    try {
      const addresses = await dialer.addresses(server, tenant());
      if (this.state === 'closed') return;
      const address = addresses[Math.floor(Math.random() * addresses.length)]!;
      this.#link = dialer.connect({ address, port: server.port, tls: tls?.(server.host) }, this);
    } catch (error) {
      this.close(error instanceof Error ? error.message : String(error));
    }
  }

  /** `done` is called once, with the reply or why there is none; at once where it is clear. `timeout`: milliseconds. */
  call(text: string, timeout: number, done: Done): void {
    if (this.state === 'closed') return done(AWAY);
    if (this.#stalled) return done(TIMEOUT);
    if (this.waiting >= MAX_CALLS) return done(OVERLOADED);
    this.#texts += text;
    this.#texted.push({ done, dueAt: performance.now() + timeout });
    this.#tick();
    if (this.state === 'ready') this.#flushSoon();
  }

  get waiting(): number {
    return this.#calls.length - this.#firstCall + this.#texted.length;
  }

  close(why: string): void {
    if (this.state === 'closed') return;
    const wasReady = this.state === 'ready';
    this.state = 'closed';
    clearTimeout(this.#connectTimer);
    clearInterval(this.#ticker);
    this.#link?.close('reset');
    this.#link = null;
    const left = [...this.#calls.slice(this.#firstCall), ...this.#texted];
    this.#calls = [];
    this.#firstCall = 0;
    this.#texted = [];
    this.#texts = '';
    this.#events.onClosed(why, wasReady);
    for (const call of left) tell(call, AWAY);
  }

  // ── writing

  /** What the same turn of the loop still brings goes with it. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.state !== 'ready' || this.#texted.length === 0) return;
    if (this.waiting === this.#texted.length) this.#heardAt = performance.now();
    for (const call of this.#texted) this.#calls.push(call);
    this.#texted = [];
    const texts = this.#texts;
    this.#texts = '';
    this.#link!.send(texts);
  }

  // ── deadlines

  #tick(): void {
    if (this.#ticker !== undefined) return;
    this.#ticker = setInterval(() => this.#look(), TICK);
    this.#ticker.unref();
  }

  #look(): void {
    const now = performance.now();
    if (this.waiting === 0) {
      clearInterval(this.#ticker);
      this.#ticker = undefined;
      return;
    }
    if (this.state === 'ready' && now - this.#heardAt > SILENCE_TIMEOUT) return this.close('does not answer');
    const late: Call[] = [];
    for (let i = this.#firstCall; i < this.#calls.length && this.#calls[i]!.dueAt <= now; i++)
      late.push(this.#calls[i]!);
    for (let i = 0; i < this.#texted.length && this.#texted[i]!.dueAt <= now; i++) late.push(this.#texted[i]!);
    if (late.some(({ done }) => done !== null)) this.#stalled = this.state === 'ready';
    for (const call of late) tell(call, TIMEOUT);
  }

  // ── the link's calls

  onOpen(): void {
    const { login, database, mustBeMaster, script } = this.#opening;
    const { username, password } = login;
    const steps: Array<[parts: string[], check: (reply: Reply) => string | undefined]> = [];
    if (password !== undefined) {
      const parts = username === undefined ? ['AUTH', password] : ['AUTH', username, password];
      steps.push([parts, (reply) => (reply instanceof RefusedCall ? `refuses the login (${reply.code})` : undefined)]);
    }
    if (database !== 0) steps.push([['SELECT', String(database)], (reply) => refusal(reply, 'refuses the database')]);
    if (mustBeMaster) steps.push([['ROLE'], roleFault]);
    if (script !== undefined) steps.push([['SCRIPT', 'LOAD', script], () => undefined]);
    steps.push([['PING'], pingFault]);
    const last = steps.length - 1;
    const dueAt = Number.POSITIVE_INFINITY;
    this.#calls = steps.map(([, check], at) => ({
      dueAt,
      done: (reply) => {
        if (this.state !== 'opening' || reply instanceof NoReply) return;
        const fault = check(reply);
        if (fault !== undefined) this.close(fault);
        else if (at === last) this.#ready();
      },
    }));
    // A password may have any letters; what is written is taken for Latin-1.
    this.#link!.send(Buffer.from(steps.map(([parts]) => commandText(parts)).join('')));
  }

  #ready(): void {
    clearTimeout(this.#connectTimer);
    this.state = 'ready';
    this.#heardAt = performance.now();
    this.#events.onReady();
    this.#flushSoon();
  }

  onBytes(start: number, end: number): void {
    if (this.state === 'closed') return;
    this.#heardAt = performance.now();
    this.#stalled = false;
    let replies: Reply[];
    try {
      replies = this.#reader.take(start, end);
    } catch {
      return this.close('speaks no Redis');
    }
    for (const reply of replies) {
      const call = this.#calls[this.#firstCall++];
      if (call === undefined) return this.close('says what nobody asked for');
      tell(call, reply);
    }
    if (this.#firstCall < MAX_TOLD && this.#firstCall < this.#calls.length) return;
    this.#calls = this.#calls.slice(this.#firstCall);
    this.#firstCall = 0;
  }

  onEnd(): void {
    this.close('has closed the connection');
  }

  onDrain(): void {}

  onClose(error: NodeJS.ErrnoException | undefined): void {
    this.close(error === undefined ? 'has closed the connection' : closedBy(error));
  }
}

function tell(call: Call, reply: Reply | NoReply): void {
  const { done } = call;
  call.done = null;
  done?.(reply);
}

function refusal(reply: Reply, what: string): string | undefined {
  return reply instanceof RefusedCall ? `${what} (${reply.code})` : undefined;
}

/** Who may call the script alone is let in, too. */
function pingFault(reply: Reply): string | undefined {
  return reply instanceof RefusedCall && reply.code === 'NOPERM' ? undefined : refusal(reply, 'refuses calls');
}

/** Who may not ask for the role is believed to know where he leads us. */
function roleFault(reply: Reply): string | undefined {
  if (reply instanceof RefusedCall) return reply.code === 'NOPERM' ? undefined : `refuses calls (${reply.code})`;
  return Array.isArray(reply) && reply[0] === 'master' ? undefined : 'is no master';
}

function closedBy({ code, message }: NodeJS.ErrnoException): string {
  return code === undefined || code === 'EACCES' ? message : `cannot be reached (${code})`;
}
