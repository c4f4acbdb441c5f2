/** A data plane's end of the config stream: connects again for as long as it lives, and hands on what differs. */
import { lookup } from 'node:dns/promises';
import { connect, type TLSSocket } from 'node:tls';
import { type Ack, canonicalHash, type Delta, refKey, type Trouble } from '../../config/index.ts';
import type { Log } from '../../observe/index.ts';
import { HashBook } from '../../value/hash-book.ts';
import { jittered } from '../../value/pause.ts';
import { ClientSession } from './client-session.ts';
import { CLIENT_TIMES, type ClientTimes } from './client-times.ts';

/** Says on the wire what is spoken. */
export const STREAM_ALPN = 'daemun-config';

export interface StreamAddress {
  host: string;
  port: number;
}

export interface StreamClientOptions {
  /** Of the controllers; a name may have several addresses. */
  address: StreamAddress;
  /** All there are of an address; absent: as DNS says. */
  resolve?(address: StreamAddress): Promise<StreamAddress[]>;
  /** Name on the controller's certificate; absent: the host. */
  serverName?: string;
  /** PEM of the authorities that controllers are known by; asked for at each connection, since they rotate. */
  ca(): Promise<string> | string;
  /** The projected token; asked for at each connection. */
  token(): Promise<string> | string;
  /** Which data plane: the pod's name. */
  name: string;
  /** Of daemun. */
  version: string;
  node?: string;
  zone?: string;
  /** What it serves already, from its last snapshot: `version` is where its own count goes on. */
  held?: Delta;
  /**
   * The next step from what it holds; the first one is the whole config where it held none. Versions are this data
   * plane's own: they count up by one, whichever controller the step came from. Answered by `acknowledge`.
   */
  onDelta(delta: Delta): void;
  /** Its pod is being taken away, and it has not left: no signal has come. */
  onEnding?(): void;
  /** `why` where it is not connected. */
  onState?(state: StreamState): void;
  times?: Partial<ClientTimes>;
  log: Log;
}

export interface StreamState {
  connected: boolean;
  /** Where it is not. */
  why: string;
}

/** The pause between two looks for a leader grows to so many times the first: it is found before a new leader takes anything back. */
const SEEK_GROWTH = 5;

export class StreamClient {
  readonly #options: StreamClientOptions;
  readonly #times: ClientTimes;
  readonly #hashes = new HashBook();
  #version: number;
  /** The controller whose config it takes. */
  #session: ClientSession | undefined;
  /** Another, looked at while there is one that writes no statuses. */
  #probe: ClientSession | undefined;
  #last: Ack | undefined;
  #failures = 0;
  #looks = 0;
  #timer: NodeJS.Timeout | undefined;
  #seek: NodeJS.Timeout | undefined;
  #isLeaving = false;
  #isClosed = false;
  #told: StreamState = { connected: false, why: 'not connected yet' };

  /** Connects at once. */
  constructor({ held, ...options }: StreamClientOptions) {
    // Of what it holds only the hashes are kept.
    this.#options = options;
    this.#times = { ...CLIENT_TIMES, ...options.times };
    this.#version = held?.version ?? 0;
    for (const object of held?.upserts ?? []) this.#hashes.set(refKey(object), canonicalHash(object));
    void this.#connect(false);
  }

  get state(): StreamState {
    return this.#told;
  }

  /** What became of a step, and of all before it; said again after each new connection. */
  acknowledge(ack: Ack): void {
    this.#last = ack;
    this.#session?.acknowledge(ack);
  }

  /** What one of its workers meets; where there is no controller it is told with the next minute. */
  trouble(worker: string, troubles: Trouble[]): void {
    this.#session?.trouble(worker, troubles);
  }

  /** It ends soon: nobody waits for it any longer. It still gets what changes. */
  leave(): void {
    this.#isLeaving = true;
    this.#session?.leave();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#seek);
    this.#probe?.close();
    this.#session?.close();
  }

