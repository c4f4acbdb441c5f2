/** The data plane: applies deltas one after the other, each built whole before it is swapped in. */
import type { Ack, ConfigRef, Delta, Listener, ListenerState, RouteRule } from '../../config/index.ts';
import { Snapshot } from '../../config/index.ts';
import { DaemunError, type ErrorCode, Metrics, type MetricsSnapshot } from '../../observe/index.ts';
import {
  DEFAULT_LIMITS,
  DeadlineWheel,
  type HttpLimits,
  type HttpService,
  httpPool,
  Stats,
  TrustedHops,
} from '../http/index.ts';
import { NetDriver } from '../listen/index.ts';
import type { Proxy, ProxyOptions } from '../proxy.ts';
import { PlanCache } from '../route/index.ts';
import { Backends } from '../upstream/index.ts';
import { secureContext } from './certificates.ts';
import { HttpPort } from './httpport.ts';

type Rejection = ConfigRef & { code: ErrorCode; message: string };

/** Listeners that share one socket. */
interface PortGroup {
  id: string;
  address: string;
  port: number;
  secure: boolean;
  listeners: Listener[];
}

export class DataPlane implements Proxy {
  readonly #options: ProxyOptions;
  readonly #limits: HttpLimits;
  readonly #metrics = new Metrics();
  readonly #stats = new Stats(this.#metrics);
  readonly #wheel = new DeadlineWheel();
  readonly #backends: Backends;
  readonly #trustedHops: TrustedHops;
  readonly #plans = new PlanCache();
  readonly #ports = new Map<string, HttpPort>();
  readonly #failed = new Map<string, DaemunError>();
  readonly #closing = new Set<HttpPort>();
  #config = Snapshot.EMPTY;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #version = this.#metrics.gauge('daemun_config_version', 'Version of the config that is served');
  readonly #appliedAt = this.#metrics.gauge(
    'daemun_config_applied_timestamp_seconds',
    'When the config was last changed',
  );

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#trustedHops = new TrustedHops(options.trustedHops);
    this.#backends = new Backends({ driver: new NetDriver(), wheel: this.#wheel }, httpPool);
    this.#wheel.start();
  }

  apply(delta: Delta): Promise<Ack> {
    const applied = this.#queue.then(() => this.#apply(delta));
    this.#queue = applied.catch(() => undefined);
    return applied;
  }

  async #apply(delta: Delta): Promise<Ack> {
    const rejected: Rejection[] = [];
    const accepted = this.#admit(delta, rejected);
    const config = this.#config.apply(accepted);
    this.#backends.update(config, accepted);
    this.#config = config;
    if (accepted.version === delta.version && touchesPorts(accepted)) await this.#updatePorts(config);
    this.#version.value = config.version;
    this.#appliedAt.value = Date.now() / 1000;
    return { version: config.version, proxy: this.#options.name, rejected, listeners: this.#listenerStates(config) };
  }

  /** The delta without objects that cannot be used; those keep the form that they have. */
  #admit(delta: Delta, rejected: Rejection[]): Delta {
    const upserts = delta.upserts.filter((object) => {
      try {
        if (object.kind === 'RouteRule' && isHttp(object)) this.#plans.plan(object);
        else if (object.kind === 'Certificate') secureContext(object);
        return true;
      } catch (error) {
        if (!(error instanceof DaemunError)) throw error;
        rejected.push({ kind: object.kind, key: object.key, code: error.code, message: error.message });
        return false;
      }
    });
    return { ...delta, upserts };
  }

  async #updatePorts(config: Snapshot): Promise<void> {
    const groups = this.#groups(config);
    const rules = rulesByListener(config);
    const opened = [...groups.values()].map(async (group) => {
      const update = {
        listeners: group.listeners,
        rules: [...new Set(group.listeners.flatMap((listener) => rules.get(listener.key) ?? []))],
        plans: this.#plans,
        config,
      };
      const port = this.#ports.get(group.id);
      if (port !== undefined) port.swap(update);
      else await this.#open(group, new HttpPort(group.secure, this.#service(), update));
    });
    await Promise.all(opened);
    for (const [id, port] of this.#ports) if (!groups.has(id)) this.#close(id, port);
    for (const id of this.#failed.keys()) if (!groups.has(id)) this.#failed.delete(id);
    this.#plans.retain({ rules: config.of('RouteRule').values(), listeners: config.of('Listener').values() });
    this.#stats.forget((route) => config.get('RouteRule', route) !== undefined);
  }

  async #open(group: PortGroup, port: HttpPort): Promise<void> {
    try {
      await port.open({ address: group.address, port: group.port, reusePort: this.#options.reusePort });
      this.#ports.set(group.id, port);
      this.#failed.delete(group.id);
    } catch (error) {
      if (!(error instanceof DaemunError)) throw error;
      this.#failed.set(group.id, error);
    }
  }

  #close(id: string, port: HttpPort): void {
    this.#ports.delete(id);
    this.#closing.add(port);
    port.close();
  }

  #service(): HttpService {
    return {
      table: undefined as unknown as HttpService['table'],
      upstreams: this.#backends,
      wheel: this.#wheel,
      trustedHops: this.#trustedHops,
      limits: this.#limits,
      stats: this.#stats,
      onAccess: this.#options.onAccess,
      connections: new Set(),
      draining: false,
    };
  }

  /** A listener serves on the addresses that its Gateway asks for, or else on those of the run. */
  #placesOf(listener: Listener): Array<{ address: string; port: number; id: string }> {
    const addresses = listener.addresses.length > 0 ? listener.addresses : this.#options.bind;
    const port = this.#options.portMap.get(listener.port) ?? listener.port;
    const secure = listener.protocol === 'HTTPS';
    return addresses.map((address) => ({ address, port, id: `${secure ? 'https' : 'http'} ${address} ${port}` }));
  }

  #groups(config: Snapshot): Map<string, PortGroup> {
    const groups = new Map<string, PortGroup>();
    for (const listener of config.of('Listener').values()) {
      if (listener.protocol !== 'HTTP' && listener.protocol !== 'HTTPS') continue;
      for (const place of this.#placesOf(listener)) {
        const group = groups.get(place.id);
        if (group === undefined)
          groups.set(place.id, { ...place, secure: listener.protocol === 'HTTPS', listeners: [listener] });
        else group.listeners.push(listener);
      }
    }
    return groups;
  }

  #listenerStates(config: Snapshot): ListenerState[] {
    return [...config.of('Listener').values()].map((listener) => {
      const places = this.#placesOf(listener);
      const failure = places.map(({ id }) => this.#failed.get(id)).find((error) => error !== undefined);
      const bound = places.flatMap(({ id }) => this.#ports.get(id)?.bound ?? []);
      if (failure !== undefined)
        return { key: listener.key, state: 'failed', bound, code: failure.code, message: failure.message };
      return { key: listener.key, state: bound.length > 0 ? 'serving' : 'failed', bound };
    });
  }

  async drain(timeout: number): Promise<void> {
    for (const [id, port] of this.#ports) this.#close(id, port);
    const deadline = performance.now() + timeout;
    while (performance.now() < deadline && [...this.#closing].some(({ service }) => service.connections.size > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#backends.close();
    this.#wheel.stop();
  }

  metrics(): MetricsSnapshot {
    return this.#metrics.snapshot();
  }
}

function isHttp(rule: RouteRule): boolean {
  return rule.route.kind === 'HTTPRoute' || rule.route.kind === 'GRPCRoute';
}

/** Endpoint and backend changes touch no route and no listener. */
function touchesPorts(delta: Delta): boolean {
  return [...delta.upserts, ...delta.removals].some(({ kind }) => kind !== 'Endpoints' && kind !== 'Backend');
}

function rulesByListener(config: Snapshot): Map<string, RouteRule[]> {
  const byListener = new Map<string, RouteRule[]>();
  for (const rule of config.of('RouteRule').values()) {
    if (!isHttp(rule)) continue;
    for (const { listener } of rule.attachments) {
      const rules = byListener.get(listener);
      if (rules === undefined) byListener.set(listener, [rule]);
      else rules.push(rule);
    }
  }
  return byListener;
}
