/** A fleet of data planes for each Gateway: each is told what its own Gateway needs, and nothing else. */
import { type Ack, type ConfigChange, type Delta, type Shortfall, Snapshot } from '../config/index.ts';
import { type Fleet, ListenerBoard, type ListenerView, listenerViews } from '../delivery/index.ts';
import { batchInTurns } from '../graph/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';
import { Pace } from '../sources/cluster/index.ts';
import { ConfigPump } from './config-pump.ts';
import { ackKey, Dispatch } from './dispatch.ts';
import type { Feeding, FeedingParts } from './feeding.ts';
import { Partition } from './partition.ts';
import { subjectIn } from './trouble-book.ts';

/** Milliseconds that the data planes of a Gateway that is gone have to be told that there is nothing to serve. */
const FAREWELL = 5000;

/**
 * Milliseconds after a GatewayClass has come in which what comes with it has come, too. What follows of all that is waited
 * for: of a Gateway for which nothing does, there is nothing.
 */
const RETURN = 1000;

/** Changes that are looked at before others have a turn. */
const SLICE = 500;

interface GatewayFeed {
  fleet: Fleet;
  dispatch: Dispatch;
  board: ListenerBoard;
}

export class GatewayFeeding implements Feeding {
  readonly #parts: FeedingParts;
  readonly #partition = new Partition();
  readonly #pace = new Pace();
  readonly #feeds = new Map<string, GatewayFeed>();
  readonly #farewells = new Set<Promise<void>>();
  /**
   * Gateways whose class is not there. Who may serve them is not known then, so that what their data planes serve stays as
   * it is: a chart takes its class away before its controller, and a class that was deleted by mistake comes back.
   */
  readonly #held = new Set<string>();
  /** Names of classes that are there, as far as it was told: one that goes and comes before that never went. */
  readonly #classes = new Set<string>();
  #return: NodeJS.Timeout | undefined;
  #pump: ConfigPump | undefined;
  #unsubscribe: () => void = () => {};
  #published = 0;
  #all = { published: 0, snapshot: Snapshot.EMPTY };

  constructor(parts: FeedingParts) {
    this.#parts = parts;
  }

