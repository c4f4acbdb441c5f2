/** One Backend with the pools of its endpoints, and the choice among them: the ready ones, else the draining ones. */
import { isDeepStrictEqual } from 'node:util';
import type {
  Backend,
  BackendTimeouts,
  Endpoint,
  Endpoints,
  HealthCheck,
  LoadBalancing,
  NameRefresh,
  Retry,
  SessionPersistence,
} from '../../config/index.ts';
import type { Failure } from '../ground/codec.ts';
import type { ConnectTls } from '../ground/driver.ts';
import { atOnce } from '../ground/slice.ts';
import type { ProbeBook } from '../probe/index.ts';
import { type BackendState, ProxyState, type RetryBudget } from '../state/index.ts';
import type { Aim } from './aim.ts';
import { ClientPools } from './client-pools.ts';
import {
  DEFAULT_ENDPOINT_LIMITS,
  type EndpointLimits,
  type EndpointPool,
  type EndpointTarget,
  type PoolFactory,
  type ProxyVersion,
  type SpokenProtocol,
  type UpstreamWorld,
} from './connection.ts';
import { EndpointChecks } from './endpoint-checks.ts';
import { type EndpointChoice, endpointChoice, hashOf, hashOfClient } from './endpoint-choice.ts';
import { EndpointGroup } from './endpoint-group.ts';
import { EMPTY_ROSTER, groupIn, type Roster, type RosterStep, rosterStep } from './endpoint-roster.ts';
import { NO_HASH } from './hash-key.ts';
import { hashText } from './hash-ring.ts';
import { keyIn, SessionClaim, SessionNames, tagIn } from './session.ts';
import type { SteeredRequest } from './steered-request.ts';

/** Keys that are drawn for a session until one leads to an endpoint that can be used. */
const MOST_DRAWN = 64;

/** What the choice under way goes by: one for all, since none waits. */
const choosing: {
  now: number;
  avoid: EndpointPool | null;
  turns: { turn: number };
  aim: Aim | null;
} = { now: 0, avoid: null, turns: { turn: 0 }, aim: null };

export interface BalancerWorld extends UpstreamWorld {
  /** Where endpoints are looked at; absent: nowhere, whatever policies ask for. */
  probes?: ProbeBook;
}

export interface BalancerOptions {
  world: BalancerWorld;
  makePool: PoolFactory;
  /** Under which its state is kept; absent: the backend's. */
  stateKey?: string | undefined;
  tls?: ConnectTls | undefined;
  /** What is spoken of HTTP; absent: what the backend says. */
  protocol?: SpokenProtocol | undefined;
  proxyProtocol?: ProxyVersion | undefined;
  broken?: string | undefined;
}

/** A list of endpoints that is ready to take the place of the one before. */
export interface PreparedEndpoints {
  readonly step: RosterStep;
  readonly loadBalancing: LoadBalancing | undefined;
}

export class Balancer {
  readonly backend: Backend;
  /** Why no request may go to this backend (its TLS policy cannot be met, say), or undefined. */
  readonly broken: string | undefined;
  /** Options of TLS to the endpoints. */
  readonly tls: ConnectTls | undefined;
  readonly #protocol: SpokenProtocol;
  /** Of the PROXY header that connections to the endpoints begin with. */
  readonly proxyProtocol: ProxyVersion | undefined;
  /** Sessions that its policy asks for. */
  session: SessionPersistence | undefined = undefined;
  timeouts: BackendTimeouts | undefined = undefined;
  /** Of its name, where it has one. */
  refresh: NameRefresh | undefined = undefined;
  /** For rules that have none. */
  retry: Retry | undefined = undefined;
  #loadBalancing: LoadBalancing | undefined = undefined;
  #choice: EndpointChoice = endpointChoice(undefined);
  /** Null: nobody is looked at. */
  checks: EndpointChecks | null = null;
  /** Shared with the pools: what is set here holds for them at once. */
  readonly limits: EndpointLimits = { ...DEFAULT_ENDPOINT_LIMITS };
  readonly #world: BalancerWorld;
  readonly #makePool: PoolFactory;
  readonly #states: ProxyState['backends'];
  readonly #stateKey: string;
  readonly state: BackendState;
  /** All endpoints. */
  #roster: Roster = EMPTY_ROSTER;
  /** Those that are chosen among, as long as one of them can be used; where `near` is empty, all. */
  #near = EndpointGroup.NONE;
  #ready = EndpointGroup.NONE;
  /** By what their sessions are made with; undefined where there are none. */
  #names: Map<string, SessionNames<EndpointPool>> | undefined;
  #picker: EndpointPicker | undefined;
  #retired = false;

