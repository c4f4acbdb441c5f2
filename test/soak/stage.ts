/** What a soak plays on: a folder of manifests, backends, and the gateway that serves them. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authority, type Pair } from '../tls/authority.ts';
import { type BackendKind, type SoakBackend, startBackend } from './backend.ts';
import { type GatewayOptions, GatewayProcess } from './gateway-process.ts';
import * as manifest from './manifest.ts';
import { freePorts } from './port.ts';
import { HOSTS, type Place } from './traffic/index.ts';

/** The Services that are there all the time. */
export const SERVICES = {
  h1: 'h1',
  'h1-more': 'h1',
  h2c: 'h2c',
  grpc: 'grpc',
  tcp: 'tcp',
  udp: 'udp',
  tls: 'tls',
} as const satisfies Record<string, BackendKind>;
export type ServiceName = keyof typeof SERVICES;

/** Milliseconds until a change must be served. */
const SEEN_PATIENCE = 10_000;

export class Stage {
  readonly place: Place;
  /** Ports of listeners that come and go. */
  readonly spare: readonly number[];
  readonly authority: Authority;
  gateway!: GatewayProcess;
  /** By Service: the first endpoint stays, others come and go. */
  readonly endpoints = new Map<ServiceName, SoakBackend[]>();
  /** Listeners beside those that stay, and what belongs to them. */
  readonly extraListeners: manifest.ListenerManifest[] = [];
  readonly extras = new Map<string, object[]>();
  readonly secrets = new Map<string, Pair>();
  web = { edit: 0, share: 3 };
  readonly #folder: string;
  readonly #backends: SoakBackend[] = [];
  readonly #written = new Map<string, string>();
  #pair!: Pair;

  private constructor(folder: string, authority: Authority, ports: number[]) {
    const [http, https, passthrough, tcp, udp, ...spare] = ports as [number, number, number, number, number];
    this.#folder = folder;
    this.authority = authority;
    this.place = { ports: { http, https, passthrough, tcp, udp }, ca: authority.certificate };
    this.spare = spare;
  }

  static async open(folder: string, options: Pick<GatewayOptions, 'workers' | 'faults' | 'onRecord'>): Promise<Stage> {
    const [manifests, probes] = [join(folder, 'manifests'), join(folder, 'probes')];
    for (const one of [manifests, probes]) mkdirSync(one);
    const stage = new Stage(manifests, await Authority.make('soak'), await freePorts(8));
    stage.#pair = await stage.sign();
    stage.secrets.set('web', await stage.sign());
    for (const name of Object.keys(SERVICES) as ServiceName[]) stage.endpoints.set(name, [await stage.backend(name)]);
    stage.#write('resting');
    stage.gateway = new GatewayProcess({ folder: manifests, probes, ...options });
    const { admin } = await stage.gateway.next('serving', SEEN_PATIENCE * 3);
    stage.gateway.admin = String(admin);
    return stage;
  }

  /** A certificate for all hosts of the soak. */
  async sign(): Promise<Pair> {
    return await this.authority.sign({ dns: [...Object.values(HOSTS), 'other.soak.example'] });
  }

  async backend(name: ServiceName): Promise<SoakBackend> {
    const backend = await startBackend(SERVICES[name], this.#pair);
    this.#backends.push(backend);
    return backend;
  }

  /** Writes what is now meant to be, and waits until the gateway serves it. */
  async apply(): Promise<void> {
    await this.#apply('playing');
  }

  /** Nothing but listeners of HTTP stays: no route, no backend, no stream. */
  async rest(): Promise<void> {
    await this.#apply('resting');
  }

  /** A file beside the others, or none of that name. */
  put(file: string, text: string | undefined): void {
    const path = join(this.#folder, file);
    if (text === this.#written.get(file)) return;
    if (text === undefined) {
      this.#written.delete(file);
      rmSync(path);
      return;
    }
    this.#written.set(file, text);
    // As editors and kubectl do it: nobody reads half a file.
    writeFileSync(join(this.#folder, '.next'), text);
    renameSync(join(this.#folder, '.next'), path);
  }

  close(): void {
    for (const backend of this.#backends) backend.end();
  }

  async #apply(mode: 'playing' | 'resting'): Promise<void> {
    const applied = this.gateway.next('config applied', SEEN_PATIENCE);
    this.#write(mode);
    await applied;
  }

  #write(mode: 'playing' | 'resting'): void {
    for (const [file, objects] of this.#files(mode)) this.put(file, objects && documents(objects));
  }

  #files(mode: 'playing' | 'resting'): Map<string, object[] | undefined> {
    const playing = mode === 'playing';
    const all = manifest.listeners(this.place.ports);
    const stays = playing
      ? [...all, ...this.extraListeners]
      : all.filter(({ protocol }) => protocol.startsWith('HTTP'));
    const files = new Map<string, object[] | undefined>([
      ['gateway.json', manifest.gateway(stays)],
      ['certificates.json', [...this.secrets].map(([name, pair]) => manifest.secret(name, pair))],
      ['backends.json', playing ? this.#services() : undefined],
      ['routes.json', playing ? this.#routes() : undefined],
    ]);
    for (const file of this.#written.keys()) if (file.startsWith('extra-')) files.set(file, undefined);
    if (playing) for (const [name, objects] of this.extras) files.set(`extra-${name}.json`, objects);
    return files;
  }

  #services(): object[] {
    return [...this.endpoints].flatMap(([name, backends]) =>
      manifest.service(
        name,
        SERVICES[name],
        backends.map(({ port }) => port),
      ),
    );
  }

  #routes(): object[] {
    return [
      manifest.webRoute(this.web.edit, this.web.share),
      manifest.grpcRoute(),
      manifest.streamRoute('TCPRoute', 'tcp', 'tcp'),
      manifest.streamRoute('UDPRoute', 'udp', 'udp'),
      manifest.streamRoute('TLSRoute', 'passthrough', 'tls'),
    ];
  }
}

function documents(objects: object[]): string {
  return objects.map((one) => `${JSON.stringify(one)}\n`).join('---\n');
}
