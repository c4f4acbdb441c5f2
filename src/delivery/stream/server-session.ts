/** One data plane on its connection, as the controller sees it: unknown, known, fed. */
import type { Duplex } from 'node:stream';
import type { Log } from '../../observe/index.ts';
import { Channel, MAX_FRAME } from './channel.ts';
import type { Holdings } from './holdings.ts';
import type { Authenticate } from './identity.ts';
import { type FromController, type FromDataPlane, type Hello, OLDEST, PROTOCOL, StreamRefusal } from './message.ts';
import { readFromDataPlane } from './reading.ts';
import { sizeOfHeld } from './remembered.ts';
import { MAX_DATA_PLANES, type Peer, type RemoteFleet, type Seat } from './remote-fleet.ts';
import type { RemoteFleets } from './remote-fleets.ts';
import { SessionAllowance, StreamFlood } from './session-allowance.ts';
import type { StreamTimes } from './stream-times.ts';

/** Bytes of a hello: a token is 1 to 2 KB. */
export const MAX_HELLO = 32 * 1024;
/** Objects that a data plane may say that it holds. */
export const MAX_HELD = 500_000;

export interface SessionParts {
  authenticate: Authenticate;
  /** Address of the data plane. */
  from: string;
  fleets: RemoteFleets;
  version: string;
  leading(): boolean;
  times: StreamTimes;
  log: Log;
  /** It has said who it is, and the answer is known. */
  onKnown(): void;
  /** Whether it has not been told just now. */
  isNews(refusal: string): boolean;
  onRefused(code: string): void;
  onEnd(): void;
}

export class ServerSession {
  readonly #parts: SessionParts;
  readonly #channel: Channel<{ type: unknown }, FromController>;
  readonly #hello: NodeJS.Timeout;
  #age: NodeJS.Timeout | undefined;
  #taking: NodeJS.Timeout | undefined;
  #said = false;
  #name = '';
  #fleet: RemoteFleet | undefined;
  #seat: Seat | undefined;
  /** What it holds, while it says so. */
  #held: Map<string, string> | undefined;
  #heldSize = 0;
  readonly #allowance = new SessionAllowance();
  #isLeaving = false;
  #hasEnded = false;

