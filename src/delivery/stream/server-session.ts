/** One data plane on its connection, as the controller sees it: unknown, known, fed. */
import type { Duplex } from 'node:stream';
import type { Log } from '../../observe/index.ts';
import type { Piece } from '../piece.ts';
import { Channel, MAX_FRAME } from './channel.ts';
import { type FromController, type FromDataPlane, type Hello, PROTOCOL, StreamRefusal } from './message.ts';
import type { RemoteFleet, RemoteFleets, Seat } from './remote-fleet.ts';
import type { Authenticate, StreamTimes } from './server.ts';

/** Bytes of a hello: a token is 1 to 2 KB. */
export const MAX_HELLO = 32 * 1024;
/** Objects that a data plane may say that it holds. */
export const MAX_HELD = 1_000_000;

export interface SessionParts {
  authenticate: Authenticate;
  fleets: RemoteFleets;
  version: string;
  leading(): boolean;
  times: StreamTimes;
  log: Log;
  onKnown(): void;
  onEnd(): void;
}

export class ServerSession {
  readonly #parts: SessionParts;
  readonly #channel: Channel<FromDataPlane, FromController>;
  readonly #hello: NodeJS.Timeout;
  #said = false;
  #name = '';
  #fleet: RemoteFleet | undefined;
  #seat: Seat | undefined;
  /** What it holds, while it says so. */
  #held: Map<string, string> | undefined;
  #leaving = false;
  #taking: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, parts: SessionParts) {
    this.#parts = parts;
    const { times } = parts;
    this.#channel = new Channel(
      socket,
      { onMessage: (message) => this.#hear(message), onEnd: (reason) => this.#ended(reason) },
      { limit: MAX_HELLO, times },
    );
    this.#hello = setTimeout(() => this.#channel.destroy('it did not say who it is'), times.hello).unref();
  }

  /** It is somebody whom this controller serves. */
  get known(): boolean {
    return this.#fleet !== undefined;
  }

  lead(leading: boolean): void {
    if (this.known) this.#channel.send({ type: 'leading', leading });
  }

  close(reason: string): void {
    this.#channel.send({ type: 'bye', reason });
    this.#channel.close();
  }

  #hear(message: FromDataPlane): void {
    if (!this.#said) {
      if (message.type !== 'hello') throw new TypeError('the first message is no hello');
      this.#said = true;
      void this.#greet(message).catch((error: unknown) => this.#refuse(error));
      return;
    }
    switch (message.type) {
      case 'holds':
        return this.#holds(message);
      case 'taken':
        clearTimeout(this.#taking);
        return this.#seat?.outbox.taken();
      case 'ack':
        if (this.#seat) this.#fleet?.acknowledge(this.#seat, message);
        return;
      case 'leaving':
        this.#leaving = true;
        if (this.#seat) this.#fleet?.leave(this.#seat, true);
        return;
      case 'hello':
        throw new TypeError('a second hello');
      case 'ping':
        return;
    }
  }

  async #greet({ protocol, token, proxy, digest }: Hello): Promise<void> {
    const { authenticate, fleets, version, log } = this.#parts;
    if (protocol !== PROTOCOL) {
      throw new StreamRefusal('protocol', `protocol ${protocol} is not spoken here, but ${PROTOCOL}`);
    }
    const identity = await authenticate(token);
    const fleet = fleets.at(identity.gateway);
    if (!fleet || fleet.version === 0) {
      throw new StreamRefusal('gateway', `there is no Gateway ${identity.gateway} here`);
    }
    clearTimeout(this.#hello);
    this.#parts.onKnown();
    this.#channel.limit = MAX_FRAME;
    this.#name = identity.proxy ?? proxy;
    this.#fleet = fleet;
    const isSame = fleet.digest() === digest;
    const holds = isSame ? 'same' : 'other';
    const { version: config } = fleet;
    this.#channel.send({ type: 'welcome', protocol: PROTOCOL, version, holds, config, leading: this.#parts.leading() });
    if (isSame) this.#seat = fleet.join(this.#name, this.#peer());
    else this.#held = new Map();
    log.info({ gateway: fleet.gateway, proxy: this.#name, resumed: isSame }, 'data plane connected');
  }

  #refuse(error: unknown): void {
    const { log } = this.#parts;
    if (error instanceof StreamRefusal) {
      log.warn({ code: error.code }, `data plane refused: ${error.message}`);
      this.#channel.send({ type: 'refused', code: error.code, message: error.message });
    } else {
      log.error({ error: String(error) }, 'data plane not served');
      this.#channel.send({ type: 'refused', code: 'busy', message: 'it cannot be told now who this is' });
    }
    this.#channel.close();
  }

  #holds({ objects, last }: Extract<FromDataPlane, { type: 'holds' }>): void {
    const held = this.#held;
    if (!held || !this.#fleet) throw new TypeError('nobody asked what it holds');
    for (const [ref, hash] of objects) held.set(ref, hash);
    if (held.size > MAX_HELD) throw new RangeError(`it holds more than ${MAX_HELD} objects`);
    if (!last) return;
    this.#held = undefined;
    this.#seat = this.#fleet.join(this.#name, this.#peer(), held);
  }

  #peer(): { send(piece: Piece): void; close(reason: string): void } {
    return {
      send: (piece) => {
        this.#channel.send({ type: 'piece', piece });
        clearTimeout(this.#taking);
        const { taking } = this.#parts.times;
        this.#taking = setTimeout(
          () => this.#channel.destroy(`it took nothing for ${taking / 1000} s`),
          taking,
        ).unref();
      },
      close: (reason) => this.close(reason),
    };
  }

  #ended(reason: string): void {
    clearTimeout(this.#hello);
    clearTimeout(this.#taking);
    const fleet = this.#fleet;
    if (fleet && this.#seat) fleet.leave(this.#seat, this.#leaving);
    if (fleet) this.#parts.log.info({ gateway: fleet.gateway, proxy: this.#name, reason }, 'data plane gone');
    this.#parts.onEnd();
  }
}
