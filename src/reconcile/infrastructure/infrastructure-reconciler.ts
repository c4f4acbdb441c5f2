/**
 * The writer of what Gateways need in a cluster. A Gateway is due when what is wanted or what is there changes; all its
 * objects are compared, and those that differ are applied. One that cannot be written holds up no other.
 */
import { isDeepStrictEqual } from 'node:util';
import type { WantedInfrastructure } from '../../api/index.ts';
import type { Log } from '../../observe/index.ts';
import {
  type ApiClient,
  ApiError,
  type ListWatchTimes,
  type PauseSpan,
  pauseAfter,
  tryLater,
} from '../../sources/cluster/index.ts';
import { infrastructureName, nameLabelValue } from '../../value/infrastructure-name.ts';
import { assignedAddresses, isAtNodes } from './assigned-address.ts';
import {
  type Failure,
  type InfrastructureProblem,
  isTerminating,
  podProblem,
  problemOf,
  unreadyProblem,
} from './failure.ts';
import { LiveObjects } from './live-objects.ts';
import type { LiveObject, MadeObject } from './made-object.ts';
import { GATEWAY_CLASS_LABEL } from './metadata.ts';
import { ObjectWriter } from './object-writer.ts';
import { type PublishedService, publishedAddresses } from './published-service.ts';
import type { Addresses } from './requested-address.ts';
import { plannedServices } from './service.ts';
import type { InfrastructureSettings } from './settings.ts';
import { surplus } from './surplus.ts';
import { wantedObjects } from './wanted-objects.ts';
import { restartOf, workloadKind } from './workload.ts';

/** What became of a Gateway's infrastructure. */
export interface InfrastructureState {
  addresses: Addresses['addresses'];
  missing?: string;
  problem?: Addresses['problem'] | InfrastructureProblem;
}

export interface InfrastructureReconcilerOptions {
  client: ApiClient;
  namespaces?: readonly string[] | undefined;
  /** Name of the class that a Gateway (`namespace/name`) has now, whoever's it is; undefined: there is no such Gateway. */
  classOf(gateway: string): string | undefined;
  /** Whether there is a class with this value of a label that is another controller's: what it made is not ours to remove. */
  isForeign(classLabel: string): boolean;
  /** Services of the user's, for Gateways that nothing is made for. */
  published: PublishedService;
  /** By `namespace/name`; undefined: the Gateway is none of ours any more. */
  onState(gateway: string, state: InfrastructureState | undefined): void;
  onWrite?(verb: 'apply' | 'delete', kind: string): void;
  /** A pod of a Gateway (`namespace/name`) is being taken away; of those on the network of their nodes. */
  onPodEnding?(gateway: string, name: string): void;
  log: Log;
  times?: Partial<ListWatchTimes>;
  /** After failures; default PAUSES. */
  pauses?: PauseSpan;
  /** Milliseconds; default RELEASE_PAUSE. */
  releasePause?: number;
}

/** Gateways at once. */
const AT_ONCE = 4;
/** Milliseconds: pauses after a failure are drawn from a span that doubles from the first to the second. */
const PAUSES: PauseSpan = { first: 250, longest: 60_000 };
/**
 * Milliseconds that what was made for a Gateway outlives its being ours: the controller that follows may be one of ours,
 * too, and takes over what is there, the address of its Service with it.
 */
export const RELEASE_PAUSE = 60_000;

interface Held {
  wanted: WantedInfrastructure;
  objects: MadeObject[] | undefined;
  /** Of the workload, when its objects were last made out. */
  restarted?: string;
  failures: Failure[];
  tries: number;
  /** Where it waits after a failure. */
  endWait: (() => void) | undefined;
  told: InfrastructureState | undefined;
}

export class InfrastructureReconciler {
  readonly #options: InfrastructureReconcilerOptions;
  readonly #live: LiveObjects;
  readonly #writer: ObjectWriter;
  /** By `namespace/name`. */
  readonly #held = new Map<string, Held>();
  readonly #ready = new Set<string>();
  readonly #working = new Set<string>();
  /** Gateways that objects are left of, and since when. */
  readonly #left = new Map<string, number>();
  /** When it is looked again for what is left, and how often that could not be removed. */
  #release: NodeJS.Timeout | undefined;
  #releaseTries = 0;
  #settings: InfrastructureSettings | undefined;
  #known = false;
  #leading = false;
  #idle: Array<() => void> = [];