  constructor(socket: Duplex, parts: SessionParts) {
    this.#parts = parts;
    const { times } = parts;
    const onMessage = (input: { type: unknown }): void => {
      const message = readFromDataPlane(input);
      if (message) this.#hear(message);
    };
    const events = {
      onMessage,
      onFrame: (bytes: number) => this.#allowance.heard(bytes),
      onHalf: (bytes: number) => this.#fleet?.remembered.note(this.#channel, bytes),
      onFault: (error: Error) => error instanceof StreamFlood && this.#flooded(error),
      onEnd: (reason: string) => this.#end(reason),
    };
    this.#channel = new Channel(socket, events, { limit: MAX_HELLO, times });
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
        if (this.#seat) this.#fleet?.taken(this.#seat);
        return;
      case 'ack':
        if (this.#seat) this.#fleet?.acknowledge(this.#seat, message);
        return;
      case 'troubles':
        if (this.#seat) this.#fleet?.trouble(this.#seat, message);
        return;
      case 'leaving':
        this.#isLeaving = true;
        if (this.#seat) this.#fleet?.depart(this.#seat);
        return;
      case 'hello':
        throw new TypeError('a second hello');
    }
  }

  async #greet(hello: Hello): Promise<void> {
    const { authenticate, from, fleets, leading } = this.#parts;
    const protocol = Math.min(hello.protocol, PROTOCOL);
    if (protocol < OLDEST || protocol < hello.oldest) throw new StreamRefusal('protocol', strange(hello));
    // Who leads is no secret, and whoever looks for it asks often.
    if (hello.seeking && !leading()) throw new StreamRefusal('following', 'this controller writes no statuses');
    const identity = await authenticate(hello.token, from);
    if (this.#hasEnded) return;
    const fleet = fleets.at(identity.gateway);
    if (!fleet || fleet.version === 0) {
      throw new StreamRefusal('gateway', `there is no Gateway ${identity.gateway} here`);
    }
    await fleet.digested();
    if (this.#hasEnded) return;
    const name = identity.proxy ?? hello.proxy;
    if (!fleet.admits(name)) throw new StreamRefusal('flood', `DMN_STREAM_FLOOD: ${name} comes to be fed too often`);
    if (!fleet.enter()) {
      const message = `Gateway ${identity.gateway} has ${MAX_DATA_PLANES} data planes at this controller, and no more can be`;
      throw new StreamRefusal('busy', message);
    }
    this.#welcome({ hello, protocol, fleet, name });
  }

  #welcome(of: { hello: Hello; protocol: number; fleet: RemoteFleet; name: string }): void {
    const { hello, protocol, fleet, name } = of;
    const { version, leading, times, log } = this.#parts;
    this.#known();
    this.#channel.limit = MAX_FRAME;
    this.#name = name;
    this.#fleet = fleet;
    // A token that has ended meanwhile is found out, and controllers share the work anew.
    const age = times.age * (0.5 + Math.random() / 2);
    this.#age = setTimeout(() => this.close('it is time to say again who it is'), age).unref();
    const isSame = fleet.digest() === hello.digest;
    const holds = isSame ? 'same' : 'other';
    this.#channel.send({
      type: 'welcome',
      protocol,
      version,
      holds,
      config: fleet.version,
      leading: leading(),
      takesChanges: true,
    });
    const { version: ofDataPlane, node, zone } = hello;
    const about = { gateway: fleet.gateway, proxy: name, version: ofDataPlane, node, zone };
    log.info({ ...about, resumed: isSame }, 'data plane connected');
    if (isSame) this.#join(fleet);
    else this.#held = new Map();
  }

  /** Comes back in a minute at the earliest: it is to be told why, and to cost nothing more. */
  #flooded({ message: what }: StreamFlood): true {
    const { log, onRefused, isNews } = this.#parts;
    const message = `DMN_STREAM_FLOOD: it says ${what}`;
    const gateway = this.#fleet?.gateway;
    if (isNews(`flood ${gateway} ${this.#name}`)) {
      log.warn(
        { code: 'DMN_STREAM_FLOOD', gateway, proxy: this.#name },
        `a data plane says ${what}: its connection is ended`,
      );
    }
    onRefused('flood');
    this.#fleet?.flooded(this.#name);
    this.#channel.send({ type: 'refused', code: 'flood', message });
    this.#channel.close();
    return true;
  }

  #known(): void {
    clearTimeout(this.#hello);
    this.#parts.onKnown();
  }

  #refuse(error: unknown): void {
    if (this.#hasEnded) return;
    const { log, onRefused } = this.#parts;
    this.#known();
    // What went wrong here is not the data plane's to know.
    const { code, message } =
      error instanceof StreamRefusal ? error : { code: 'busy' as const, message: 'it cannot be told now who this is' };
    if (!(error instanceof StreamRefusal)) log.warn({ error: String(error) }, 'a data plane cannot be served now');
    else if (code !== 'following' && this.#parts.isNews(`${code} ${message}`)) {
      log.warn({ code }, `data plane refused: ${message}`);
    }
    onRefused(code);
    this.#channel.send({ type: 'refused', code, message });
    this.#channel.close();
  }

  #holds({ objects, last }: Extract<FromDataPlane, { type: 'holds' }>): void {
    const held = this.#held;
    if (!held || !this.#fleet) throw new TypeError('nobody asked what it holds');
    this.#heldSize += sizeOfHeld(objects);
    this.#fleet.remembered.note(this, this.#heldSize);
    for (const [ref, hash] of objects) held.set(ref, hash);
    if (held.size > MAX_HELD) throw new RangeError(`it holds more than ${MAX_HELD} objects`);
    if (!last) return;
    this.#held = undefined;
    this.#fleet.remembered.note(this, 0);
    this.#join(this.#fleet, held);
  }

  #join(fleet: RemoteFleet, held?: Holdings): void {
    this.#seat = fleet.join(this.#name, this.#peer(), held);
    if (this.#isLeaving) fleet.depart(this.#seat);
  }

  #peer(): Peer {
    const { taking } = this.#parts.times;
    return {
      send: (piece) => {
        this.#channel.send({ type: 'piece', piece });
        this.#allowance.sentPiece();
        clearTimeout(this.#taking);
        this.#taking = setTimeout(() => this.#channel.destroy(`it took nothing for ${taking} ms`), taking).unref();
      },
      end: () => this.#channel.send({ type: 'ending' }),
      close: (reason) => this.close(reason),
    };
  }

  #end(reason: string): void {
    this.#hasEnded = true;
    clearTimeout(this.#hello);
    clearTimeout(this.#age);
    clearTimeout(this.#taking);
    const fleet = this.#fleet;
    fleet?.remembered.note(this, 0);
    fleet?.remembered.note(this.#channel, 0);
    fleet?.exit();
    if (fleet && this.#seat) fleet.leave(this.#seat);
    if (fleet) this.#parts.log.info({ gateway: fleet.gateway, proxy: this.#name, reason }, 'data plane gone');
    this.#parts.onEnd();
  }
}

function strange({ protocol, oldest, version }: Hello): string {
  const theirs = oldest === protocol ? `${protocol}` : `${oldest} to ${protocol}`;
  const ours = OLDEST === PROTOCOL ? `${PROTOCOL}` : `${OLDEST} to ${PROTOCOL}`;
  return `daemun ${version} speaks protocol ${theirs}, this controller ${ours}: bring them to versions at most one minor apart`;
}
