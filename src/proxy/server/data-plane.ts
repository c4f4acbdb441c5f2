/** The data plane: applies deltas one after the other, each compiled whole before it is swapped in. */
import { isDeepStrictEqual } from 'node:util';
import {
  type Ack,
  type CachePurge,
  type CachePurged,
  type ConfigRef,
  type Delta,
  Snapshot,
} from '../../config/index.ts';
import { Metrics, type MetricsSnapshot } from '../../observe/index.ts';
import { Networks } from '../../value/networks.ts';
import { newTicketSecret } from '../../value/ticket-secret.ts';
import { CONNECTION_POLICIES, type ConnectionPolicies, POLICY_FILTERS, Policies } from '../filter/index.ts';
import { inSlices } from '../ground/slice.ts';
import { abuseMetrics, backendText, DEFAULT_LIMITS, DeadlineWheel, httpPool } from '../http/index.ts';
import { GivenSockets, NetDriver, TicketKeys } from '../listen/index.ts';
import type { Proxy, ProxyOptions } from '../proxy.ts';
import {
  CountryDatabase,
  FETCH_TIMEOUT,
  MAX_FETCHED_BYTES,
  PolicyState,
  ProxyState,
  SharedVerdicts,
  TroubleWatch,
} from '../state/index.ts';
import { proxyHeader } from '../stream/index.ts';
import { Backends, EndpointGate, GuardedDriver, type OwnSocket } from '../upstream/index.ts';
import { type Change, ChangeCompiler, type Served } from './change.ts';
import { guardedDialer } from './guarded-dialer.ts';
import { heldMetrics } from './held-memory.ts';
import { PortSet, type PreparedPorts } from './port-set.ts';
import { Shortfalls } from './shortfall.ts';
import { type Rejection, sift } from './sift.ts';
import { World } from './world.ts';

/** Milliseconds after which a port that could not be bound is tried again. */
const REOPEN_INTERVAL = 5_000;
/** Milliseconds that a change waits for the first look-up of a name that it brings, so that no request meets a gap. */
const LOOKUP_TIMEOUT = 1_000;
/** Milliseconds that what is under way on a port that goes may take to finish, where the options do not say. */
const DRAIN_TIMEOUT = 30_000;
const NO_CHANGE: Delta = { version: 0, upserts: [], removals: [] };

/** What policies do where; tests bring their own. */
export interface PlanePolicies {
  policies?: Policies;
  connectionPolicies?: ConnectionPolicies;
}

