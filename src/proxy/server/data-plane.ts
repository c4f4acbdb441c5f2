/** The data plane: applies deltas one after the other, each built whole before it is swapped in. */
import {
  type Ack,
  type ConfigObject,
  type ConfigRef,
  type Delta,
  type Listener,
  type ListenerState,
  type RouteRule,
  Snapshot,
} from '../../config/index.ts';
import { DaemunError, type ErrorCode, Metrics, type MetricsSnapshot } from '../../observe/index.ts';
import { inSlices } from '../ground/slice.ts';
import { abuseMetrics, DEFAULT_LIMITS, DeadlineWheel, httpPool, TrustedHops } from '../http/index.ts';
import { NetDriver, TICKET_KEY_BYTES } from '../listen/index.ts';
import type { Proxy, ProxyOptions } from '../proxy.ts';
import { type PreparedRoutes, RouteBook, standIn } from '../route/index.ts';
import { ProxyState } from '../state/index.ts';
import { Backends, EndpointGate, GuardedDriver, type OwnSocket } from '../upstream/index.ts';
import { checkTrust, presentable } from './certificates.ts';
import type { Port } from './port.ts';
import { createPort, type PortGroup, placesOf, portGroups, streamRulesByListener } from './port-group.ts';
import { proxyHeader } from './proxy-header.ts';
import { World } from './world.ts';

type Rejection = ConfigRef & { code: ErrorCode; message: string };

/** Milliseconds after which a port that could not be bound is tried again. */
const REOPEN_INTERVAL = 5_000;
/** Milliseconds that a change waits for the first look-up of a name that it brings, so that no request meets a gap. */
const LOOKUP_TIMEOUT = 1_000;
/** Milliseconds that connections of a listener that is gone may take to finish. */
const CLOSE_TIMEOUT = 30_000;
const NO_CHANGE: Delta = { version: 0, upserts: [], removals: [] };

