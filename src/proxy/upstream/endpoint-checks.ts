/** The health checks of one Backend's endpoints, and which of them are left out for what they found. */
import type { Backend, HealthCheck } from '../../config/index.ts';
import type { ConnectTls } from '../ground/driver.ts';
import {
  type CheckedEndpoint,
  type CheckWatcher,
  findingWord,
  type ProbeBook,
  type ProbeSite,
} from '../probe/index.ts';
import { EndpointHealth, type HealthGroup, USUAL_OUTLIERS } from '../state/index.ts';
import {
  DEFAULT_ENDPOINT_LIMITS,
  type EndpointPool,
  type EndpointTarget,
  type PoolFactory,
  type ProxyVersion,
  type SpokenProtocol,
  type UpstreamWorld,
} from './connection.ts';

export interface ChecksOptions {
  backend: Backend;
  /** As requests are sent. */
  protocol: SpokenProtocol;
  world: UpstreamWorld;
  book: ProbeBook;
  makePool: PoolFactory;
  /** How its endpoints are reached: what is known of one that was reached in another way says nothing about it. */
  reach: string;
  tls: ConnectTls | undefined;
  proxyProtocol: ProxyVersion | undefined;
  watcher: CheckWatcher;
}

const NONE: ReadonlySet<string> = new Set();

type Place = Pick<EndpointPool, 'address' | 'port'>;

/** What looks find is not held against an endpoint as what requests meet is. */
const NOBODY: HealthGroup = {
  now: 0,
  settled: false,
  outliers: USUAL_OUTLIERS,
  mayEvict: () => false,
  noteEviction() {},
  noteRefusal() {},
  noteReturn() {},
  noteInvalidAnswer() {},
};

export class EndpointChecks {
  check: HealthCheck;
  readonly #options: ChecksOptions;
  /** By `address:port`. */
  #held = new Map<string, CheckedEndpoint>();
  #out: ReadonlySet<string> = NONE;
  /** What those that are held were told to go by. */
  #followed: HealthCheck | undefined;
  /** So few are healthy that all are used. */
  panics = false;

  constructor(check: HealthCheck, options: ChecksOptions) {
    this.check = check;
    this.#options = options;
  }

  /** Looks at these from now on, and at no others. */
  follow(pools: readonly EndpointPool[]): void {
    const { book, watcher } = this.#options;
    const before = this.#held;
    const { check } = this;
    this.#held = new Map();
    for (const { address, port, label } of pools) {
      const known = check === this.#followed ? before.get(label) : undefined;
      this.#held.set(
        label,
        known ?? book.hold(this.#nameOf(label), this.#placeOf({ address, port }, label), { check, watcher }),
      );
    }
    for (const label of before.keys()) if (!this.#held.has(label)) book.letGo(this.#nameOf(label), watcher);
    this.#followed = check;
    this.review();
  }

  /** Goes by what is known by now. */
  review(): void {
    const out = new Set<string>();
    let unknown = 0;
    for (const [label, one] of this.#held) {
      if (one.healthy) continue;
      out.add(label);
      if (one.unknown) unknown++;
    }
    const [healthy, known] = [this.#held.size - out.size, this.#held.size - unknown];
    const { panicThresholdPercent } = this.check;
    // Those that nobody has looked at yet say nothing of the others, unless there is nobody else.
    const few = healthy === 0 ? panicThresholdPercent > 0 : healthy * 100 < panicThresholdPercent * known;
    this.panics = out.size > 0 && few;
    this.#out = this.panics ? NONE : out;
  }

  /** Those of them that are not left out. */
  usable(pools: readonly EndpointPool[]): readonly EndpointPool[] {
    return this.#out.size === 0 ? pools : pools.filter(({ label }) => !this.#out.has(label));
  }

  isOut(label: string): boolean {
    return this.#out.has(label);
  }

  /** Each endpoint, and what was found where it is unhealthy. */
  *findings(): IterableIterator<{ endpoint: string; healthy: boolean; reason: string }> {
    for (const [endpoint, { healthy, finding }] of this.#held)
      yield { endpoint, healthy, reason: findingWord(finding) };
  }

  #nameOf(label: string): string {
    const { reach } = this.#options;
    return `${this.#lane} ${reach} ${label}`;
  }

  get #lane(): string {
    const { namespace, name, port, kind = '' } = this.#options.backend.service;
    return `${namespace}/${name}:${port}${kind && `;${kind}`}`;
  }

  #placeOf(endpoint: Place, label: string): Parameters<ProbeBook['hold']>[1] {
    const { backend, world } = this.#options;
    const site = () => this.#siteOf(endpoint, label);
    return { backend: backend.key, lane: this.#lane, label, wheel: world.wheel, site };
  }

  #siteOf({ address, port }: Place, label: string): ProbeSite {
    const { world, makePool, proxyProtocol, tls } = this.#options;
    const { question, timeout } = this.check;
    // Calls of gRPC are HTTP/2 always.
    const protocol = question.type === 'GRPC' ? 'h2' : this.#options.protocol;
    const preamble =
      proxyProtocol === undefined
        ? undefined
        : world.proxyHeader?.(proxyProtocol, { source: NO_ONE, destination: NO_ONE });
    const target: EndpointTarget = {
      address,
      port,
      label,
      tls: tls && { ...tls, alpn: protocol === 'h2' ? ['h2'] : tls.alpn },
      ...(preamble === undefined ? {} : { preamble }),
      health: new EndpointHealth(NOBODY, label),
      limits: { ...DEFAULT_ENDPOINT_LIMITS, connections: 1, pending: 1, idle: 0, connectTimeout: timeout },
    };
    return { world, target, label, makePool: () => makePool(world, target, protocol) };
  }

  retire(): void {
    const { book, watcher } = this.#options;
    for (const label of this.#held.keys()) book.letGo(this.#nameOf(label), watcher);
    this.#held = new Map();
    this.#out = NONE;
  }
}

/** The gateway asks for itself: a PROXY header says so (UNKNOWN, LOCAL). */
const NO_ONE = { address: '', port: 0 };