export class DataPlane implements Proxy {
  readonly #options: ProxyOptions;
  readonly #metrics = new Metrics();
  readonly #world: World;
  readonly #gate: EndpointGate;
  readonly #ports: PortSet;
  readonly #compiler: ChangeCompiler;
  readonly #troubles: TroubleWatch;
  readonly #state: PolicyState;
  readonly #shortfalls: Shortfalls;
  #served: Served = { config: Snapshot.EMPTY, kept: new Set() };
  /** Of backends that are gone from the config. */
  #leaving: readonly ConfigRef[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #reopen: NodeJS.Timeout | undefined;
  #closing = false;
  readonly #version = this.#metrics.largest('daemun_config_version', 'Version of the config that is served');
  readonly #appliedAt = this.#metrics.largest(
    'daemun_config_applied_timestamp_seconds',
    'When the config last changed',
  );

  constructor(
    options: ProxyOptions,
    { policies: instead, connectionPolicies = CONNECTION_POLICIES }: PlanePolicies = {},
  ) {
    this.#options = options;
    this.#shortfalls = new Shortfalls(options);
    const wheel = new DeadlineWheel();
    const { loopbackEndpoints = 'allowed', loopbackNames = 'refused' } = options;
    this.#gate = new EndpointGate({ loopbackEndpoints, loopbackNames });
    const driver = new GuardedDriver(new NetDriver(), this.#gate);
    this.#troubles = new TroubleWatch((troubles) => options.onTroubles?.(troubles));
    const { sharedMemory } = options;
    const state = new ProxyState(wheel, {
      ...(sharedMemory === undefined ? {} : { verdicts: new SharedVerdicts(sharedMemory) }),
      policies: new PolicyState(options.sharedMemory, {
        dialer: guardedDialer(driver, this.#gate),
        troubles: this.#troubles,
        disk: options.cacheDisk,
        countries: countriesIn(options),
        outbound: (address, port) => this.#gate.faultOf({ address, port, transport: 'tcp', named: true }),
      }),
      troubles: this.#troubles,
    });
    this.#state = state.policies;
    if (options.reusePort) this.#state.answers.onInvalidate = (purge) => options.onInvalidate?.(purge);
    const policies = instead ?? new Policies(POLICY_FILTERS, state.policies);
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const endpointLimits = { connections: limits.maxBackendConnections, pending: limits.maxPendingRequests };
    const around = { driver, wheel, state, gate: this.#gate, limits: endpointLimits, zone: options.zone, proxyHeader };
    const backends = new Backends(around, httpPool);
    backends.onRefused = () => this.#tellAgain();
    this.#state.askBackend = (asked) =>
      backendText({ wheel, upstreams: backends }, asked, { timeout: FETCH_TIMEOUT, limit: MAX_FETCHED_BYTES });
    const { bind, portMap, given = [], reusePort, drainTimeout = DRAIN_TIMEOUT } = options;
    this.#world = new World(
      { driver, wheel, backends, policies, connectionPolicies, metrics: this.#metrics },
      {
        limits,
        drainTimeout,
        trustedHops: new Networks(options.trustedHops),
        via: options.via === true,
        ticketKeys: new TicketKeys(options.ticketSecret ?? newTicketSecret()),
        onAccess: options.onAccess,
        sockets: new GivenSockets(options.given ?? []),
        troubles: this.#troubles,
      },
    );
    this.#ports = new PortSet(this.#world, { bind, portMap, given, reusePort, drainTimeout });
    this.#compiler = new ChangeCompiler(this.#world, this.#ports);
    this.#metrics.collect(abuseMetrics);
    this.#metrics.collect(heldMetrics);
    this.#metrics.collect(() => backends.metrics());
    this.#metrics.collect(() => state.policies.metrics());
    this.#world.stats.isServed = (route, backend) => servesRow(this.#served.config, route, backend);
    policies.isRule = (key) => {
      const { config } = this.#served;
      return (
        config.get('RouteRule', key) !== undefined ||
        (key.startsWith('Listener/') && config.get('Listener', key.slice('Listener/'.length)) !== undefined)
      );
    };
    this.#world.meter.isServed = (listener) => this.#served.config.get('Listener', listener) !== undefined;
    wheel.start();
    void this.#state.answers.disk?.start();
  }

  apply(delta: Delta): Promise<Ack> {
    return this.#enqueue(() => this.#apply(delta));
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async #apply(delta: Delta): Promise<Ack> {
    const { compiled, rejected } = await sift(delta, this.#compiler.from(this.#served));
    await this.#world.backends.lookedUp(LOOKUP_TIMEOUT);
    await this.#swap(compiled);
    return this.#ack(rejected);
  }

  /** Everything that can fail is behind us, but for sockets that cannot be opened: those are told of each listener. */
  async #swap({ served, removals, swap, backends, ports }: Change): Promise<void> {
    if (!this.#closing) await inSlices(backends.bring());
    if (this.#closing) return backends.discard();
    const { config } = served;
    if (this.#served.config.version === 0) this.#options.beforeServing?.(config.size);
    swap();
    this.#served = served;
    this.#version.value = config.version;
    this.#appliedAt.value = Date.now() / 1000;
    if (ports !== undefined) await this.#open(ports);
    await this.#remove(removals);
    this.#tryAgainLater();
  }

  /**
   * Who is under way on a port that drains has the routes that were there: their backends go when it has ended. One
   * that came back meanwhile stays.
   */
  async #remove(removals: readonly ConfigRef[]): Promise<void> {
    const { drained } = this.#ports;
    const { go, stay } = await inSlices(this.#parted(removals, drained !== undefined));
    this.#leaving = stay;
    await inSlices(this.#world.backends.remove(go));
    if (this.#leaving.length > 0) void drained?.then(() => this.#enqueue(() => this.#remove([])));
  }

  /** What of backends leaves now, and what waits. Stops after each, since thousands may be removed at a time. */
  *#parted(
    removals: readonly ConfigRef[],
    drains: boolean,
  ): Generator<void, { go: ConfigRef[]; stay: ConfigRef[] }, void> {
    const { config } = this.#served;
    const go: ConfigRef[] = [];
    const stay: ConfigRef[] = [];
    for (const refs of [this.#leaving, removals]) {
      for (const ref of refs) {
        yield;
        if (ref.kind !== 'Backend' && ref.kind !== 'Endpoints') continue;
        if (drains && config.get('Backend', ref.key) === undefined) stay.push(ref);
        else if (config.get(ref.kind, ref.key) === undefined) go.push(ref);
      }
    }
    return { go, stay };
  }

  /** The sockets that are open then are no endpoints. */
  async #open(ports: PreparedPorts): Promise<void> {
    await ports.open();
    const what = 'the admin API of this gateway';
    const others = (this.#options.ownAddresses ?? []).map((name) => ownSocket(name, { transport: 'tcp', what }));
    const listeners = this.#ports.bound.map(({ name, transport }) =>
      ownSocket(name, { transport, what: 'a listener of this gateway' }),
    );
    const own = [...listeners, ...others];
    if (isDeepStrictEqual(own, this.#gate.own)) return;
    this.#gate.own = own;
    await inSlices(this.#world.backends.recheck());
  }

  /** A port may become free: it is tried again, and what comes of it is told by a further acknowledgement. */
  #tryAgainLater(): void {
    if (this.#ports.failed === 0 || this.#reopen !== undefined || this.#closing) return;
    this.#reopen = setTimeout(() => {
      this.#reopen = undefined;
      void this.#enqueue(async () => {
        if (this.#closing) return;
        const before = this.#ports.failed;
        const { ports, swap } = await this.#compiler.preparePorts(this.#served.config, NO_CHANGE);
        swap();
        await this.#open(ports);
        if (this.#ports.failed !== before) this.#options.onAck?.(this.#ack([]));
        this.#tryAgainLater();
      });
    }, REOPEN_INTERVAL);
    this.#reopen.unref();
  }

  #ack(rejected: Rejection[]): Ack {
    const { config } = this.#served;
    const listeners = [...config.of('Listener').values()].map((listener) => this.#ports.stateOf(listener, config));
    const refused = this.#world.backends.refused();
    const refusedEndpoints = refused.filter(({ key }) => config.get('Backend', key) !== undefined);
    const ack: Ack = { version: config.version, proxy: this.#options.name, rejected, listeners };
    const shortfalls = this.#shortfalls.of(config);
    if (refusedEndpoints.length > 0) ack.refusedEndpoints = refusedEndpoints;
    if (shortfalls.length > 0) ack.shortfalls = shortfalls;
    return ack;
  }

  /** Acknowledges what is served, once more: something is told differently, though no delta came. */
  #tellAgain(): void {
    // While a delta is applied its own acknowledgement tells.
    void this.#enqueue(async () => this.#options.onAck?.(this.#ack([])));
  }

  /** What is being applied may still come to its end, but gets no time of its own. */
  async drain(timeout: number): Promise<void> {
    const began = performance.now();
    this.#closing = true;
    this.#world.backends.stopLooking();
    clearTimeout(this.#reopen);
    await settledWithin(this.#queue, timeout);
    if (this.#options.handsOver && timeout > 0) await this.#ports.stop(timeout);
    await this.#ports.drain(Math.max(0, timeout - (performance.now() - began)));
    this.#world.backends.close();
    this.#state.redis.close();
    this.#state.countries?.close();
    this.#state.answers.disk?.stop();
    this.#troubles.stop();
    this.#world.wheel.stop();
  }

  purge(purge: CachePurge): Promise<CachePurged> {
    return this.#state.answers.purge(purge);
  }

  metrics(): MetricsSnapshot {
    return this.#metrics.snapshot();
  }
}

function countriesIn({ countryDatabase }: ProxyOptions): CountryDatabase | undefined {
  return countryDatabase === undefined ? undefined : new CountryDatabase(countryDatabase);
}

function ownSocket(bound: string, { transport, what }: Pick<OwnSocket, 'transport' | 'what'>): OwnSocket {
  const colon = bound.lastIndexOf(':');
  const address = bound.slice(0, colon).replace(/^\[|\]$/g, '');
  return { transport, address, port: Number(bound.slice(colon + 1)), what };
}

async function settledWithin(work: Promise<unknown>, milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([promise, work]);
  clearTimeout(timer);
}

/** Whether requests of this rule ('': of none) to this backend ('': to none) may still be counted. */
function servesRow(config: Snapshot, route: string, backend: string): boolean {
  if (route === '') return true;
  const rule = config.get('RouteRule', route);
  return rule !== undefined && (backend === '' || rule.backends.some((one) => one.backend === backend));
}