  constructor(backend: Backend, options: BalancerOptions) {
    this.backend = backend;
    this.broken = options.broken;
    this.#world = options.world;
    this.#makePool = options.makePool;
    this.tls = options.tls;
    this.#protocol = options.protocol ?? (backend.protocol === 'h2c' ? 'h2' : 'http');
    this.proxyProtocol = options.proxyProtocol;
    this.#states = (options.world.state ?? new ProxyState(options.world.wheel)).backends;
    this.#stateKey = options.stateKey ?? backend.key;
    this.state = this.#states.hold(this.#stateKey);
  }

  get size(): number {
    return this.#ready.size + this.#roster.draining.size;
  }

  get handsBack(): boolean {
    return this.#protocol !== 'http';
  }

  get retries(): RetryBudget {
    return this.state.retries;
  }

  get loadBalancing(): LoadBalancing | undefined {
    return this.#loadBalancing;
  }

  set loadBalancing(settings: LoadBalancing | undefined) {
    if (settings === this.#loadBalancing) return;
    this.#take(atOnce(this.preparing(undefined, settings)));
  }

  set healthCheck(check: HealthCheck | undefined) {
    if (isDeepStrictEqual(check, this.checks?.check)) return;
    const { probes } = this.#world;
    if (check === undefined || probes === undefined || this.broken !== undefined) {
      this.checks?.retire();
      this.checks = null;
    } else if (this.checks !== null) this.checks.check = check;
    else {
      this.checks = new EndpointChecks(check, {
        backend: this.backend,
        protocol: this.#protocol,
        world: this.#world,
        book: probes,
        makePool: this.#makePool,
        reach: `${this.#stateKey.slice(this.backend.key.length)} ${this.proxyProtocol ?? ''}`,
        tls: this.tls,
        proxyProtocol: this.proxyProtocol,
        watcher: this,
      });
    }
    this.checks?.follow(this.#roster.ready.pools);
    this.#regroup();
  }

  /** Endpoints went out, or came back: those start as slowly as new ones. */
  verdictsChanged(): void {
    const { checks } = this;
    if (checks === null) return;
    const wereOut = this.#roster.ready.pools.filter(({ label }) => checks.isOut(label));
    checks.review();
    for (const { label, health } of wereOut) if (!checks.isOut(label)) health.freshSince = this.state.now;
    this.#regroup();
  }

  /** Requests are asked where they want to go. */
  get steers(): boolean {
    return this.session !== undefined || this.#choice.reads !== undefined;
  }

  /** `session`: what the rule asks for, or else the backend's policy. */
  aim(request: SteeredRequest, session: SessionPersistence | undefined): Aim {
    const hash = hashOf(this.#choice, request);
    if (session === undefined) return { hash, session: null };
    const claim = new SessionClaim(session, request);
    if (claim.name !== '' && session.mode === 'Persistent' && this.#keeper(claim) === undefined) claim.forget();
    return { hash, session: claim };
  }

  /** The request's session is one of this backend's. */
  keeps(request: SteeredRequest, session: SessionPersistence): boolean {
    const claim = new SessionClaim(session, request);
    if (claim.name === '') return false;
    if (session.mode === 'Balanced') return tagIn(claim.name) === this.#namesOf(session).tag;
    return this.#keeper(claim) !== undefined;
  }

  /** What the answer of an endpoint tells the client of its session, as a header line; undefined: nothing. */
  sessionLine({ session: claim }: Aim, pool: EndpointPool): { name: string; value: string } | undefined {
    if (claim === null) return undefined;
    const { persistence } = claim;
    const kept = this.#keeper(claim) === pool;
    if (kept && !claim.fresh) return claim.aged ? claim.line(claim.name) : undefined;
    if (kept) return claim.line(claim.name);
    if (claim.name !== '' && !claim.fresh && !persistence.changeOnFailure) return undefined;
    if (persistence.mode === 'Persistent') return claim.line(this.#namesOf(persistence).nameOf(pool.label));
    const drawn = this.#drawKey(claim, (member) => member === pool);
    return drawn === undefined ? undefined : claim.line(drawn);
  }

  /** The endpoint for the next request, or null where there is none. `avoid`: one that just failed. */
  pick(avoid: EndpointPool | null = null, aim: Aim | null = null): EndpointPool | null {
    const { now } = this.#world.wheel;
    if (aim !== null && aim.session !== null) {
      const keeper = this.#sessionPool(aim.session, avoid, now);
      if (keeper !== undefined) return keeper;
    }
    choosing.now = now;
    choosing.avoid = avoid;
    choosing.turns = this.state;
    choosing.aim = aim;
    const all = this.#ready.size > 0 ? this.#ready : this.#roster.draining;
    const pool = this.#chosenNear() ?? this.#choice.choose(all, choosing);
    choosing.avoid = choosing.aim = null;
    if (pool !== null || all.size === 0) return pool;
    // All are evicted: trying one is better than failing all.
    return all.turns[this.state.turn++ % all.turns.length]!;
  }

  /** Those that were asked in vain have had no turn: else, of the others, always the same would be next. */
  #chosenNear(): EndpointPool | null {
    if (this.#near.size === 0) return null;
    const { turn } = this.state;
    const pool = this.#choice.choose(this.#near, choosing);
    if (pool === null) this.state.turn = turn;
    return pool;
  }

  /** The same for a connection or session that no request is read of. */
  pickFor(client: string, avoid: EndpointPool | null = null): EndpointPool | null {
    const hash = hashOfClient(this.#choice, client);
    return this.pick(avoid, hash === NO_HASH ? null : { hash, session: null });
  }

  /** The endpoint that a session keeps, where it can be used. */
  #sessionPool(claim: SessionClaim, avoid: EndpointPool | null, now: number): EndpointPool | undefined {
    const usable = (pool: EndpointPool): boolean =>
      pool !== avoid && this.checks?.isOut(pool.label) !== true && pool.health.admits(now);
    if (claim.name === '') {
      if (claim.persistence.mode === 'Persistent') return undefined;
      claim.begin(this.#drawKey(claim, usable) ?? '');
    }
    const keeper = this.#keeper(claim);
    return keeper !== undefined && usable(keeper) ? keeper : undefined;
  }

  /** A key of a hash that leads to such an endpoint. */
  #drawKey({ persistence }: SessionClaim, fits: (pool: EndpointPool) => boolean): string | undefined {
    const names = this.#namesOf(persistence);
    for (let i = 0; i < MOST_DRAWN; i++) {
      const key = names.newKey();
      const pool = this.#atKey(key);
      if (pool !== undefined && fits(pool)) return key;
    }
    return undefined;
  }

  #keeper({ name, persistence }: SessionClaim): EndpointPool | undefined {
    if (name === '') return undefined;
    return persistence.mode === 'Persistent' ? this.#namesOf(persistence).member(name) : this.#atKey(name);
  }

  #atKey(key: string): EndpointPool | undefined {
    const group = this.#ready.size > 0 ? this.#ready : this.#roster.draining;
    return group.size === 0 ? undefined : group.ring.at(group.ring.pointOf(hashText(keyIn(key))));
  }

  #namesOf({ secret }: SessionPersistence): SessionNames<EndpointPool> {
    this.#names ??= new Map();
    let names = this.#names.get(secret);
    if (names === undefined) {
      names = new SessionNames(secret, this.backend.key, byLabel(this.#roster.pools));
      this.#names.set(secret, names);
    }
    return names;
  }

  /** Takes over a new list of endpoints; connections to those that stay are kept. */
  update(endpoints: Endpoints['endpoints']): void {
    this.#take(atOnce(this.preparing(endpoints, this.#loadBalancing)));
  }

  /**
   * The same, made beforehand, with how they are to be balanced: it is in place once `take` is called, and given up by
   * `discard`. Stops after each small piece of work. `endpoints` undefined: those that there are.
   */
  *preparing(
    endpoints: readonly Endpoint[] | undefined,
    loadBalancing: LoadBalancing | undefined,
  ): Generator<void, PreparedEndpoints, void> {
    const { zone } = this.#world;
    const newPool = (endpoint: Endpoint, label: string): EndpointPool => this.#newPool(endpoint, label);
    const rules = { loadBalancing, zone, newPool };
    return { step: yield* rosterStep(this.#roster, endpoints ?? this.#roster.offered, rules), loadBalancing };
  }

  take(prepared: PreparedEndpoints): void {
    const { step, loadBalancing } = prepared;
    if (step.before === this.#roster) return this.#take(prepared);
    // Others have come meanwhile, by a look-up of a name.
    this.discard(prepared);
    this.#take(atOnce(this.preparing(step.roster.offered, loadBalancing)));
  }

  discard({ step }: PreparedEndpoints): void {
    this.#letGo(step.come);
  }

  #take({ step: { roster, gone }, loadBalancing }: PreparedEndpoints): void {
    if (loadBalancing !== this.#loadBalancing) {
      this.#loadBalancing = loadBalancing;
      this.#choice = endpointChoice(loadBalancing);
    }
    this.#roster = roster;
    this.checks?.follow(roster.ready.pools);
    this.#regroup();
    this.#names = undefined;
    if (roster.ready.size > 0) this.state.settled = true;
    this.#letGo(gone);
  }

  #letGo(pools: readonly EndpointPool[]): void {
    for (const pool of pools) {
      pool.retire();
      this.state.endpoints.letGo(pool.label);
    }
  }

  /** Chooses among those that are not left out from now on. */
  #regroup(): void {
    this.#ready = this.#usable(this.#roster.ready);
    this.#near = this.#usable(this.#roster.near);
  }

  #usable(group: EndpointGroup): EndpointGroup {
    const pools = this.checks?.usable(group.pools) ?? group.pools;
    return pools === group.pools ? group : groupIn(pools, this.#roster.weights);
  }

  #newPool({ address, port }: Endpoint, label: string): EndpointPool {
    const health = this.state.endpoints.hold(label);
    const target: EndpointTarget = { address, port, label, tls: this.tls, health, limits: this.limits };
    const make = (own: EndpointTarget): EndpointPool => this.#makePool(this.#world, own, this.#protocol);
    return this.proxyProtocol === undefined
      ? make(target)
      : new ClientPools(this.#world, target, { version: this.proxyProtocol, make });
  }

  /** Made when somebody asks: most backends are asked for requests only. */
  get picker(): EndpointPicker {
    this.#picker ??= new EndpointPicker(this);
    return this.#picker;
  }

  /** No endpoints, and no state: another form of this Backend has taken both over, or it is gone. */
  retire(): void {
    this.checks?.retire();
    this.checks = null;
    this.update([]);
    if (!this.#retired) this.#states.letGo(this.#stateKey);
    this.#retired = true;
  }
}

/** The same choice for connections and sessions that no pool carries (TCP, TLS, UDP). */
class EndpointPicker {
  readonly #balancer: Balancer;

  constructor(balancer: Balancer) {
    this.#balancer = balancer;
  }

  pick(client: string, avoid?: EndpointPool): EndpointPool | undefined {
    const pool = this.#balancer.pickFor(client, avoid) ?? undefined;
    if (pool !== undefined) pool.health.streams++;
    return pool;
  }

  failed(endpoint: EndpointPool, why: Failure = 'connect_refused'): void {
    endpoint.health.refused(why);
  }

  succeeded(endpoint: EndpointPool): void {
    endpoint.health.opened();
  }

  release(endpoint: EndpointPool): void {
    endpoint.health.streams--;
  }
}

function byLabel(pools: readonly EndpointPool[]): Map<string, EndpointPool> {
  return new Map(pools.map((pool) => [pool.label, pool]));
}
