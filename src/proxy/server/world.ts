/** What all ports of a data plane share. */

import type { AccessEntry, Metrics } from '../../observe/index.ts';
import type { Networks } from '../../value/networks.ts';
import { CONNECTION_POLICIES, type ConnectionPolicies, type Policies } from '../filter/index.ts';
import type { DrainSet, Tally } from '../ground/drain.ts';
import { type DeadlineWheel, type HttpLimits, type HttpService, Stats } from '../http/index.ts';
import type { Driver, GivenSockets, TicketKeys } from '../listen/index.ts';
import type { TroubleWatch } from '../state/index.ts';
import {
  type GivenDatagrams,
  givenDatagrams,
  type StreamBackend,
  StreamMeter,
  StreamPlans,
  streamLimits,
} from '../stream/index.ts';
import type { Backends } from '../upstream/index.ts';
import { clientDescriptors } from './descriptors.ts';

export class World {
  readonly driver: Driver;
  readonly wheel: DeadlineWheel;
  readonly backends: Backends;
  readonly stats: Stats;
  readonly policies: Policies;
  /** What policies are on connections, before any request. */
  readonly connectionPolicies: ConnectionPolicies;
  readonly meter: StreamMeter;
  readonly streamLimits = streamLimits();
  readonly ticketKeys: TicketKeys;
  readonly limits: HttpLimits;
  /** Milliseconds that what is under way may take to finish, where a change ends it. */
  readonly drainTimeout: number;
  readonly sockets: GivenSockets;
  /** How UDP ports come by their sockets. */
  readonly datagrams: GivenDatagrams;
  /** Clients whose descriptor has this number or a higher one are turned away. */
  readonly descriptors: number;
  /** What goes wrong is told there; absent: nowhere. */
  readonly troubles: TroubleWatch | undefined;
  /** Connections of clients on all ports. */
  readonly connections: Tally = { count: 0 };
  readonly #trustedHops: Networks;
  readonly #via: boolean;
  readonly #onAccess: ((entry: AccessEntry) => void) | undefined;

  constructor(
    parts: {
      driver: Driver;
      wheel: DeadlineWheel;
      backends: Backends;
      policies: Policies;
      connectionPolicies?: ConnectionPolicies;
      metrics: Metrics;
    },
    settings: {
      limits: HttpLimits;
      drainTimeout: number;
      trustedHops: Networks;
      via: boolean;
      ticketKeys: TicketKeys;
      onAccess: ((entry: AccessEntry) => void) | undefined;
      sockets: GivenSockets;
      troubles?: TroubleWatch;
    },
  ) {
    this.driver = parts.driver;
    this.wheel = parts.wheel;
    this.backends = parts.backends;
    this.policies = parts.policies;
    this.connectionPolicies = parts.connectionPolicies ?? CONNECTION_POLICIES;
    this.stats = new Stats(parts.metrics);
    this.meter = new StreamMeter(parts.metrics, settings.onAccess);
    this.ticketKeys = settings.ticketKeys;
    this.limits = settings.limits;
    this.drainTimeout = settings.drainTimeout;
    const { sockets } = settings;
    this.sockets = sockets;
    this.datagrams = givenDatagrams((place) => sockets.find({ ...place, transport: 'udp' })?.fd);
    this.descriptors = clientDescriptors();
    this.troubles = settings.troubles;
    this.#trustedHops = settings.trustedHops;
    this.#via = settings.via;
    this.#onAccess = settings.onAccess;
  }

  httpService(table: HttpService['table'], connections: DrainSet): HttpService {
    return {
      table,
      policies: this.policies,
      upstreams: this.backends,
      wheel: this.wheel,
      trustedHops: this.#trustedHops,
      limits: this.limits,
      via: this.#via,
      stats: this.stats,
      onAccess: this.#onAccess,
      connections,
    };
  }

  /** For stream plans: the backend of this key as it is now. */
  readonly streamBackend = (key: string): StreamBackend | undefined => {
    const balancer = this.backends.get(key);
    if (balancer === undefined || balancer.broken !== undefined) return undefined;
    const { picker, tls, proxyProtocol } = balancer;
    return { key, picker, ...(tls ? { tls } : {}), ...(proxyProtocol ? { proxyProtocol } : {}) };
  };

  /** Of all ports, so that a rule keeps its place in the order of its backends when the config around it changes. */
  readonly plans = new StreamPlans(this.streamBackend);
}
