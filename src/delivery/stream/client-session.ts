/** One connection of a data plane to a controller. */
import type { TLSSocket } from 'node:tls';
import type { Ack, ConfigObject, ConfigRef, Delta, Trouble } from '../../config/index.ts';
import type { HashBook } from '../../value/hash-book.ts';
import { Channel } from './channel.ts';
import type { ClientTimes } from './client-times.ts';
import { ListenerBook } from './listener-book.ts';
import { type FromController, type FromDataPlane, type Hello, OLDEST, PROTOCOL, type StreamAck } from './message.ts';

/** Objects in one message of what is held: about 200 KB. */
const HELD_PIECE = 2000;

export interface ClientSessionParts {
  about: Pick<Hello, 'token' | 'version' | 'proxy' | 'node' | 'zone' | 'seeking'>;
  hashes: HashBook;
  /** Of what it holds, by its own count. */
  version(): number;
  times: ClientTimes;
  /** Before anything else comes of it. */
  onWelcome(session: ClientSession, controller: string): void;
  /** Takes a step, of a version in this data plane's own count. */
  onStep(step: Delta): void;
  onLeading(leading: boolean): void;
  /** Its pod is being taken away. */
  onEnding(): void;
  /** `isAsked`: the controller said so, and nothing is wrong. */
  onEnd(session: ClientSession, reason: string, isAsked: boolean): void;
  /** The last acknowledgement. */
  last(): Ack | undefined;
}

export class ClientSession {
  readonly #parts: ClientSessionParts;
  readonly #channel: Channel<FromController, FromDataPlane>;
  readonly #welcome: NodeJS.Timeout;
  /** What was held when the digest of it was told. */
  #told = -1;
  #isWelcome = false;
  #step: { upserts: ConfigObject[]; removals: ConfigRef[] } | undefined;
  /** Versions of this data plane, and the controller's they stand for; the oldest that is not acknowledged first. */
  readonly #versions: Array<{ own: number; theirs: number }> = [];
  /** The list that was said last, as text. */
  #rejected = '';
  readonly #listeners = new ListenerBook();
  #saidListeners = false;
  #takesChanges = false;
  #isAsked = false;

  constructor(socket: TLSSocket, parts: ClientSessionParts) {
    this.#parts = parts;
    const { times } = parts;
    this.#channel = new Channel(
      socket,
      { onMessage: (message: FromController) => this.#hear(message), onEnd: (reason) => this.#ended(reason) },
      { times },
    );
    this.#welcome = setTimeout(() => this.#channel.destroy('the controller does not answer'), times.welcome).unref();
    socket.once('secureConnect', () => this.#greet());
  }

  acknowledge(ack: Ack): void {
    while (this.#versions.length > 1 && this.#versions[1]!.own <= ack.version) this.#versions.shift();
    const [reached] = this.#versions;
    // It speaks of what was there before this connection.
    if (reached === undefined || reached.own > ack.version) return;
    this.#channel.send(this.#shortened(ack, reached.theirs));
  }

  /** Before it is welcome it may say nothing but who it is. */
  trouble(worker: string, troubles: Trouble[]): void {
    if (this.#isWelcome) this.#channel.send({ type: 'troubles', worker, troubles });
  }

  leave(): void {
    this.#channel.send({ type: 'leaving' });
  }

  close(): void {
    this.#channel.close();
  }

  #greet(): void {
    const { about, hashes, version } = this.#parts;
    this.#told = version();
    this.#channel.send({ type: 'hello', protocol: PROTOCOL, oldest: OLDEST, ...about, digest: hashes.digest });
  }

  #hear(message: FromController): void {
    switch (message.type) {
      case 'welcome':
        return this.#welcomed(message);
      case 'refused':
        return this.#channel.destroy(`refused (${message.code}): ${message.message}`);
      case 'piece':
        return this.#take(message.piece);
      case 'leading':
        return this.#parts.onLeading(message.leading);
      case 'ending':
        return this.#parts.onEnding();
      case 'bye':
        this.#isAsked = true;
        return this.#channel.destroy(message.reason);
    }
  }

  #welcomed({
    version,
    holds,
    config,
    leading,
    takesChanges = false,
  }: Extract<FromController, { type: 'welcome' }>): void {
    clearTimeout(this.#welcome);
    this.#isWelcome = true;
    this.#takesChanges = takesChanges;
    const own = this.#parts.version();
    // Another controller's step came in between: what was told is not true any more.
    if (own !== this.#told) throw new Error('what is held has changed meanwhile');
    this.#parts.onWelcome(this, version);
    this.#parts.onLeading(leading);
    if (holds === 'other') return this.#tellHeld();
    // The first config is a step also where it is empty: it makes the data plane ready.
    if (own === 0) return this.#stepped({ version: config, upserts: [], removals: [] });
    this.#versions.push({ own, theirs: config });
    const last = this.#parts.last();
    if (last) this.acknowledge(last);
  }

  #tellHeld(): void {
    let objects: Array<[string, string]> = [];
    for (const one of this.#parts.hashes) {
      objects.push(one);
      if (objects.length < HELD_PIECE) continue;
      this.#channel.send({ type: 'holds', objects, last: false });
      objects = [];
    }
    this.#channel.send({ type: 'holds', objects, last: true });
  }

  #take({ version, upserts, removals, last }: Extract<FromController, { type: 'piece' }>['piece']): void {
    this.#step ??= { upserts: [], removals: [] };
    for (const object of upserts) this.#step.upserts.push(object);
    for (const ref of removals) this.#step.removals.push(ref);
    this.#channel.send({ type: 'taken' });
    if (!last) return;
    const step = this.#step;
    this.#step = undefined;
    this.#stepped({ version, ...step });
  }

  #stepped(step: Delta): void {
    const own = this.#parts.version() + 1;
    this.#versions.push({ own, theirs: step.version });
    this.#parts.onStep({ ...step, version: own });
  }

  /** Without the lists that are as they were said before. */
  #shortened({ rejected, listeners, refusedEndpoints, shortfalls }: Ack, version: number): StreamAck {
    const text = JSON.stringify(rejected);
    const before = this.#rejected;
    this.#rejected = text;
    return {
      type: 'ack',
      version,
      ...(text === before ? {} : { rejected }),
      ...this.#changedListeners(listeners),
      ...(refusedEndpoints ? { refusedEndpoints } : {}),
      ...(shortfalls ? { shortfalls } : {}),
    };
  }

  #changedListeners(listeners: Ack['listeners']): Pick<StreamAck, 'listeners' | 'changed' | 'gone'> {
    const changes = this.#listeners.note(listeners);
    const isFirst = !this.#saidListeners;
    this.#saidListeners = true;
    if (isFirst) return { listeners };
    if (this.#takesChanges) return changes;
    return changes.changed === undefined && changes.gone === undefined ? {} : { listeners };
  }

  #ended(reason: string): void {
    clearTimeout(this.#welcome);
    this.#parts.onEnd(this, reason, this.#isAsked);
  }
}