  async #connect(seeking: boolean): Promise<void> {
    try {
      const { ca, token } = this.#options;
      const [authorities, own, address] = await Promise.all([ca(), token(), this.#address()]);
      if (this.#isClosed) return;
      const session = this.#open(this.#dial(address, authorities), own, seeking);
      if (seeking) this.#probe = session;
    } catch (error) {
      if (seeking) this.#seekLater();
      else this.#lost(error instanceof Error ? error.message : String(error), false);
    }
  }

  /** One of several by chance: controllers share the work. */
  async #address(): Promise<StreamAddress> {
    const { address, resolve = byName } = this.#options;
    const found = await resolve(address);
    return found[Math.floor(Math.random() * found.length)] ?? address;
  }

  #dial({ host, port }: StreamAddress, ca: string): TLSSocket {
    const { address, serverName = address.host } = this.#options;
    const socket = connect({
      host,
      port,
      ca,
      servername: serverName,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [STREAM_ALPN],
    });
    socket.setNoDelay(true);
    return socket;
  }

  #open(socket: TLSSocket, token: string, seeking: boolean): ClientSession {
    const { name, version, node, zone } = this.#options;
    return new ClientSession(socket, {
      about: { token, version, proxy: name, node, zone, ...(seeking ? { seeking } : {}) },
      hashes: this.#hashes,
      version: () => this.#version,
      times: this.#times,
      onWelcome: (session, controller) => this.#welcomed(session, controller),
      onStep: (step) => this.#step(step),
      onLeading: (leading) => this.#led(leading),
      onEnding: () => !this.#isLeaving && this.#options.onEnding?.(),
      onEnd: (session, reason, isAsked) => this.#ended(session, reason, isAsked),
      last: () => this.#last,
    });
  }

  #welcomed(session: ClientSession, controller: string): void {
    const before = this.#session;
    this.#session = session;
    this.#probe = undefined;
    this.#failures = 0;
    // From here on only one of the two is heard.
    before?.close();
    if (this.#isLeaving) session.leave();
    this.#options.log.info({ controller }, 'connected to the controller');
    this.#tell({ connected: true, why: '' });
  }

  #led(leading: boolean): void {
    clearTimeout(this.#seek);
    this.#looks = 0;
    if (!leading) this.#seekLater();
  }

  /** What it has stays in use, and its controller goes on feeding it, until one that writes statuses is found. */
  #seekLater(): void {
    if (this.#isClosed) return;
    const { seek } = this.#times;
    const pause = jittered(this.#looks++, { first: seek, longest: seek * SEEK_GROWTH });
    this.#seek = setTimeout(() => void this.#connect(true), pause).unref();
  }

  #step(step: Delta): void {
    for (const ref of step.removals) this.#hashes.delete(refKey(ref));
    for (const object of step.upserts) this.#hashes.set(refKey(object), canonicalHash(object));
    this.#version = step.version;
    this.#options.onDelta(step);
  }

  #ended(session: ClientSession, reason: string, isAsked: boolean): void {
    if (session === this.#probe) {
      this.#probe = undefined;
      if (this.#session) return this.#seekLater();
    } else if (this.#session && session !== this.#session) return;
    this.#session = undefined;
    clearTimeout(this.#seek);
    this.#lost(reason, isAsked);
  }

  #lost(reason: string, isAsked: boolean): void {
    if (this.#isClosed) return;
    const { log } = this.#options;
    if (isAsked) log.info({ reason }, 'connects to a controller anew');
    else if (this.#told.connected || this.#told.why !== reason) {
      log.warn({ reason }, 'not connected to the controller; what is there stays in use');
    }
    this.#tell({ connected: false, why: reason });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(false), jittered(this.#failures++, this.#times));
  }

  #tell(state: StreamState): void {
    this.#told = state;
    this.#options.onState?.(state);
  }
}

async function byName({ host, port }: StreamAddress): Promise<StreamAddress[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => ({ host: address, port }));
}
