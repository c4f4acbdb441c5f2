/** The data planes of one Gateway that are connected over the network: they come and go. */
import { setImmediate } from 'node:timers/promises';
import type { Ack, ConfigKind, ConfigObject, ConfigRef, Delta, Trouble } from '../../config/index.ts';
import { refKey } from '../../config/index.ts';
import type { Log, MetricsSnapshot } from '../../observe/index.ts';
import { Allowance, AllowanceBook } from '../../value/allowance.ts';
import type { Fleet, FleetEvents } from '../fleet.ts';
import { Outbox, type Piece } from '../piece.ts';
import type { Holdings } from './holdings.ts';
import { ListenerBook } from './listener-book.ts';
import type { StreamAck } from './message.ts';
import { Remembered, sizeOfRest } from './remembered.ts';
import { ACK_LIMIT, MAX_DEBT, SUBSCRIPTION_LIMIT } from './session-allowance.ts';

/**
 * Milliseconds that a data plane still counts after its connection broke: it serves what it acknowledged, and a
 * controller's network that blinks takes no Gateway out of service.
 */
export const AWAY_GRACE = 10_000;
/**
 * Milliseconds that a data plane whose pod is being taken away has to say that it leaves, before it is told to. A signal can
 * be lost, by a first process that has no handler yet or passes none on: it would serve until it is killed.
 */
export const SIGNAL_PATIENCE = 5_000;

/** Connections of data planes of one Gateway to a controller: each weighs 70 to 150 KB, and who has a token can open any number. */
export const MAX_DATA_PLANES = 500;

/** A connection as its fleet sees it. */
export interface Peer {
  send(piece: Piece): void;
  /** The data plane is told that its pod is being taken away. */
  end(): void;
  /** Ends it; the data plane is told why. */
  close(reason: string): void;
}

export interface RemoteFleetOptions {
  /** Milliseconds; absent: as above. */
  awayGrace?: number;
  signalPatience?: number;
  isEnding?(name: string): boolean;
  onEnd?(): void;
}

export class RemoteFleet implements Fleet {
  readonly gateway: string;
  /** What its data planes have said. */
  readonly remembered = new Remembered();
  readonly #events: FleetEvents;
  readonly #awayGrace: number;
  readonly #signalPatience: number;
  /** Whether the pod of this name is being taken away, as far as is known. */
  readonly #isEnding: (name: string) => boolean;
  /** Told when it is no longer to be found. */
  readonly #onEnd: () => void;
  readonly #seats = new Map<string, Seat>();
  /** Those that count, and for how long where they are away. */
  readonly #counted = new Map<string, NodeJS.Timeout | undefined>();
  #names: ReadonlyArray<string> = [];
  #connections = 0;
  readonly #subscriptions = new AllowanceBook(SUBSCRIPTION_LIMIT, 2 * MAX_DATA_PLANES);
  #isEnded = false;
  /** Called when somebody has taken all there was. */
  #onTaken = (): void => {};

  constructor(gateway: string, events: FleetEvents, options: RemoteFleetOptions = {}) {
    const {
      awayGrace = AWAY_GRACE,
      signalPatience = SIGNAL_PATIENCE,
      isEnding = () => false,
      onEnd = () => {},
    } = options;
    this.gateway = gateway;
    this.#events = events;
    this.#awayGrace = awayGrace;
    this.#signalPatience = signalPatience;
    this.#isEnding = isEnding;
    this.#onEnd = onEnd;
  }

  /**
   * Those that have acknowledged a config: a pod that has just started serves nobody yet, and takes nothing away from
   * what the others serve.
   */
  get names(): ReadonlyArray<string> {
    return this.#names;
  }

  get log(): Log {
    return this.#events.log;
  }

  get connected(): number {
    return this.#seats.size;
  }

