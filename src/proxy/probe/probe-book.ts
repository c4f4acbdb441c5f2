/** All endpoints that are looked at. It outlives what uses them: an edit elsewhere changes nothing of what is known. */
import type { HealthCheck } from '../../config/index.ts';
import type { MetricsSnapshot } from '../../observe/index.ts';
import type { Deadline, DeadlineOwner, DeadlineWheel } from '../ground/deadline.ts';
import type { TroubleWatch, Verdicts } from '../state/index.ts';
import { CheckedEndpoint, type CheckedPlace, type CheckOffice, type CheckWatcher } from './checked-endpoint.ts';
import { findingWord } from './finding.ts';
import { ProbeQueue } from './probe-queue.ts';

/** Milliseconds between what changes of an endpoint and the new choice among all: many change together. */
export const REGROUP_INTERVAL = 100;
/** Milliseconds after which what other workers have found is heard. */
export const VERDICT_INTERVAL = 200;
/** Verdicts of others that are read at a time: each is a call of the kernel. */
export const MAX_VERDICTS_READ = 1_000;

export interface ProbeSurroundings {
  wheel: DeadlineWheel;
  verdicts: Verdicts;
  troubles: TroubleWatch | undefined;
}

export class ProbeBook implements CheckOffice {
  readonly #around: ProbeSurroundings;
  readonly #endpoints = new Map<string, CheckedEndpoint>();
  /** Of those, which others look at. */
  readonly #others = new Set<CheckedEndpoint>();
  readonly #queue: ProbeQueue;
  /** By lane. */
  readonly #looks = new Map<string, { good: number; bad: number; endpoints: number }>();
  #turnedWatchers = new Set<CheckWatcher>();
  readonly #regroup: Alarm;
  readonly #listening: Alarm;
  /** Of others, whose verdicts are still to be read. */
  #unread: CheckedEndpoint[] = [];
  #stopped = false;

  constructor(around: ProbeSurroundings) {
    this.#around = around;
    this.#queue = new ProbeQueue(around.wheel);
    this.#regroup = new Alarm(around.wheel, () => this.#tellWatchers());
    this.#listening = new Alarm(around.wheel, () => this.#listen());
  }

  /** By its name: the one that is looked at already, or a new one. `letGo` is owed. */
  hold(
    name: string,
    place: CheckedPlace,
    { check, watcher }: { check: HealthCheck; watcher: CheckWatcher },
  ): CheckedEndpoint {
    let endpoint = this.#endpoints.get(name);
    if (endpoint === undefined) endpoint = this.#begin(name, place, check);
    else {
      endpoint.place = place;
      endpoint.follow(check);
    }
    endpoint.watchers.add(watcher);
    return endpoint;
  }

  #begin(name: string, place: CheckedPlace, check: HealthCheck): CheckedEndpoint {
    const { verdicts } = this.#around;
    const key = verdicts.keyOf(name);
    const isOwn = verdicts.isOwn(key);
    const endpoint = new CheckedEndpoint(this, place, { check, key, isOwn, known: verdicts.read(key) });
    this.#endpoints.set(name, endpoint);
    const looks = this.#looks.get(place.lane);
    if (looks === undefined) this.#looks.set(place.lane, { good: 0, bad: 0, endpoints: 1 });
    else looks.endpoints++;
    if (this.#stopped) endpoint.stop();
    else if (!isOwn) {
      this.#others.add(endpoint);
      this.#listening.within(VERDICT_INTERVAL);
    }
    return endpoint;
  }

  letGo(name: string, watcher: CheckWatcher): void {
    const endpoint = this.#endpoints.get(name);
    if (endpoint === undefined || !endpoint.watchers.delete(watcher) || endpoint.watchers.size > 0) return;
    this.#endpoints.delete(name);
    this.#others.delete(endpoint);
    endpoint.stop();
    const looks = this.#looks.get(endpoint.place.lane)!;
    if (--looks.endpoints === 0) this.#looks.delete(endpoint.place.lane);
    if (!endpoint.isOwn) return;
    this.#around.verdicts.tell(endpoint.key, undefined);
    if (!endpoint.healthy) this.#around.troubles?.over(aboutOf(endpoint));
  }

  // ── the endpoints' calls

  ask(endpoint: CheckedEndpoint, begin: () => void): void {
    this.#queue.ask(endpoint.place.lane, () => {
      endpoint.begunAt = this.#around.wheel.now;
      begin();
    });
  }

  done({ place: { lane }, begunAt }: CheckedEndpoint, isGood?: boolean): void {
    const looks = this.#looks.get(lane);
    if (looks !== undefined && isGood !== undefined) looks[isGood ? 'good' : 'bad']++;
    this.#queue.done(lane, this.#around.wheel.now - begunAt);
  }

  turned(endpoint: CheckedEndpoint): void {
    const { healthy, finding, isOwn } = endpoint;
    for (const watcher of endpoint.watchers) this.#turnedWatchers.add(watcher);
    this.#regroup.within(REGROUP_INTERVAL);
    if (!isOwn) return;
    this.#around.verdicts.tell(endpoint.key, { healthy, finding });
    if (healthy) this.#around.troubles?.over(aboutOf(endpoint));
    else this.stillOut(endpoint);
  }

  stillOut(endpoint: CheckedEndpoint): void {
    this.#around.troubles?.failed(aboutOf(endpoint), 'unhealthy', findingWord(endpoint.finding));
  }

  #tellWatchers(): void {
    const watchers = this.#turnedWatchers;
    this.#turnedWatchers = new Set();
    for (const watcher of watchers) watcher.verdictsChanged();
  }

  /** What the other workers have found. */
  #listen(): void {
    if (this.#stopped || this.#others.size === 0) return;
    const { verdicts } = this.#around;
    if (this.#unread.length === 0 && verdicts.news()) this.#unread = [...this.#others];
    for (const endpoint of this.#unread.splice(0, MAX_VERDICTS_READ)) {
      if (this.#others.has(endpoint)) endpoint.hear(verdicts.read(endpoint.key));
    }
    this.#listening.within(this.#unread.length > 0 ? 0 : VERDICT_INTERVAL);
  }

  /** Nobody is looked at any more; what is known stays. */
  stop(): void {
    this.#stopped = true;
    for (const endpoint of this.#endpoints.values()) endpoint.stop();
  }

  metrics(): MetricsSnapshot {
    const looks = [...this.#looks].flatMap(([backend, { good, bad }]) => [
      { labels: { backend, outcome: 'good' }, value: good },
      { labels: { backend, outcome: 'bad' }, value: bad },
    ]);
    return [
      {
        name: 'daemun_backend_health_checks_total',
        help: 'Health checks of endpoints that were made; each endpoint is looked at by one worker of a pod',
        type: 'counter',
        series: looks,
      },
    ];
  }
}

function aboutOf({ place: { backend, label } }: CheckedEndpoint): { key: string; endpoint: string } {
  return { key: backend, endpoint: label };
}

/** Something that is to be done in a while, once, however often it is asked for. */
class Alarm implements DeadlineOwner {
  readonly #wheel: DeadlineWheel;
  readonly #deadline: Deadline;
  readonly #ring: () => void;
  #set = false;

  constructor(wheel: DeadlineWheel, ring: () => void) {
    this.#wheel = wheel;
    this.#deadline = wheel.borrow(this);
    this.#ring = ring;
  }

  within(milliseconds: number): void {
    if (this.#set) return;
    this.#set = true;
    this.#wheel.set(this.#deadline, milliseconds);
  }

  onDeadline(): void {
    this.#set = false;
    this.#ring();
  }
}
