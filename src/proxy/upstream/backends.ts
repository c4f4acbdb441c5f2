/** All backends of the config with their connections, kept up to date delta by delta. */
import { isDeepStrictEqual } from 'node:util';
import {
  type Backend,
  type BackendTraffic,
  type ConfigRef,
  canonicalHash,
  type Delta,
  type Endpoint,
  type Endpoints,
  type EndpointTls,
  type LoadBalancing,
  policyKey,
  type RefusedEndpoint,
  refKey,
  type Snapshot,
} from '../../config/index.ts';
import { DaemunError, Grace, type MetricsSnapshot } from '../../observe/index.ts';
import { socketName } from '../../value/socket-name.ts';
import { atOnce } from '../ground/slice.ts';
import type { Resolve } from '../names/index.ts';
import { ProbeBook } from '../probe/index.ts';
import { type BackendState, ProxyState } from '../state/index.ts';
import { backendFamilies } from './backend-families.ts';
import { backendTls, unverifiedTls } from './backend-tls.ts';
import { Balancer, type BalancerWorld, type PreparedEndpoints } from './balancer.ts';
import { checkFamilies } from './check-families.ts';
import {
  CONNECT_TIMEOUT,
  DEFAULT_ENDPOINT_LIMITS,
  type EndpointLimits,
  MAX_IDLE_PER_ENDPOINT,
  type PoolFactory,
  UPSTREAM_IDLE_TIMEOUT,
  type UpstreamWorld,
} from './connection.ts';
import { NameResolution } from './name-resolution.ts';
import { nearEndpoints } from './near-endpoints.ts';
import { ALPN, inVersion, materialOf, ownTlsOf, reachedBy, spokenTo } from './reach.ts';

interface Served {
  balancer: Balancer;
  /** Changes where the backend, or how connections to it are made, does. */
  hash: string;
  resolution: NameResolution | undefined;
  /** What the name of an ExternalName Service stood for when it was last looked up. */
  lookedUp: { hostname: string; port: number; endpoints: Endpoint[] } | undefined;
  /** All that came last, and what of it is not used. */
  offered: { endpoints: Endpoint[]; named: boolean };
  refused: RefusedEndpoint[];
}

/** Endpoints of a backend as the gate lets them through, ready to be put in place. */
interface Offer {
  served: Served;
  offered: Served['offered'];
  refused: RefusedEndpoint[];
  prepared: PreparedEndpoints;
}

/** What a delta says of a backend whose connections stay. */
interface Tuning {
  /** Its policy may be another one; undefined in it: there is none. */
  spec?: { now: BackendTraffic['spec'] | undefined };
  list?: Endpoints;
}

/** Endpoints that the gate is asked about in one step. */
const ASKED = 64;
/** How keys of policies of backends begin; the backend's own follows. */
const TRAFFIC = policyKey('BackendTraffic', '');
const NOTHING = { endpoints: [], named: false };
/** One for all backends that have none. */
const NONE: RefusedEndpoint[] = [];
/** Backends for the next config, compiled. Those whose name is new are being looked up already. */
export interface PreparedBackends {
  /** Puts those in place that are new, so that nothing leads to them yet. It cannot fail; it stops as `prepare` does. */
  bring(): Generator<void, void, void>;
  /** Puts all others in place, in one step. It cannot fail. */
  swap(): void;
  /** Lets go of them. */
  discard(): void;
}

export class Backends {
  readonly #world: BalancerWorld;
  readonly #makePool: PoolFactory;
  readonly #probes: ProbeBook;
  readonly #resolve: Resolve | undefined;
  readonly #served = new Map<string, Served>();
  /** States whose numbers are told, by key of the Backend. */
  readonly #shown = new Map<string, BackendState>();
  readonly #grace = new Grace();
  /** Names that are being looked up for the first time. */
  readonly #lookingUp = new Set<Promise<void>>();
  /** Some policy has asked for sessions since the beginning: until then nobody is asked about them. */
  keepsSessions = false;
  /** Called when other endpoints are refused than before, though no delta came. */
  onRefused: () => void = () => {};

