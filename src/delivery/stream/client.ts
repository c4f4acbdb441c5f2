/** A data plane's end of the config stream: connects again for as long as it lives, and hands on what differs. */
import { lookup } from 'node:dns/promises';
import { connect, type TLSSocket } from 'node:tls';
import { type Ack, canonicalHash, type Delta, refKey } from '../../config/index.ts';
import type { Log } from '../../observe/index.ts';
import { jittered } from '../../value/pause.ts';
import { CHANNEL_TIMES, type ChannelTimes } from './channel.ts';
import { ClientSession } from './client-session.ts';

/** Says on the wire what is spoken. */
export const STREAM_ALPN = 'daemun-config';

export interface StreamClientOptions {
  /** Of the controllers; a name may have several addresses. */
  address: { host: string; port: number };
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
  /** `why` where it is not connected. */
  onState?(state: StreamState): void;
  times?: Partial<ClientTimes>;
  log: Log;
}

export interface StreamState {
  connected: boolean;
  why: string;
}

export interface ClientTimes extends ChannelTimes {
  /** Milliseconds for a connection to be welcome. */
  welcome: number;
  /** Milliseconds of the first pause before the next try, and of the longest. */
  first: number;
  longest: number;
}

export const CLIENT_TIMES: ClientTimes = { ...CHANNEL_TIMES, welcome: 10_000, first: 200, longest: 10_000 };

export class StreamClient {
  readonly #options: StreamClientOptions;
  readonly #times: ClientTimes;
  readonly #hashes = new Map<string, string>();
  #version: number;
  #session: ClientSession | undefined;
  #last: Ack | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #told: StreamState = { connected: false, why: '' };

  /** Connects at once. */
  constructor(options: StreamClientOptions) {
    this.#options = options;
    this.#times = { ...CLIENT_TIMES, ...options.times };
    this.#version = options.held?.version ?? 0;
    for (const object of options.held?.upserts ?? []) this.#hashes.set(refKey(object), canonicalHash(object));
    void this.#connect();
  }

  get state(): StreamState {
    return this.#told;
  }

  /** What became of a step, and of all before it; said again after each new connection. */
  acknowledge(ack: Ack): void {
    this.#last = ack;
    this.#session?.acknowledge(ack);
  }

  /** Ends soon: controllers wait for it no longer. It still gets what changes. */
  leave(): void {
    this.#session?.leave();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#session?.close();
  }

  async #connect(): Promise<void> {
    try {
      const { ca, token } = this.#options;
      const [authorities, own, host] = await Promise.all([ca(), token(), this.#address()]);
      if (this.#closed) return;
      this.#open(this.#dial(host, authorities), own);
    } catch (error) {
      this.#lost(error instanceof Error ? error.message : String(error));
    }
  }

  /** One of the name's addresses, by chance: controllers share the work. */
  async #address(): Promise<string> {
    const found = await lookup(this.#options.address.host, { all: true });
    return found[Math.floor(Math.random() * found.length)]!.address;
  }

  #dial(host: string, ca: string): TLSSocket {
    const { address, serverName = address.host } = this.#options;
    const socket = connect({
      host,
      port: address.port,
      ca,
      servername: serverName,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [STREAM_ALPN],
    });
    socket.setNoDelay(true);
    return socket;
  }

  #open(socket: TLSSocket, token: string): void {
    const { name, version, node, zone, log } = this.#options;
    const session = new ClientSession(socket, {
      about: {
        token,
        version,
        proxy: name,
        ...(node === undefined ? {} : { node }),
        ...(zone === undefined ? {} : { zone }),
      },
      hashes: this.#hashes,
      version: () => this.#version,
      times: this.#times,
      onWelcome: (controller) => {
        this.#failures = 0;
        log.info({ controller }, 'connected to the controller');
        this.#tell({ connected: true, why: '' });
      },
      onStep: (step) => this.#step(step),
      onEnd: (reason) => {
        if (this.#session === session) this.#session = undefined;
        this.#lost(reason);
      },
      last: () => this.#last,
    });
    this.#session = session;
  }

  #step(step: Delta): void {
    for (const ref of step.removals) this.#hashes.delete(refKey(ref));
    for (const object of step.upserts) this.#hashes.set(refKey(object), canonicalHash(object));
    this.#version = step.version;
    this.#options.onDelta(step);
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    if (this.#told.connected || this.#told.why !== reason) {
      this.#options.log.warn({ reason }, 'not connected to the controller; what is there stays in use');
    }
    this.#tell({ connected: false, why: reason });
    this.#timer = setTimeout(() => void this.#connect(), jittered(this.#failures++, this.#times));
  }

  #tell(state: StreamState): void {
    this.#told = state;
    this.#options.onState?.(state);
  }
}
