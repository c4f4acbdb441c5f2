/** Limits that several gateways take from: a server, a master that Sentinels name, or a cluster of Redis. */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import tls, { type PeerCertificate } from 'node:tls';
import type { RedisSettings } from '../../config/index.ts';
import type { ConnectTls } from '../ground/driver.ts';
import { Cluster } from './cluster.ts';
import { commandText } from './command.ts';
import { AWAY, type Done, NoReply } from './connection.ts';
import { HeldServer } from './held-server.ts';
import { RefusedCall } from './reply.ts';
import { Sentinels } from './sentinel.ts';
import { type Access, type Dialer, nameOf } from './settings.ts';
import { type Asking, TAKE, type Taken, takeArguments, takenOf } from './take.ts';

/** Milliseconds after its last use until connections are closed: they are opened again when somebody comes. */
export const IDLE_LIFE = 60_000;
/** Times that a call is sent on by nodes of a cluster. */
const MAX_HOPS = 3;

/** What came of calls. */
export type Outcome = 'answered' | 'away' | 'timeout' | 'overloaded' | 'refused';

/** Codes that say: not me, not now. The connection is given up, and who has the data is looked for anew. */
const NOT_HERE = new Set(['READONLY', 'MASTERDOWN', 'LOADING', 'NOAUTH', 'WRONGPASS', 'UNBLOCKED']);

export interface ClientEvents {
  /** What is wrong, or undefined once it is well. */
  told(trouble: string | undefined): void;
  opened(): void;
  /** It has not been used for IDLE_LIFE, or nothing is to be used any more. */
  closed(): void;
}

export class RedisClient {
  readonly name: string;
  readonly counts: Record<Outcome, number> = { answered: 0, away: 0, timeout: 0, overloaded: 0, refused: 0 };
  /** In words. */
  trouble: string | undefined = undefined;
  /** Users' policies that take from it, or did. */
  readonly sources: Set<string> = new Set();
  readonly #settings: RedisSettings;
  readonly #dialer: Dialer;
  readonly #events: ClientEvents;
  #servers: Cluster | HeldServer | null = null;
  #usedAt = performance.now();
  #idle: NodeJS.Timeout | undefined;

  constructor(settings: RedisSettings, dialer: Dialer, events: ClientEvents) {
    this.name = nameOf(settings);
    this.#settings = settings;
    this.#dialer = dialer;
    this.#events = events;
  }

  /** `done` is called once: with what was given, or why nothing is known. It may be called at once. */
  take(asking: readonly Asking[], timeout: number, done: (taken: Taken | Exclude<Outcome, 'answered'>) => void): void {
    const key = asking[0]!.key;
    const until = performance.now() + timeout;
    const parts = takeArguments(asking);
    const text = commandText(['EVALSHA', TAKE.digest, ...parts]);
    this.#send({ key, text, until, hops: 0 }, (reply) => {
      if (reply instanceof RefusedCall && reply.code === 'NOSCRIPT') {
        const whole = commandText(['EVAL', TAKE.script, ...parts]);
        this.#send({ key, text: whole, until, hops: 0 }, (again) => this.#tell(again, asking, done));
      } else {
        this.#tell(reply, asking, done);
      }
    });
  }

  open(): void {
    this.#usedAt = performance.now();
    if (this.#servers === null) {
      this.#servers = this.#make();
      this.#events.opened();
    }
    this.#servers.open();
    this.#idle ??= setInterval(() => {
      if (performance.now() - this.#usedAt > IDLE_LIFE) this.close();
    }, IDLE_LIFE / 2).unref();
  }

  close(): void {
    clearInterval(this.#idle);
    this.#idle = undefined;
    this.#servers?.close();
    this.#servers = null;
    this.#tellTrouble(undefined);
    this.#events.closed();
  }

  #tell(reply: unknown, asking: readonly Asking[], done: (taken: Taken | Exclude<Outcome, 'answered'>) => void): void {
    if (reply instanceof NoReply) {
      this.counts[reply.why]++;
      return done(reply.why);
    }
    const taken = takenOf(reply, asking);
    if (taken === undefined) {
      this.counts.refused++;
      return done('refused');
    }
    this.counts.answered++;
    done(taken);
  }

  #send(call: { key: string; text: string; until: number; hops: number }, done: Done): void {
    this.#usedAt = performance.now();
    if (this.#servers === null) this.open();
    const servers = this.#servers!;
    const server = servers instanceof Cluster ? servers.serverOf(call.key) : servers;
    if (server === null) return done(AWAY);
    this.#sendTo(server, call, done);
  }

  #sendTo(server: HeldServer, call: { key: string; text: string; until: number; hops: number }, done: Done): void {
    const { text, until, hops } = call;
    server.call(text, Math.max(1, until - performance.now()), (reply) => {
      if (!(reply instanceof RefusedCall)) return done(reply);
      const { code, rest } = reply;
      if ((code === 'MOVED' || code === 'ASK') && this.#servers instanceof Cluster && hops < MAX_HOPS) {
        const next = this.#servers.pointedAt(rest, server);
        if (next === null) return done(reply);
        if (code === 'MOVED') this.#servers.moved(call.key, next);
        // A slot that is on its way takes calls only of those who ask.
        const sent = { ...call, hops: hops + 1 };
        if (code === 'ASK') next.call(commandText(['ASKING']), Math.max(1, until - performance.now()), () => {});
        return this.#sendTo(next, sent, done);
      }
      if (NOT_HERE.has(code)) server.distrust(`refuses calls (${code})`);
      done(reply);
    });
  }

  #make(): Cluster | HeldServer {
    const { servers, kind, login, database, sentinel } = this.#settings;
    const access: Access = { dialer: this.#dialer, tenant: () => this.#tenant(), login, tls: this.#tls() };
    const isWanted = (): boolean => performance.now() - this.#usedAt < IDLE_LIFE;
    const told = (trouble: string | undefined): void => this.#tellTrouble(trouble);
    const script = TAKE.script;
    if (kind === 'Cluster') return new Cluster({ ...access, isWanted, script }, servers, told);
    const held = { ...access, database, mustBeMaster: true, isWanted, told, script };
    if (kind === 'Server') return new HeldServer({ ...held, locate: async () => servers[0]! });
    const sentinels = new Sentinels({ ...access, login: sentinel!.login }, servers, sentinel!.master);
    return new HeldServer({ ...held, locate: () => sentinels.locate() });
  }

  /** Of several the first. */
  #tenant(): string {
    const [source = ''] = this.sources;
    return source.split('/')[1] ?? '';
  }

  #tls(): ((host: string) => ConnectTls) | undefined {
    const { tls: wanted } = this.#settings;
    if (wanted === undefined) return undefined;
    return (host) => {
      const name = wanted.serverName ?? host;
      // An address is in certificates, and no name that a server could be asked for.
      const serverName = isIP(name) ? '' : name;
      const verify: ConnectTls['verify'] = (_host, certificate) =>
        tls.checkServerIdentity(name, certificate as PeerCertificate);
      return { serverName, ca: wanted.ca, alpn: [], verify };
    };
  }

  #tellTrouble(trouble: string | undefined): void {
    if (trouble === undefined && this.trouble === undefined) return;
    this.trouble = trouble;
    this.#events.told(trouble);
  }
}

/** The key under which a limit stands: what is counted apart may be secret, and as long as it likes. */
export function limitKey(about: string, tag: string): string {
  const digest = createHash('sha256').update(about).digest('base64url').slice(0, 27);
  return tag === '' ? `daemun:limit:${digest}` : `daemun:limit:{${tag}}:${digest}`;
}