  send(delta: Delta): void {
    for (const seat of this.#seats.values()) seat.outbox.add(delta);
  }

  /** They are asked by whoever collects metrics, each by itself. */
  async metrics(): Promise<MetricsSnapshot[]> {
    return [];
  }

  /** What data planes serve goes on: what they were told last is waited for, and then they are let go. */
  async drain(timeout: number): Promise<void> {
    const isIdle = (): boolean => [...this.#seats.values()].every(({ outbox }) => outbox.isEmpty);
    if (timeout > 0 && !isIdle()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, timeout);
      this.#onTaken = () => isIdle() && resolve();
      await promise;
      clearTimeout(timer);
    }
    await this.end();
  }

  async end(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
    for (const timer of this.#counted.values()) clearTimeout(timer);
    this.#counted.clear();
    for (const seat of this.#seats.values()) seat.peer.close('this controller has nothing more for it');
    this.#seats.clear();
  }

  /** Whether a data plane of this name may come to be fed now. */
  admits(name: string): boolean {
    return this.#subscriptions.of(name).take();
  }

  /** It has said too much, and its connection was ended for that. */
  flooded(name: string): void {
    this.#subscriptions.of(name).owe(MAX_DEBT);
  }

  /** One more connection of a data plane that has said who it is; false: there is no room. It is given back by `exit`. */
  enter(): boolean {
    if (this.#connections >= MAX_DATA_PLANES) return false;
    this.#connections++;
    return true;
  }

  exit(): void {
    this.#connections--;
  }

  /** The version of the config now; 0 before there is one. */
  get version(): number {
    return this.#events.published().version;
  }

  /** Of the config now. */
  digest(): string {
    return this.#events.published().hashes.digest;
  }

  /** The digest costs little at its end, however much has changed: others had their turns meanwhile. */
  async digested(): Promise<void> {
    await inTurns(() => this.#events.published().hashes.digesting());
  }

  /**
   * From now on it gets every change; `holdings`: what it holds, undefined where that is the config as it is now. One of
   * the same name that is still here is a connection that nobody has seen break.
   */
  join(name: string, peer: Peer, holdings?: Holdings): Seat {
    this.#seats.get(name)?.peer.close('the data plane has connected anew');
    const seat = new Seat(name, peer);
    if (this.#isEnded) {
      peer.close('this controller has nothing more for it');
      return seat;
    }
    this.#seats.set(name, seat);
    if (this.#counted.has(name)) this.#stay(name);
    if (holdings) seat.outbox.add(this.#difference(holdings));
    // The signal was lost before it was here.
    if (this.#isEnding(name)) this.ending(name);
    return seat;
  }

  /** The pod of this name is being taken away: its data plane is told, unless it says by then that it knows. */
  ending(name: string): void {
    const seat = this.#seats.get(name);
    if (seat === undefined) return;
    const tell = (): void => {
      if (this.#seats.get(name) === seat && !seat.hasDeparted && this.#isEnding(name)) seat.peer.end();
    };
    setTimeout(tell, this.#signalPatience).unref();
  }

  /** The seat has taken the last piece. */
  taken(seat: Seat): void {
    seat.outbox.taken();
    this.#onTaken();
  }

  acknowledge(seat: Seat, message: StreamAck): void {
    if (this.#seats.get(seat.name) !== seat || seat.hasDeparted) return;
    if (!this.#counted.has(seat.name)) {
      this.#counted.set(seat.name, undefined);
      this.#renamed();
    }
    const ack = seat.completed(message);
    this.remembered.note(seat.name, seat.size);
    seat.tell(ack, (last) => {
      if (this.#seats.get(seat.name) === seat && !seat.hasDeparted) this.#events.onAck(last);
    });
  }

  trouble(seat: Seat, { worker, troubles }: { worker: string; troubles: Trouble[] }): void {
    this.#events.onTroubles?.(`${seat.name}/${worker}`, troubles);
  }

  /** It ends soon and says so: nobody waits for it, and it gets what changes as long as it is there. */
  depart(seat: Seat): void {
    if (this.#seats.get(seat.name) !== seat) return;
    seat.hasDeparted = true;
    if (this.#counted.has(seat.name)) this.#forget(seat.name);
  }

  /** Its connection has ended. */
  leave(seat: Seat): void {
    if (this.#seats.get(seat.name) !== seat) return;
    this.#seats.delete(seat.name);
    this.#onTaken();
    if (!this.#counted.has(seat.name)) return;
    this.#stay(seat.name, setTimeout(() => this.#forget(seat.name), this.#awayGrace).unref());
  }

  #stay(name: string, until?: NodeJS.Timeout): void {
    clearTimeout(this.#counted.get(name));
    this.#counted.set(name, until);
  }

  #forget(name: string): void {
    this.#stay(name);
    this.#counted.delete(name);
    this.remembered.note(name, 0);
    this.#renamed();
    this.#events.onNames?.();
  }

  #renamed(): void {
    this.#names = [...this.#counted.keys()];
  }

  #difference(holdings: Holdings): Delta {
    const full = this.#events.full();
    if (holdings.size === 0) return full;
    const { hashes: wanted } = this.#events.published();
    const removals: ConfigRef[] = [];
    for (const ref of holdings.keys()) if (!wanted.has(ref)) removals.push(refOf(ref));
    const differs = (object: ConfigObject): boolean => {
      const ref = refKey(object);
      return holdings.get(ref) !== wanted.get(ref);
    };
    return { version: full.version, upserts: full.upserts.filter(differs), removals };
  }
}

/** One connected data plane. */
export class Seat {
  readonly name: string;
  readonly peer: Peer;
  readonly outbox: Outbox;
  hasDeparted = false;
  /** Of what it has acknowledged last, in characters. */
  size = 0;
  #rejected: Ack['rejected'] = [];
  readonly #acks = new Allowance(ACK_LIMIT);
  /** The last one that is not told yet. */
  #untold: Ack | undefined;
  readonly #listeners = new ListenerBook();

  constructor(name: string, peer: Peer) {
    this.name = name;
    this.peer = peer;
    this.outbox = new Outbox((piece) => {
      this.#acks.give();
      peer.send(piece);
    });
  }

  /** At once; of those that come too fast the last one, a moment later: what follows of one is computed for all of a Gateway. */
  tell(ack: Ack, onAck: (ack: Ack) => void): void {
    if (this.#untold === undefined && this.#acks.take()) return onAck(ack);
    if (this.#untold === undefined) {
      setTimeout(() => {
        const last = this.#untold!;
        this.#untold = undefined;
        onAck(last);
      }, 1000 / ACK_LIMIT.perSecond).unref();
    }
    this.#untold = ack;
  }

  /** With the lists that were left out because they are as before. */
  completed({ version, rejected, refusedEndpoints, shortfalls, ...told }: StreamAck): Ack {
    this.#rejected = rejected ?? this.#rejected;
    this.#listeners.take(told);
    const rest = {
      rejected: this.#rejected,
      ...(refusedEndpoints && { refusedEndpoints }),
      ...(shortfalls && { shortfalls }),
    };
    this.size = this.#listeners.size + sizeOfRest(rest);
    return {
      version,
      proxy: this.name,
      rejected: this.#rejected,
      listeners: this.#listeners.all,
      ...(refusedEndpoints ? { refusedEndpoints } : {}),
      ...(shortfalls ? { shortfalls } : {}),
    };
  }
}

/** Milliseconds of work before others have a turn. */
const TURN = 5;

/** Until there is nothing left to do of what may be begun anew: what comes in a turn between may bring more. */
async function inTurns(work: () => Generator<void, void, void>): Promise<void> {
  let isDone = false;
  while (!isDone) {
    const until = performance.now() + TURN;
    isDone = true;
    for (const _ of work()) {
      if (performance.now() < until) continue;
      isDone = false;
      break;
    }
    if (!isDone) await setImmediate();
  }
}

function refOf(ref: string): ConfigRef {
  const slash = ref.indexOf('/');
  return { kind: ref.slice(0, slash) as ConfigKind, key: ref.slice(slash + 1) };
}