export class DataPlane implements Proxy {
  readonly #options: ProxyOptions;
  readonly #metrics = new Metrics();
  readonly #world: World;
  readonly #gate: EndpointGate;
  readonly #routes = new RouteBook();
  readonly #ports = new Map<string, Port>();
  readonly #failed = new Map<string, DaemunError>();
  readonly #draining = new Set<Promise<void>>();
  #config = Snapshot.EMPTY;
  #queue: Promise<unknown> = Promise.resolve();
  #reopen: NodeJS.Timeout | undefined;
  readonly #version = this.#metrics.largest('daemun_config_version', 'Version of the config that is served');
  readonly #appliedAt = this.#metrics.largest(
    'daemun_config_applied_timestamp_seconds',
    'When the config last changed',
  );

  constructor(options: ProxyOptions) {
    this.#options = options;
    const wheel = new DeadlineWheel();
    const { loopbackEndpoints = 'allowed', loopbackNames = 'refused' } = options;
    this.#gate = new EndpointGate({ loopbackEndpoints, loopbackNames });
    const driver = new GuardedDriver(new NetDriver(), this.#gate);
    const state = new ProxyState(wheel);
    const backends = new Backends({ driver, wheel, state, gate: this.#gate, proxyHeader }, httpPool);
    backends.onRefused = () => this.#tellAgain();
    this.#world = new World(
      { driver, wheel, backends, metrics: this.#metrics },
      {
        limits: { ...DEFAULT_LIMITS, ...options.limits },
        trustedHops: new TrustedHops(options.trustedHops),
        via: options.via === true,
        ticketKeys: readTicketKeys(options.ticketKeys),
        onAccess: options.onAccess,
      },
    );
    this.#metrics.collect(abuseMetrics);
    wheel.start();
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
    const rejected: Rejection[] = [];
    const accepted = this.#admit(delta, rejected);
    const config = this.#config.apply(accepted);
    this.#world.backends.update(config, accepted);
    await this.#world.backends.lookedUp(LOOKUP_TIMEOUT);
    this.#config = config;
    if (touchesPorts(accepted)) {
      await this.#updatePorts(config, accepted);
      this.#noteOwn();
    }
    this.#world.backends.remove(accepted);
    this.#version.value = config.version;
    this.#appliedAt.value = Date.now() / 1000;
    return this.#ack(rejected);
  }

  /** The delta without objects that cannot be used; those keep the form that they have, or get a stand-in. */
  #admit(delta: Delta, rejected: Rejection[]): Delta {
    const upserts = delta.upserts.flatMap((object): ConfigObject[] => {
      if (object.kind === 'RouteRule') return this.#admitRule(object, rejected);
      return this.#usable(object, rejected) ? [object] : [];
    });
    return { ...delta, upserts };
  }

  #admitRule(rule: RouteRule, rejected: Rejection[]): RouteRule[] {
    const fault = this.#routes.fault(rule);
    if (fault === undefined) return [rule];
    rejected.push({ kind: rule.kind, key: rule.key, code: fault.code, message: fault.message });
    const instead = standIn(rule, this.#config.get('RouteRule', rule.key), fault);
    return instead === undefined ? [] : [instead];
  }

  #usable(object: ConfigObject, rejected: Rejection[]): boolean {
    try {
      if (object.kind === 'Certificate') presentable(object);
      else if (object.kind === 'TrustBundle') checkTrust(object);
      return true;
    } catch (error) {
      if (!(error instanceof DaemunError)) throw error;
      rejected.push({ kind: object.kind, key: object.key, code: error.code, message: error.message });
      return false;
    }
  }

  async #updatePorts(config: Snapshot, delta: Delta): Promise<void> {
    const groups = portGroups(config, this.#options);
    const rules = streamRulesByListener(config);
    const sockets = new Map([...groups].map(([id, { listeners }]) => [id, listeners]));
    const routes = await inSlices(this.#routes.prepare({ delta, config, sockets }));
    const { tables } = routes;
    routes.commit();
    await Promise.all([...groups.values()].map((group) => this.#updatePort(group, { config, rules, tables })));
    for (const [id, port] of this.#ports) if (!groups.has(id)) this.#close(id, port, CLOSE_TIMEOUT);
    for (const id of this.#failed.keys()) if (!groups.has(id)) this.#failed.delete(id);
    if (delta.removals.some(({ kind }) => kind === 'RouteRule')) {
      this.#world.stats.forget((route) => config.get('RouteRule', route) !== undefined);
    }
    this.#tryAgainLater();
  }

  async #updatePort(
    group: PortGroup,
    at: { config: Snapshot; rules: ReadonlyMap<string, RouteRule[]>; tables: PreparedRoutes['tables'] },
  ): Promise<void> {
    const { listeners } = group;
    const rules = [...new Set(listeners.flatMap((listener) => at.rules.get(listener.key) ?? []))];
    const content = { listeners, rules, table: at.tables.get(group.id)!, config: at.config };
    const held = this.#ports.get(group.id);
    if (held !== undefined) return held.swap(content);
    const port = createPort(group.kind, this.#world, content);
    try {
      await port.open({ address: group.address, port: group.port, reusePort: this.#options.reusePort });
      this.#ports.set(group.id, port);
      this.#failed.delete(group.id);
    } catch (error) {
      if (!(error instanceof DaemunError)) throw error;
      this.#failed.set(group.id, error);
    }
  }

  /** A port may become free: it is tried again, and what comes of it is told by a further acknowledgement. */
  #tryAgainLater(): void {
    if (this.#failed.size === 0 || this.#reopen !== undefined) return;
    this.#reopen = setTimeout(() => {
      this.#reopen = undefined;
      void this.#enqueue(async () => {
        const before = this.#failed.size;
        await this.#updatePorts(this.#config, NO_CHANGE);
        this.#noteOwn();
        if (this.#failed.size !== before) this.#options.onAck?.(this.#ack([]));
      });
    }, REOPEN_INTERVAL);
    this.#reopen.unref();
  }

  #close(id: string, port: Port, timeout: number): void {
    this.#ports.delete(id);
    const drained = port.drain(timeout).finally(() => this.#draining.delete(drained));
    this.#draining.add(drained);
  }

  #ack(rejected: Rejection[]): Ack {
    const listeners = [...this.#config.of('Listener').values()].map((listener) => this.#stateOf(listener));
    const refusedEndpoints = this.#world.backends.refused();
    const ack = { version: this.#config.version, proxy: this.#options.name, rejected, listeners };
    return refusedEndpoints.length === 0 ? ack : { ...ack, refusedEndpoints };
  }

  /** Acknowledges what is served, once more: something is told differently, though no delta came. */
  #tellAgain(): void {
    // While a delta is applied its own acknowledgement tells.
    void this.#enqueue(async () => this.#options.onAck?.(this.#ack([])));
  }

  /** The sockets that are open now are no endpoints. */
  #noteOwn(): void {
    const listeners = [...this.#ports].flatMap(([id, { bound }]) =>
      bound.map((name) =>
        ownSocket(name, { transport: id.startsWith('udp') ? 'udp' : 'tcp', what: 'a listener of this gateway' }),
      ),
    );
    const others = (this.#options.ownAddresses ?? []).map((name) =>
      ownSocket(name, { transport: 'tcp', what: 'the admin API of this gateway' }),
    );
    this.#gate.own = [...listeners, ...others];
    this.#world.backends.recheck();
  }

  #stateOf(listener: Listener): ListenerState {
    const places = placesOf(listener, this.#options);
    const bound = places.flatMap(({ id }) => this.#ports.get(id)?.bound ?? []);
    const failure = places.map(({ id }) => this.#failed.get(id)).find((error) => error !== undefined);
    if (failure === undefined) return { key: listener.key, state: 'serving', bound };
    return { key: listener.key, state: 'failed', bound, code: failure.code, message: failure.message };
  }

  async drain(timeout: number): Promise<void> {
    await this.#queue;
    clearTimeout(this.#reopen);
    for (const [id, port] of this.#ports) this.#close(id, port, timeout);
    await Promise.all(this.#draining);
    this.#world.backends.close();
    this.#world.wheel.stop();
  }

  metrics(): MetricsSnapshot {
    return this.#metrics.snapshot();
  }
}

function ownSocket(bound: string, { transport, what }: Pick<OwnSocket, 'transport' | 'what'>): OwnSocket {
  const colon = bound.lastIndexOf(':');
  const address = bound.slice(0, colon).replace(/^\[|\]$/g, '');
  return { transport, address, port: Number(bound.slice(colon + 1)), what };
}

function readTicketKeys(given: string | undefined): Buffer | undefined {
  if (given === undefined) return undefined;
  const keys = Buffer.from(given, 'base64');
  if (keys.length !== TICKET_KEY_BYTES) throw new RangeError(`ticket keys have ${TICKET_KEY_BYTES} bytes`);
  return keys;
}

/** Endpoint and backend changes touch no route and no listener. */
function touchesPorts(delta: Delta): boolean {
  return [...delta.upserts, ...delta.removals].some(({ kind }) => kind !== 'Endpoints' && kind !== 'Backend');
}