  /** Of all Gateways. */
  get snapshot(): Snapshot {
    const [only, ...others] = this.#feeds.values();
    if (only !== undefined && others.length === 0) return only.dispatch.snapshot;
    if (this.#all.published !== this.#published) {
      const upserts = Array.from(this.#feeds.values(), ({ dispatch }) => [...dispatch.snapshot.objects()]).flat();
      const delta: Delta = { version: this.#published, upserts, removals: [] };
      this.#all = { published: this.#published, snapshot: Snapshot.EMPTY.apply(delta) };
    }
    return this.#all.snapshot;
  }

  start(): void {
    const { pipeline, overlay } = this.#parts;
    const { Gateway: gateways, GatewayClass: classes } = pipeline.source.collections;
    for (const { metadata } of classes.values()) this.#classes.add(metadata.name);
    for (const [key] of gateways.entries()) this.#open(nameIn(key));
    const subscriptions = [
      gateways.subscribe((changes) => {
        for (const { key, after } of changes) {
          if (after) this.#follow(nameIn(key));
          else this.#close(nameIn(key));
        }
      }),
      classes.subscribe((changes) => {
        for (const { before, after } of changes) {
          if (after !== undefined) this.#classes.add(after.metadata.name);
          else this.#hold(before!.metadata.name);
        }
        if (this.#held.size > 0 && changes.some(({ after }) => after !== undefined)) this.#lookForReturns();
      }),
    ];
    this.#unsubscribe = () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    };
    this.#pump = new ConfigPump({
      config: pipeline.config,
      publish: (changes, since) => this.#publish(changes, since),
      onBegun: () => this.#parts.onDelivered(),
      overlay,
      inParts: true,
    });
  }

  stop(): void {
    this.#unsubscribe();
    clearTimeout(this.#return);
    this.#pump?.stop();
  }

  listeners(): ListenerView[] {
    const { acks, unserved } = this.#parts.pipeline;
    const served = Array.from(this.#feeds, ([gateway, { fleet, dispatch, board }]) => {
      const proxies = fleet.names.map((name) => ackKey(gateway, name));
      return board.views(dispatch.snapshot, { acks, proxies });
    }).flat();
    const known = new Set(served.map(({ key }) => key));
    const others = [...unserved.values()].filter(({ key }) => !known.has(key));
    return [...served, ...listenerViews(Snapshot.EMPTY, { acks, proxies: [], unserved: others })];
  }

  async metrics(): Promise<MetricsSnapshot[]> {
    return (await Promise.all(Array.from(this.#feeds.values(), ({ fleet }) => fleet.metrics()))).flat();
  }

  async drain(timeout: number): Promise<void> {
    await this.#each((fleet) => fleet.drain(timeout));
  }

  async end(): Promise<void> {
    await this.#each((fleet) => fleet.end());
  }

  async #each(what: (fleet: Fleet) => Promise<void>): Promise<void> {
    await Promise.all([...this.#farewells, ...Array.from(this.#feeds.values(), ({ fleet }) => what(fleet))]);
  }

  async #publish(changes: ReadonlyArray<ConfigChange>, since: number): Promise<void> {
    const parts = new Map<string, ConfigChange[]>();
    for (let at = 0; at < changes.length; at += SLICE) {
      for (const [gateway, some] of this.#partition.take(changes.slice(at, at + SLICE))) {
        const own = parts.get(gateway);
        if (own === undefined) parts.set(gateway, some);
        else for (const one of some) own.push(one);
      }
      await this.#pace.breathe();
    }
    this.#published++;
    for (const [gateway, own] of parts) {
      const feed = this.#feeds.get(gateway);
      if (feed === undefined) continue;
      // What its data planes serve stays until all that follows of its class is known. Where they had nothing, nobody waits.
      const staysAsItIs = feed.dispatch.snapshot.version > 0 || this.#isClassless(gateway);
      if (this.#held.has(gateway) && staysAsItIs) continue;
      const patience = { turns: this.#pace, isAwaited: () => this.#feeds.get(gateway) === feed };
      const all = this.#held.delete(gateway) ? this.#since(gateway, feed) : own;
      await feed.dispatch.publishInTurns(all, since, patience);
    }
  }

  /** Noted before what follows of it is told: the class may be there again by then. */
  #hold(className: string): void {
    this.#classes.delete(className);
    const { Gateway: gateways } = this.#parts.pipeline.source.collections;
    for (const gateway of this.#feeds.keys()) {
      if (gateways.get(`Gateway/${gateway}`)?.spec.gatewayClassName === className) this.#held.add(gateway);
    }
  }

  #isClassless(gateway: string): boolean {
    const { Gateway: gateways } = this.#parts.pipeline.source.collections;
    const className = gateways.get(`Gateway/${gateway}`)?.spec.gatewayClassName;
    return className !== undefined && !this.#classes.has(className);
  }

  /** What has changed for a Gateway since it was told something. */
  #since(gateway: string, { dispatch }: GatewayFeed): ConfigChange[] {
    const objects = this.#partition.objectsOf(gateway);
    const before = [...dispatch.snapshot.objects()].map(({ kind, key }): ConfigChange => ({ before: { kind, key } }));
    return [...before, ...objects.map((after): ConfigChange => ({ after }))];
  }

  #lookForReturns(): void {
    clearTimeout(this.#return);
    this.#return = setTimeout(() => void this.#takeReturns(), RETURN).unref();
  }

  async #takeReturns(): Promise<void> {
    const now = performance.now();
    // What threw is told by whoever made the change.
    await batchInTurns(() => {}, this.#pace).catch(() => {});
    await this.#pump?.published();
    for (const gateway of [...this.#held]) {
      const feed = this.#feeds.get(gateway);
      if (feed === undefined || this.#isClassless(gateway)) continue;
      this.#held.delete(gateway);
      feed.dispatch.publish(this.#since(gateway, feed), now);
    }
  }

  /** A Gateway that is new, or has another class, which may be one that is there. */
  #follow(gateway: string): void {
    if (!this.#feeds.has(gateway)) this.#open(gateway);
    else if (this.#isClassless(gateway)) this.#held.add(gateway);
    else if (this.#held.has(gateway)) this.#lookForReturns();
  }

  #open(gateway: string): void {
    if (this.#feeds.has(gateway)) return;
    const { open, log, onAck, onTroubles, onApplied, pipeline } = this.#parts;
    const { acks, deliveries } = pipeline;
    const settle = (change: () => void): void => this.#settle(change);
    const fleet = open(
      {
        onAck: (ack) => {
          dispatch.acknowledge(within(ack, dispatch.snapshot));
          onAck(ack);
        },
        onNames: () => dispatch.review(),
        onTroubles: (proxy, troubles) =>
          onTroubles({
            proxy: ackKey(gateway, proxy),
            troubles,
            subjectOf: (key) => subjectIn(dispatch.snapshot, key),
          }),
        full: () => dispatch.snapshot.full(),
        published: () => dispatch.published(),
        log,
      },
      gateway,
    );
    const dispatch: Dispatch = new Dispatch(fleet, { gateway, acks, deliveries, onApplied, settle });
    this.#feeds.set(gateway, { fleet, dispatch, board: new ListenerBoard() });
    if (this.#isClassless(gateway)) {
      this.#held.add(gateway);
      return;
    }
    // Its data planes have a config, and are ready, also where there is nothing to serve.
    const objects = this.#partition.objectsOf(gateway);
    dispatch.publish(
      objects.map((after) => ({ after })),
      performance.now(),
    );
  }

  /** Thousands of statuses may follow of one acknowledgement. */
  #settle(change: () => void): void {
    batchInTurns(change, this.#pace).catch((error: Error) =>
      this.#parts.log.error({ error: error.stack }, 'what follows of an acknowledgement cannot be computed'),
    );
  }

  #close(gateway: string): void {
    const feed = this.#feeds.get(gateway);
    if (!feed) return;
    this.#feeds.delete(gateway);
    this.#held.delete(gateway);
    this.#published++;
    feed.dispatch.withdraw();
    const farewell = feed.fleet.drain(FAREWELL).finally(() => this.#farewells.delete(farewell));
    this.#farewells.add(farewell);
  }
}

/** `namespace/name` of an object's key. */
function nameIn(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

/** Of a Gateway with thousands of listeners nothing is gone through where none has changed. */
interface KnownListeners {
  config: ReadonlyMap<string, unknown>;
  known: Ack['listeners'];
}
const knownOf = new WeakMap<Ack['listeners'], KnownListeners>();

/** Those of the config: the very list, where that is all of them. */
function knownListeners(told: Ack['listeners'], snapshot: Snapshot): Ack['listeners'] {
  const config = snapshot.of('Listener');
  let found = knownOf.get(told);
  if (found?.config !== config) {
    const known = told.every(({ key }) => config.has(key)) ? told : told.filter(({ key }) => config.has(key));
    knownOf.set(told, (found = { config, known }));
  }
  return found.known;
}

/** What a data plane says of others' objects counts for nothing. */
function within(ack: Ack, snapshot: Snapshot): Ack {
  const { version, rejected, listeners, refusedEndpoints, shortfalls } = ack;
  return {
    ...ack,
    ...(shortfalls ? { shortfalls: ofPoliciesIn(snapshot, shortfalls) } : {}),
    version: Math.min(version, snapshot.version),
    rejected: rejected.filter(({ kind, key }) => snapshot.get(kind, key) !== undefined),
    listeners: knownListeners(listeners, snapshot),
    ...(refusedEndpoints
      ? { refusedEndpoints: refusedEndpoints.filter(({ key }) => snapshot.get('Backend', key) !== undefined) }
      : {}),
  };
}

function ofPoliciesIn(snapshot: Snapshot, shortfalls: Shortfall[]): Shortfall[] {
  const sources = new Set(
    Array.from(snapshot.of('Policy').values(), ({ spec }) => ('acts' in spec ? spec.acts : [])).flatMap((acts) =>
      acts.map(({ source }) => source),
    ),
  );
  return shortfalls.filter(({ policy }) => sources.has(policy));
}
