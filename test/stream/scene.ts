/** A controller over manifests, its config stream on loopback, and data planes that serve nothing but say so. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Condition } from '../../src/api/index.ts';
import { type Ack, type ConfigObject, type ConfigRef, type Delta, refKey, Snapshot } from '../../src/config/index.ts';
import { Control } from '../../src/control/index.ts';
import { MemoryFleet } from '../../src/delivery/index.ts';
import {
  type Identity,
  openStream,
  RemoteFleets,
  StreamClient,
  StreamRefusal,
  type StreamServer,
} from '../../src/delivery/stream/index.ts';
import { createLog } from '../../src/observe/index.ts';
import { fileSource } from '../../src/sources/index.ts';
import { CONTROLLER_NAME } from '../../src/value/controller-name.ts';
import { Authority } from '../tls/authority.ts';

const SERVER_NAME = 'controller.test';
export const log = await createLog({ level: 'silent', format: 'json' });

export interface SceneOptions {
  awayGrace?: number;
}

export class Scene {
  readonly #folder = mkdtempSync(join(tmpdir(), 'daemun-stream-'));
  readonly #authority: Authority;
  readonly #options: SceneOptions;
  readonly tokens = new Map<string, Identity>();
  readonly #planes = new Set<FakeDataPlane>();
  control!: Control;
  fleets!: RemoteFleets;
  stream!: StreamServer;
  #port = 0;

  private constructor(authority: Authority, options: SceneOptions) {
    this.#authority = authority;
    this.#options = options;
  }

  static async open(manifests: string, options: SceneOptions = {}): Promise<Scene> {
    const scene = new Scene(await Authority.make('Scene Root'), options);
    scene.write(manifests);
    await scene.begin();
    return scene;
  }

  get authority(): Authority {
    return this.#authority;
  }

  /** As an editor does. */
  write(manifests: string): void {
    writeFileSync(join(this.#folder, '.next'), manifests);
    renameSync(join(this.#folder, '.next'), join(this.#folder, 'manifests.yaml'));
  }

  /** A controller that starts, on the port of the one before. */
  async begin(): Promise<void> {
    const { awayGrace } = this.#options;
    this.fleets = new RemoteFleets(awayGrace === undefined ? {} : { awayGrace });
    this.control = new Control({
      source: (lastGood) => fileSource({ paths: [this.#folder], watch: true, lastGood }),
      controllerNames: [CONTROLLER_NAME],
      perGateway: true,
      log,
    });
    await this.control.start((events, gateway) => this.fleets.open(gateway, events));
    const tls = await this.#authority.sign({ name: SERVER_NAME, dns: [SERVER_NAME] });
    this.stream = await openStream({
      host: '127.0.0.1',
      port: this.#port,
      tls,
      authenticate: async (token) => {
        const identity = this.tokens.get(token);
        if (!identity) throw new StreamRefusal('token', 'nobody has it');
        return identity;
      },
      fleets: this.fleets,
      version: 'scene',
      log,
    });
    this.#port = this.stream.port;
  }

  async end(): Promise<void> {
    await this.stream.close();
    await this.control.end();
  }

  async close(): Promise<void> {
    for (const plane of this.#planes) plane.close();
    await this.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Of a Gateway, with a token of its own. */
  dataPlane(gateway: string, name: string): FakeDataPlane {
    const token = `token of ${gateway}`;
    this.tokens.set(token, { gateway });
    const plane = new FakeDataPlane(name, {
      address: { host: '127.0.0.1', port: this.#port },
      serverName: SERVER_NAME,
      ca: () => this.#authority.certificate,
      token: () => token,
    });
    this.#planes.add(plane);
    return plane;
  }

  /** `True Programmed: every data plane serves it`, of `Kind/namespace/name`. */
  condition(key: string, type = 'Programmed'): string | undefined {
    const item = this.control
      .report()
      .items.find(({ kind, metadata }) => `${kind}/${metadata.namespace ?? ''}/${metadata.name}` === key);
    const status = item?.status as
      | ({ conditions?: Condition[] } & Partial<Record<'parents' | 'ancestors', Array<{ conditions: Condition[] }>>>)
      | undefined;
    const conditions = status?.conditions ?? (status?.parents ?? status?.ancestors)?.[0]?.conditions ?? [];
    const found = conditions.find((one) => one.type === type);
    return found && `${found.status} ${found.reason}: ${found.message}`;
  }
}

type Access = Pick<ConstructorParameters<typeof StreamClient>[0], 'address' | 'serverName' | 'ca' | 'token'>;

export class FakeDataPlane {
  readonly name: string;
  readonly deltas: Delta[] = [];
  config = Snapshot.EMPTY;
  /** What it cannot use, by reference, and why. */
  readonly refuses = new Map<string, string>();
  /** What it says beside what is true. */
  lies: Partial<Ack> = {};
  readonly #client: StreamClient;
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => {};

  constructor(name: string, access: Access) {
    this.name = name;
    const fleet = new MemoryFleet(
      name,
      () => ({ apply: (delta) => this.#apply(delta), metrics: () => [], drain: async () => {} }),
      { onAck: (ack) => this.#client.acknowledge(ack), log },
    );
    this.#client = new StreamClient({
      ...access,
      name,
      version: '0.0.0',
      onDelta: (delta) => {
        this.deltas.push(delta);
        fleet.send(delta);
      },
      times: { first: 5, longest: 20, seek: 5 },
      log,
    });
  }

  get state(): { connected: boolean; why: string } {
    return this.#client.state;
  }

  /** From now on it is slow: what it gets is served only after `proceed`. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#open = resolve;
  }

  proceed(): void {
    this.#open();
    this.#gate = Promise.resolve();
  }

  leave(): void {
    this.#client.leave();
  }

  close(): void {
    this.#client.close();
  }

  /** All that it was ever sent, as text. */
  get seen(): string {
    return JSON.stringify(this.deltas);
  }

  async #apply(delta: Delta): Promise<Ack> {
    await this.#gate;
    this.config = this.config.apply(delta);
    const changed: Array<ConfigRef | ConfigObject> = delta.upserts;
    const rejected = changed.flatMap(({ kind, key }) => {
      const message = this.refuses.get(refKey({ kind, key }));
      return message === undefined ? [] : [{ kind, key, code: 'DMN_CONFIG_INVALID', message }];
    });
    const listeners = Array.from(this.config.of('Listener').values(), ({ key, port }) => {
      return { key, state: 'serving' as const, bound: [`10.0.0.1:${port}`] };
    });
    return { version: delta.version, proxy: this.name, rejected, listeners, ...this.lies };
  }
}