  constructor(options: InfrastructureReconcilerOptions) {
    this.#options = options;
    const { client, namespaces, times, log } = options;
    this.#live = new LiveObjects({
      client,
      namespaces,
      times,
      onChange: (gateway) => this.#seen(gateway),
      onPodEnding: (gateway, name) => options.onPodEnding?.(gateway, name),
      onTrouble: (kind, error) => {
        if (error !== undefined) log.warn({ kind }, `what was made cannot be read: ${error.message}; tried again`);
      },
    });
    this.#writer = new ObjectWriter({
      client,
      live: (...at) => this.#live.get(...at),
      onWrite: (verb, kind) => options.onWrite?.(verb, kind),
    });
    void this.#live.ready.then(() => {
      this.#known = true;
      this.resync();
    });
  }

  /** Nothing is made before; what differs by them is made anew. */
  configure(settings: InfrastructureSettings): void {
    if (isDeepStrictEqual(settings, this.#settings)) return;
    this.#settings = settings;
    for (const held of this.#held.values()) held.objects = undefined;
    this.resync();
  }

  /** Only a leader writes; all look, since all tell addresses. */
  lead(leading: boolean): void {
    this.#leading = leading;
    for (const held of this.#held.values()) this.#rest(held);
    this.resync();
  }

  /** Keys are those of Gateways, `Gateway/namespace/name`. */
  write(changes: ReadonlyArray<{ key: string; after?: WantedInfrastructure | undefined }>): void {
    for (const { key, after } of changes) {
      const gateway = key.slice(key.indexOf('/') + 1);
      const before = this.#held.get(gateway);
      if (after === undefined) {
        before?.endWait?.();
        for (const object of before?.objects ?? []) this.#writer.forget(object);
        this.#held.delete(gateway);
        this.#options.onState(gateway, undefined);
        this.#settle();
        continue;
      }
      if (before !== undefined) this.#rest(before);
      const { failures = [], told } = before ?? {};
      this.#held.set(gateway, { wanted: after, objects: undefined, failures, tries: 0, endWait: undefined, told });
      this.#ask(gateway);
    }
  }

  /** Services of users have changed, or what is behind them: by `namespace/name`. */
  published(names: ReadonlySet<string>): void {
    const { fallback = '', find } = this.#options.published;
    for (const [gateway, { wanted }] of this.#held) {
      if (wanted.unmanaged === undefined) continue;
      const own = wanted.unmanaged.publishService ?? fallback;
      const [namespace = '', name = ''] = own.split('/');
      // Where it is not there, what is there is told.
      if (names.has(own) || find(namespace, name) === undefined) this.#ask(gateway);
    }
  }

  /** Everything again, and what is left of Gateways that are ours no more. */
  resync(): void {
    for (const gateway of this.#held.keys()) this.#ask(gateway);
    if (this.#known && this.#leading) void this.#releaseAll();
  }

  /** Whether the pod of a Gateway (`namespace/name`) is being taken away, as far as is known. */
  isEnding(gateway: string, name: string): boolean {
    return this.#live.isEnding(gateway.slice(0, gateway.indexOf('/')), name);
  }

  settled(): Promise<void> {
    return this.#isIdle ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  async close(): Promise<void> {
    this.#leading = false;
    clearTimeout(this.#release);
    for (const { endWait } of this.#held.values()) endWait?.();
    await this.#live.close();
  }

  get #isIdle(): boolean {
    const waits = [...this.#held.values()].some(({ endWait }) => endWait !== undefined);
    return this.#known && this.#ready.size === 0 && this.#working.size === 0 && !waits;
  }

  #seen(gateway: string): void {
    if (gateway !== '') {
      if (this.#held.has(gateway)) this.#ask(gateway);
      else this.#releaseIn(PAUSES.first);
      return;
    }
    for (const [one, { wanted }] of this.#held) {
      if (wanted.unmanaged !== undefined || this.#services(one, wanted).some(isAtNodes)) this.#ask(one);
    }
  }

  #ask(gateway: string): void {
    const held = this.#held.get(gateway);
    // One that waits after a failure goes on waiting; its addresses are told all the same.
    if (held?.endWait !== undefined) return this.#tell(gateway, held);
    this.#ready.add(gateway);
    this.#next();
  }

  #next(): void {
    if (!this.#known) return;
    for (const gateway of this.#ready) {
      if (this.#working.size >= AT_ONCE) return;
      if (this.#working.has(gateway)) continue;
      this.#ready.delete(gateway);
      this.#working.add(gateway);
      void this.#reconcile(gateway);
    }
    this.#settle();
  }

  #settle(): void {
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #reconcile(gateway: string): Promise<void> {
    const held = this.#held.get(gateway);
    try {
      if (held !== undefined) await this.#make(gateway, held);
    } catch (thrown) {
      // A fault of ours, of one Gateway: nobody else's waits for it, and least of all does the controller end.
      const error = toError(thrown);
      if (this.#held.get(gateway) === held)
        this.#note(gateway, held!, [{ kind: 'Gateway', name: held!.wanted.name, error }]);
    } finally {
      this.#working.delete(gateway);
      this.#next();
    }
  }

  async #make(gateway: string, held: Held): Promise<void> {
    if (this.#leading && this.#settings !== undefined && held.wanted.held === undefined) {
      const { namespace, name, parameters } = held.wanted;
      const restarted = restartOf(this.#live.get(workloadKind(parameters), namespace, infrastructureName(name)));
      if (restarted !== held.restarted) held.objects = undefined;
      held.restarted = restarted;
      held.objects ??= wantedObjects(held.wanted, this.#settings, restarted);
      const failures: Failure[] = [];
      const { objects } = held;
      const attempt = async (kind: string, name: string, act: () => Promise<void>): Promise<void> => {
        // The lead may be lost in between, or something else be wanted.
        if (!this.#leading || this.#held.get(gateway) !== held) return;
        await act().catch((error: unknown) => failures.push({ kind, name, error: toError(error) }));
      };
      for (const one of objects) await attempt(one.kind, one.metadata.name, () => this.#writer.write(one));
      if (held.wanted.unmanaged === undefined) {
        for (const one of surplus(this.#live.of(gateway), objects)) {
          await attempt(one.kind, one.metadata.name, () => this.#writer.remove(one));
        }
      }
      if (this.#held.get(gateway) !== held) return;
      this.#note(gateway, held, failures);
    }
    this.#tell(gateway, held);
  }

  #note(gateway: string, held: Held, failures: Failure[]): void {
    const [first] = failures;
    const known = held.failures.map(({ error }) => error.message);
    for (const { kind, name, error } of failures) {
      if (known.includes(error.message)) continue;
      const object = `${kind}/${held.wanted.namespace}/${name}`;
      // Whoever takes a namespace away has not asked for anything in it.
      const say = isTerminating(error) ? 'debug' : 'warn';
      this.#options.log[say]({ object, gateway }, `it cannot be made: ${error.message}; tried again`);
    }
    held.failures = failures;
    if (first === undefined) {
      held.tries = 0;
      return;
    }
    const { client, pauses = PAUSES } = this.#options;
    held.endWait = tryLater({ client, error: first.error, failures: held.tries++, pauses }, (isBack) => {
      held.endWait = undefined;
      if (isBack) held.tries = 0;
      if (this.#held.get(gateway) === held) this.#ask(gateway);
    });
  }

  #rest(held: Held): void {
    held.endWait?.();
    held.endWait = undefined;
    held.tries = 0;
  }

  #tell(gateway: string, held: Held): void {
    if (!this.#known) return;
    const state = this.#stateOf(gateway, held);
    if (isDeepStrictEqual(state, held.told)) return;
    held.told = state;
    this.#options.onState(gateway, state);
  }

  #stateOf(gateway: string, { wanted, failures }: Held): InfrastructureState {
    const { namespace, unmanaged } = wanted;
    if (unmanaged !== undefined) {
      return publishedAddresses(this.#options.published, { wanted, unmanaged, nodes: () => this.#live.nodes() });
    }
    const name = infrastructureName(wanted.name);
    const own = (kind: string) => this.#live.get(kind, namespace, name);
    // What cannot be made for one address is told of that address.
    const further = new Set(plannedServices(wanted).flatMap((plan, at) => (at === 0 ? [] : [plan.name])));
    const ofAddress = (one: Failure): boolean => one.kind === 'Service' && further.has(one.name);
    const { problem, ...found } = assignedAddresses(wanted, {
      name: `${namespace}/${name}`,
      services: this.#services(gateway, wanted),
      nodes: () => this.#live.nodes(),
      pods: () => this.#live.pods(gateway),
    });
    const workload = own(workloadKind(wanted.parameters));
    const others = failures.filter((one) => !ofAddress(one));
    const worst = problemOf(others) ?? podProblem(workload) ?? problem ?? unreadyProblem(workload);
    const refused = problemOf(failures.filter(ofAddress))?.message;
    const missing = [found.missing, refused].filter((text) => text !== undefined).join('; ');
    const state = missing === '' ? found : { ...found, missing };
    return worst === undefined ? state : { ...state, problem: worst };
  }

  /** Of the Gateway, whose addresses are its: the one of its name first. */
  #services(gateway: string, wanted: WantedInfrastructure): LiveObject[] {
    const names = plannedServices(wanted).map(({ name }) => name);
    const own = [...this.#live.of(gateway)].filter(({ kind }) => kind === 'Service');
    return names.flatMap((name) => own.find(({ metadata }) => metadata.name === name) ?? []);
  }

  /**
   * Of Gateways that have another class now, or one that nothing is made for. Where the Gateway or its class is not
   * there, nothing is removed: the cluster removes what a Gateway owned, and a class may come back.
   */
  async #releaseAll(): Promise<void> {
    const { releasePause = RELEASE_PAUSE, pauses = PAUSES, classOf, log } = this.#options;
    clearTimeout(this.#release);
    this.#release = undefined;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    let failure: Error | undefined;
    for (const gateway of this.#live.gateways()) {
      const objects = [...this.#live.of(gateway)].filter((one) => this.#isLeft(gateway, one, classOf(gateway)));
      if (objects.length === 0) {
        this.#left.delete(gateway);
        continue;
      }
      const since = this.#left.get(gateway) ?? now;
      this.#left.set(gateway, since);
      if (now - since < releasePause) {
        next = Math.min(next, since + releasePause - now);
        continue;
      }
      for (const object of objects) {
        await this.#writer.remove(object).catch((error: unknown) => {
          failure = toError(error);
          // That somebody wrote it at the same moment is no fault.
          const say =
            this.#releaseTries === 0 && !(failure instanceof ApiError && failure.status === 409) ? 'warn' : 'debug';
          log[say]({ object: `${object.kind}/${gateway}` }, `it cannot be removed: ${failure.message}; tried again`);
        });
      }
    }
    if (failure === undefined) this.#releaseTries = 0;
    else next = Math.min(next, pauseAfter(failure, this.#releaseTries++, pauses));
    if (Number.isFinite(next)) this.#releaseIn(next);
  }

  /** Once, however many ask: the first of them says when. */
  #releaseIn(pause: number): void {
    if (!this.#leading || !this.#known || this.#release !== undefined) return;
    this.#release = setTimeout(() => this.#leading && void this.#releaseAll(), pause).unref();
  }

  #isLeft(gateway: string, object: { metadata: { labels?: Record<string, string> } }, className?: string): boolean {
    if (className === undefined) return false;
    const held = this.#held.get(gateway);
    if (held !== undefined) return held.wanted.unmanaged !== undefined && held.wanted.held === undefined;
    const made = object.metadata.labels?.[GATEWAY_CLASS_LABEL] ?? '';
    return made !== nameLabelValue(className) && !this.#options.isForeign(made);
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
