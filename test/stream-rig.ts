/**
 * A controller's end of the config stream on loopback, without a cluster: a server with tokens of its own, and Gateways
 * whose config a test puts there.
 */
import { type Ack, type ConfigObject, type ConfigRef, Publisher, type Trouble } from '../src/config/index.ts';
import {
  type Identity,
  openStream,
  RemoteFleets,
  StreamRefusal,
  type StreamServer,
  type StreamTimes,
} from '../src/delivery/stream/index.ts';
import { createLog } from '../src/observe/index.ts';
import { Authority } from './tls/authority.ts';

export const RIG_SERVER_NAME = 'controller.test';
/** A token that the rig knows from the start: of the Gateway `infra/edge`. */
export const RIG_TOKEN = 'token-of-edge';
export const RIG_GATEWAY = 'infra/edge';

export interface StreamRigOptions {
  times?: Partial<StreamTimes>;
  awayGrace?: number;
  signalPatience?: number;
  /** Whether the pod of this name is being taken away. */
  isEnding?(name: string): boolean;
  /** Whether it writes statuses, as a controller says of itself. */
  leading?: boolean;
  /** Of another rig, for a controller beside it. */
  authority?: Authority;
  /** Absent: a silent one. */
  log?: Awaited<ReturnType<typeof createLog>>;
}

/** One Gateway's config as a controller would publish it, and what came back. */
export class RigGateway {
  readonly acks: Ack[] = [];
  /** How often others counted than before. */
  reviews = 0;
  readonly troubles: Array<{ proxy: string; troubles: Trouble[] }> = [];
  readonly #publisher: Publisher;
  readonly #fleets: RemoteFleets;
  readonly #name: string;

  constructor(name: string, fleets: RemoteFleets, log: Awaited<ReturnType<typeof createLog>>) {
    this.#name = name;
    this.#fleets = fleets;
    this.#publisher = new Publisher();
    this.#publisher.publish([]);
    fleets.open(name, {
      onAck: (ack) => this.acks.push(ack),
      onNames: () => this.reviews++,
      onTroubles: (proxy, troubles) => this.troubles.push({ proxy, troubles }),
      full: () => this.#publisher.snapshot.full(),
      published: () => ({ version: this.version, hashes: this.#publisher.hashes }),
      log,
    });
  }

  get version(): number {
    return this.#publisher.snapshot.version;
  }

  /** Data planes whose acknowledgements count. */
  get names(): ReadonlyArray<string> {
    return this.#fleets.at(this.#name)!.names;
  }

  put(...objects: ConfigObject[]): void {
    this.#publish(objects.map((after) => ({ after })));
  }

  remove(...refs: ConfigRef[]): void {
    this.#publish(refs.map((before) => ({ before })));
  }

  #publish(changes: Parameters<Publisher['publish']>[0]): void {
    const delta = this.#publisher.publish(changes);
    if (delta) this.#fleets.at(this.#name)!.send(delta);
  }
}

export class StreamRig {
  /** By token; a test may add and take away. */
  readonly tokens = new Map<string, Identity>([[RIG_TOKEN, { gateway: RIG_GATEWAY }]]);
  readonly authority: Authority;
  readonly #options: StreamRigOptions;
  readonly #gateways = new Map<string, RigGateway>();
  readonly #log: Awaited<ReturnType<typeof createLog>>;
  fleets!: RemoteFleets;
  server!: StreamServer;
  /** Before a token is judged. */
  hold: Promise<void> = Promise.resolve();
  /** How many tokens were judged, or are to be. */
  asked = 0;
  #port = 0;

  private constructor(authority: Authority, log: Awaited<ReturnType<typeof createLog>>, options: StreamRigOptions) {
    this.authority = authority;
    this.#options = options;
    this.#log = log;
  }

  static async start(options: StreamRigOptions = {}): Promise<StreamRig> {
    const log = options.log ?? (await createLog({ level: 'silent', format: 'json' }));
    const rig = new StreamRig(options.authority ?? (await Authority.make('Rig Root')), log, options);
    rig.#begin();
    await rig.listen();
    return rig;
  }

  /** What a StreamClient needs to reach it, but for its name and what it does with deltas. */
  get access(): { address: { host: string; port: number }; serverName: string; ca(): string; token(): string } {
    const address = { host: '127.0.0.1', port: this.#port };
    const ca = (): string => this.authority.certificate;
    return { address, serverName: RIG_SERVER_NAME, ca, token: () => RIG_TOKEN };
  }

  gateway(name = RIG_GATEWAY): RigGateway {
    return this.#gateways.get(name) ?? this.#open(name);
  }

  /**
   * A controller that starts anew, on the same port: its versions begin at 1, and it knows no data plane. `fill` puts there
   * what it reads before it serves.
   */
  async restart(fill: (gateway: RigGateway) => void = () => {}): Promise<void> {
    await this.stop();
    this.#gateways.clear();
    this.#begin();
    fill(this.gateway());
    await this.listen();
  }

  /** As a controller that is away. */
  async stop(): Promise<void> {
    await this.server.close();
  }

  async listen(): Promise<void> {
    const tls = await this.authority.sign({ name: RIG_SERVER_NAME, dns: [RIG_SERVER_NAME] });
    this.server = await openStream({
      host: '127.0.0.1',
      port: this.#port,
      tls,
      authenticate: async (token) => {
        this.asked++;
        await this.hold;
        const identity = this.tokens.get(token);
        if (!identity) throw new StreamRefusal('token', 'the token is not known');
        return identity;
      },
      fleets: this.fleets,
      version: '0.0.0-rig',
      times: this.#options.times ?? {},
      leading: this.#options.leading ?? true,
      log: this.#log,
    });
    this.#port = this.server.port;
  }

  async close(): Promise<void> {
    await this.stop();
    for (const fleet of this.fleets) await fleet.end();
  }

  #begin(): void {
    const { awayGrace, signalPatience, isEnding } = this.#options;
    this.fleets = new RemoteFleets({
      ...(awayGrace === undefined ? {} : { awayGrace }),
      ...(signalPatience === undefined ? {} : { signalPatience }),
      ...(isEnding === undefined ? {} : { isEnding: (_gateway: string, name: string) => isEnding(name) }),
    });
    this.#open(RIG_GATEWAY);
  }

  #open(name: string): RigGateway {
    const gateway = new RigGateway(name, this.fleets, this.#log);
    this.#gateways.set(name, gateway);
    return gateway;
  }
}