  constructor(world: UpstreamWorld, makePool: PoolFactory, resolve?: Resolve) {
    const state = world.state ?? new ProxyState(world.wheel);
    const { verdicts, troubles } = state;
    this.#probes = new ProbeBook({ wheel: world.wheel, verdicts, troubles });
    this.#world = { ...world, state, probes: this.#probes };
    this.#makePool = makePool;
    this.#resolve = resolve;
  }

  get(key: string): Balancer | undefined {
    return this.#served.get(key)?.balancer;
  }

  /** Takes over what `delta` added or changed on the way to `config`; what it removed stays until `remove`. */
  update(config: Snapshot, delta: Delta): void {
    const { bring, swap } = atOnce(this.prepare(config, delta));
    atOnce(bring());
    swap();
  }

  /**
   * Compiles what `delta` added or changed. Stops after each small piece of work, so that a caller may let requests go
   * first. Throws where something of it cannot be used; nothing has changed then.
   */
  *prepare(config: Snapshot, delta: Delta): Generator<void, PreparedBackends, void> {
    const made = new Map<string, Served>();
    const tunings = new Map<string, Tuning>();
    const offers: Offer[] = [];
    const discard = (): void => {
      for (const { served, prepared } of offers) served.balancer.discard(prepared);
      for (const { balancer, resolution } of made.values()) {
        resolution?.stop();
        balancer.retire();
      }
    };
    try {
      for (const backend of yield* this.#touched(config, delta)) {
        const served = this.#make(backend, config);
        if (served === undefined) {
          tunings.set(backend.key, { spec: { now: trafficOf(backend, config) } });
          continue;
        }
        made.set(backend.key, served);
        const endpoints = config.get('Endpoints', backend.key);
        if (endpoints !== undefined) yield* this.#using(served, endpoints);
        yield;
      }
      for (const object of delta.upserts) {
        // Of those that are made now it is known already.
        if (object.kind !== 'Endpoints' || made.has(object.key)) continue;
        checkEndpoints(object);
        tunings.set(object.key, { ...tunings.get(object.key), list: object });
        yield;
      }
      for (const [key, tuning] of tunings) {
        const offer = yield* this.#retuned(key, tuning);
        if (offer !== undefined) offers.push(offer);
      }
    } catch (error) {
      discard();
      throw error;
    }
    const swap = (): void => {
      for (const [key, served] of made) this.#replace(key, served);
      for (const { list } of tunings.values()) if (list !== undefined) this.#served.get(list.key)?.resolution?.stop();
      for (const offer of offers) this.#take(offer);
      for (const [key, tuning] of tunings) this.#retune(key, tuning);
    };
    return { bring: () => this.#bring(made), swap, discard };
  }

  /** What may be made beforehand of it; undefined: nothing. */
  *#retuned(key: string, { spec, list }: Tuning): Generator<void, Offer | undefined, void> {
    const served = this.#served.get(key);
    if (served === undefined) return undefined;
    const { balancer } = served;
    const loadBalancing = spec === undefined ? balancer.loadBalancing : spec.now?.loadBalancing;
    const isListed = list !== undefined && list.dns === undefined;
    if (!isListed && loadBalancing === balancer.loadBalancing) return undefined;
    const offered = isListed ? { endpoints: list.endpoints, named: false } : served.offered;
    return yield* this.#offering(served, offered, loadBalancing);
  }

  #retune(key: string, { spec, list }: Tuning): void {
    const served = this.#served.get(key);
    if (served === undefined) return;
    if (spec !== undefined) this.#tune(served.balancer, spec.now);
    if (list !== undefined) served.resolution = undefined;
    if (list?.dns !== undefined) this.#lookUp(served, list.dns);
    else if (spec !== undefined) served.resolution?.rebound();
  }

  *#bring(made: Map<string, Served>): Generator<void, void, void> {
    for (const [key, served] of made) {
      if (this.#served.has(key)) continue;
      this.#replace(key, served);
      made.delete(key);
      yield;
    }
  }

  /** Backends that may be others than before. */
  *#touched(config: Snapshot, { upserts, removals }: Delta): Generator<void, Set<Backend>, void> {
    const touched = new Set<Backend>();
    const material = new Set<string>();
    const look = ({ kind, key }: ConfigRef): void => {
      if (kind === 'Certificate' || kind === 'TrustBundle') material.add(refKey({ kind, key }));
      if (kind !== 'Policy' || !key.startsWith(TRAFFIC)) return;
      const backend = config.get('Backend', key.slice(TRAFFIC.length));
      if (backend !== undefined) touched.add(backend);
    };
    for (const object of upserts) {
      if (object.kind === 'Backend') touched.add(object);
      else look(object);
      yield;
    }
    for (const ref of removals) {
      look(ref);
      yield;
    }
    if (material.size === 0) return touched;
    for (const backend of config.of('Backend').values()) {
      yield;
      if (materialOf(backend, trafficOf(backend, config)).some((ref) => material.has(refKey(ref))))
        touched.add(backend);
    }
    return touched;
  }

  /** Drops what was removed. Called when no route leads there any more. Stops after each piece of work, too. */
  *remove(removals: readonly ConfigRef[]): Generator<void, void, void> {
    for (const { kind, key } of removals) {
      if (kind === 'Endpoints') this.#empty(key);
      else if (kind === 'Backend') this.#remove(key);
      yield;
    }
  }

  /** Resolves when names that are new have been looked up, or after `timeout` milliseconds. */
  async lookedUp(timeout: number): Promise<void> {
    if (this.#lookingUp.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeout);
    await Promise.race([promise, Promise.all(this.#lookingUp)]);
    clearTimeout(timer);
  }

  /** The gate has changed: everything is asked anew. True: other endpoints are refused than before. */
  *recheck(): Generator<void, boolean, void> {
    let changed = false;
    for (const served of [...this.#served.values()]) {
      const { offered, balancer } = served;
      const offer = yield* this.#offering(served, offered, balancer.loadBalancing);
      // What a look-up has brought meanwhile was asked about as it came.
      if (served.offered === offered) changed = this.#take(offer) || changed;
      else balancer.discard(offer.prepared);
      yield;
    }
    return changed;
  }

  /** Endpoints that are not used, by Backend. */
  refused(): RefusedEndpoint[] {
    const all: RefusedEndpoint[] = [];
    for (const { refused } of this.#served.values()) if (refused.length > 0) all.push(...refused);
    return all;
  }

  metrics(): MetricsSnapshot {
    for (const key of this.#shown.keys()) if (!this.#grace.keeps(key, this.#served.has(key))) this.#shown.delete(key);
    const served = [...this.#served.values()].map(({ balancer }) => balancer);
    return [
      ...backendFamilies(this.#shown, (key) => this.#served.has(key)),
      ...checkFamilies(served),
      ...this.#probes.metrics(),
    ];
  }

  /** Endpoints are looked at no more: this data plane goes. */
  stopLooking(): void {
    this.#probes.stop();
  }

  close(): void {
    for (const key of [...this.#served.keys()]) this.#remove(key);
  }

  /** Undefined where the connections are made as before. */
  #make(written: Backend, config: Snapshot): Served | undefined {
    const held = this.#served.get(written.key);
    const spec = trafficOf(written, config);
    const backend = inVersion(written, spec?.httpVersion);
    const tls = ownTlsOf(backend, spec);
    const reached = reachedBy(backend, config, tls);
    const agreed = spec?.httpVersion === 'Auto';
    // Whoever asks for TLS, it is the same TLS.
    const spoken = { ...backend, tlsPolicy: undefined };
    const hash = canonicalHash({ backend: spoken, reached, proxyProtocol: spec?.proxyProtocol, tls, agreed });
    if (held?.hash === hash) return undefined;
    const balancer = this.#balancerOf(backend, config, { spec, reached, tls });
    const { lookedUp } = held ?? {};
    return { balancer, hash, resolution: undefined, lookedUp, offered: NOTHING, refused: NONE };
  }

  #replace(key: string, served: Served): void {
    const held = this.#served.get(key);
    this.#served.set(key, served);
    this.#shown.set(key, served.balancer.state);
    held?.resolution?.stop();
    held?.balancer.retire();
  }

  #balancerOf(
    backend: Backend,
    config: Snapshot,
    { spec, reached, tls: own }: { spec: BackendTraffic['spec'] | undefined; reached: string; tls?: EndpointTls },
  ): Balancer {
    const protocol = spokenTo(backend, { spec, own });
    // Of bytes that are relayed only the client's connection says what they are (relayed-connection.ts).
    const alpn = backend.protocol === 'tcp' ? [] : ALPN[protocol];
    const tls =
      backend.tls === undefined
        ? own && (own.broken ?? unverifiedTls(own, { config, alpn }))
        : backendTls(backend.tls, { config, alpn, own });
    const { proxyProtocol } = spec ?? {};
    const balancer = new Balancer(backend, {
      world: this.#world,
      makePool: this.#makePool,
      // What is held against an endpoint that was reached in another way says nothing about this one.
      protocol,
      stateKey: `${backend.key} ${protocol === 'auto' ? protocol : backend.protocol} ${reached}${own ? canonicalHash(own) : ''}`,
      proxyProtocol: proxyProtocol === undefined ? undefined : proxyProtocol === 'V1' ? 1 : 2,
      ...(typeof tls === 'string' ? { broken: tls } : { tls }),
    });
    this.#tune(balancer, spec);
    return balancer;
  }

  /** What a policy changes without new connections. */
  #tune(balancer: Balancer, spec: BackendTraffic['spec'] | undefined): void {
    const { connections, pending } = this.#world.limits ?? DEFAULT_ENDPOINT_LIMITS;
    if (spec?.sessionPersistence !== undefined) this.keepsSessions = true;
    balancer.session = spec?.sessionPersistence;
    balancer.loadBalancing = spec?.loadBalancing;
    const { circuitBreaker, connection, timeouts, retryBudget } = spec ?? {};
    balancer.timeouts = timeouts;
    balancer.retry = spec?.retry;
    balancer.refresh = spec?.dns;
    balancer.healthCheck = spec?.healthCheck;
    balancer.state.detect(spec?.outlierDetection);
    Object.assign(balancer.limits, {
      connections: circuitBreaker?.maxConnections ?? connections,
      pending: circuitBreaker?.maxPendingRequests ?? pending,
      requests: circuitBreaker?.maxRequests ?? 0,
      connectTimeout: timeouts?.connect ?? CONNECT_TIMEOUT,
      idleTimeout: connection?.idleTimeout ?? UPSTREAM_IDLE_TIMEOUT,
      requestsPerConnection: connection?.maxRequests ?? 0,
      idle: connection?.maxIdle ?? MAX_IDLE_PER_ENDPOINT,
    } satisfies EndpointLimits);
    balancer.retries.limit(retryBudget, circuitBreaker?.maxRetries);
  }

  /** Of one that nothing leads to yet. */
  *#using(served: Served, list: Endpoints): Generator<void, void, void> {
    checkEndpoints(list);
    const { endpoints, dns } = list;
    if (dns !== undefined) return this.#lookUp(served, dns);
    this.#take(yield* this.#offering(served, { endpoints, named: false }, served.balancer.loadBalancing));
  }

  /** Stops after each small piece of work; nothing has changed at its end. */
  *#offering(
    served: Served,
    offered: Served['offered'],
    loadBalancing: LoadBalancing | undefined,
  ): Generator<void, Offer, void> {
    const { gate } = this.#world;
    const { balancer } = served;
    const { endpoints, named } = offered;
    const { key, protocol } = balancer.backend;
    const transport = protocol === 'udp' ? 'udp' : 'tcp';
    const faults = new Map<Endpoint, string>();
    for (const [at, endpoint] of endpoints.entries()) {
      const { address, port } = endpoint;
      const fault = gate?.faultOf({ address, port, transport, named });
      if (fault !== undefined) faults.set(endpoint, fault);
      if (at % ASKED === ASKED - 1) yield;
    }
    // The list itself where it may be: a filtered one has room for a dozen more, in each of thousands of backends.
    const passed = faults.size === 0 ? endpoints : endpoints.filter((one) => !faults.has(one));
    const refused = Array.from(faults, ([{ address, port }, message]): RefusedEndpoint => {
      return { key, endpoint: socketName(address, port), message, left: passed.length };
    });
    const admitted = nearEndpoints(passed, this.#world.zone);
    yield;
    const prepared = yield* balancer.preparing(admitted, loadBalancing);
    return { served, offered, refused: refused.length === 0 ? NONE : refused, prepared };
  }

  /** True: other endpoints are refused than before. */
  #take({ served, offered, refused, prepared }: Offer): boolean {
    const before = served.refused;
    served.offered = offered;
    served.refused = refused;
    served.balancer.take(prepared);
    return !isDeepStrictEqual(before, refused);
  }

  #offer(served: Served, offered: Served['offered']): boolean {
    return this.#take(atOnce(this.#offering(served, offered, served.balancer.loadBalancing)));
  }

  #lookUp(served: Served, name: { hostname: string; port: number }): void {
    const { hostname, port } = name;
    const { lookedUp } = served;
    const known = lookedUp?.hostname === hostname && lookedUp.port === port;
    // A new form of the Backend begins with what is known of the name.
    if (known) this.#offer(served, { endpoints: lookedUp.endpoints, named: true });
    const trouble = { key: served.balancer.backend.key, endpoint: hostname };
    const troubles = this.#world.state?.troubles;
    const onEndpoints = (endpoints: Endpoint[]): void => {
      troubles?.over(trouble);
      served.lookedUp = { hostname, port, endpoints };
      if (this.#offer(served, { endpoints, named: true })) this.onRefused();
    };
    served.resolution = new NameResolution(name, onEndpoints, {
      ...(this.#resolve ? { resolve: this.#resolve } : {}),
      onFailure: () => troubles?.failed(trouble, 'unresolved'),
      bounds: () => served.balancer.refresh,
      tenant: served.balancer.backend.service.namespace,
    });
    const first = served.resolution.start();
    if (known) return;
    const done = first.finally(() => this.#lookingUp.delete(done));
    this.#lookingUp.add(done);
  }

  #empty(key: string): void {
    const served = this.#served.get(key);
    if (served === undefined) return;
    served.resolution?.stop();
    served.resolution = undefined;
    this.#offer(served, NOTHING);
  }

  #remove(key: string): void {
    const held = this.#served.get(key);
    if (held === undefined) return;
    this.#served.delete(key);
    held.resolution?.stop();
    held.balancer.retire();
  }
}

function checkEndpoints({ key, endpoints }: Endpoints): void {
  for (const { address, port } of endpoints) {
    if (typeof address === 'string' && typeof port === 'number') continue;
    throw new DaemunError('DMN_CONFIG_INVALID', `Endpoints ${key}: an endpoint has no address or port`);
  }
}

function trafficOf({ key }: Backend, config: Snapshot): BackendTraffic['spec'] | undefined {
  const policy = config.get('Policy', policyKey('BackendTraffic', key));
  return policy?.type === 'BackendTraffic' ? policy.spec : undefined;
}
