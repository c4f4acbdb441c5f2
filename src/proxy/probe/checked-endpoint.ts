/** An endpoint that is looked at now and then, and what has come of it so far. */
import { isDeepStrictEqual } from 'node:util';
import type { HealthCheck, HealthQuestion } from '../../config/index.ts';
import type { Deadline, DeadlineOwner, DeadlineWheel } from '../ground/deadline.ts';
import type { Verdict, VerdictKey } from '../state/index.ts';
import { FINE, NOTHING } from './finding.ts';
import { GrpcProbe } from './grpc-probe.ts';
import { HttpProbe } from './http-probe.ts';
import type { Probe, ProbeOrder, ProbeSite } from './probe.ts';
import { TcpProbe } from './tcp-probe.ts';

/** Milliseconds within which one that nobody knows yet, and that is not used until somebody does, is looked at. */
export const FIRST_LOOK_WINDOW = 1_000;

/** What it belongs to. */
export interface CheckOffice {
  /** Begins when it is its turn; `done` is owed, without a word where nothing was found out. */
  ask(endpoint: CheckedEndpoint, begin: () => void): void;
  done(endpoint: CheckedEndpoint, isGood?: boolean): void;
  /** It went out, or came back, or something is known of it for the first time. */
  turned(endpoint: CheckedEndpoint): void;
  /** It is out, and stays so. */
  stillOut(endpoint: CheckedEndpoint): void;
}

/** Who goes by what is found; told some time after it changed. */
export interface CheckWatcher {
  verdictsChanged(): void;
}

export interface CheckedPlace {
  /** Backend that is told of it. */
  readonly backend: string;
  /** Whose turn it shares. */
  readonly lane: string;
  /** `address:port`. */
  readonly label: string;
  readonly wheel: DeadlineWheel;
  /** Made for each look: most of the time nobody looks. */
  site(): ProbeSite;
}

export class CheckedEndpoint implements DeadlineOwner {
  healthy: boolean;
  /** Nobody has looked yet. */
  unknown: boolean;
  /** The last bad one. */
  finding: number = FINE;
  place: CheckedPlace;
  /** Of the look that is under way, on the wheel's clock. */
  begunAt = 0;
  readonly key: VerdictKey;
  /** This worker looks. */
  readonly isOwn: boolean;
  readonly watchers = new Set<CheckWatcher>();
  readonly #office: CheckOffice;
  readonly #deadline: Deadline;
  #check: HealthCheck;
  /** Looks in a row that say something else than `healthy`. */
  #against = 0;
  #probe: Probe | undefined;
  #asked = false;
  #stopped = false;

  constructor(
    office: CheckOffice,
    place: CheckedPlace,
    { check, key, isOwn, known }: { check: HealthCheck; key: VerdictKey; isOwn: boolean; known: Verdict | undefined },
  ) {
    this.#office = office;
    this.place = place;
    this.key = key;
    this.isOwn = isOwn;
    this.#check = check;
    this.healthy = known?.healthy ?? check.initialState === 'Healthy';
    this.finding = known?.finding ?? FINE;
    this.unknown = known === undefined;
    this.#deadline = place.wheel.borrow(this);
    if (isOwn) this.#first();
  }

  /** By chance: those that come together are not looked at together. */
  #first(): void {
    const { interval, initialState } = this.#check;
    const window = this.unknown && initialState === 'Unhealthy' ? Math.min(interval, FIRST_LOOK_WINDOW) : interval;
    this.place.wheel.set(this.#deadline, Math.random() * window);
  }

  /** Goes on under other settings: what is known stays, until looks say something else. */
  follow(check: HealthCheck): void {
    if (isDeepStrictEqual(check, this.#check)) return;
    this.#check = check;
    this.#against = 0;
    if (this.isOwn && !this.#asked) this.#first();
  }

  /** What the worker that looks has found. */
  hear(verdict: Verdict | undefined): void {
    const { healthy, finding } = verdict ?? { healthy: this.#check.initialState === 'Healthy', finding: FINE };
    this.finding = finding;
    const unknown = verdict === undefined;
    if (healthy === this.healthy && unknown === this.unknown) return;
    this.healthy = healthy;
    this.unknown = unknown;
    this.#office.turned(this);
  }

  onDeadline(): void {
    this.#asked = true;
    this.#office.ask(this, () => this.#look());
  }

  #look(): void {
    if (this.#stopped) return this.#office.done(this);
    const { interval, jitterPercent, question, timeout } = this.#check;
    const jitter = ((Math.random() * 2 - 1) * jitterPercent) / 100;
    this.#asked = false;
    this.place.wheel.set(this.#deadline, interval * (1 + jitter));
    this.#probe = probeOf({
      site: this.place.site(),
      question,
      timeout,
      done: (finding) => {
        this.#probe = undefined;
        if (finding === NOTHING) return this.#office.done(this);
        this.#office.done(this, finding === FINE);
        if (!this.#stopped) this.#judge(finding);
      },
    });
  }

  #judge(finding: number): void {
    const isGood = finding === FINE;
    const first = this.unknown;
    this.unknown = false;
    if (!isGood) this.finding = finding;
    if (isGood === this.healthy) {
      this.#against = 0;
      if (first) this.#office.turned(this);
      else if (!isGood) this.#office.stillOut(this);
      return;
    }
    const { initialState, healthyThreshold, unhealthyThreshold } = this.#check;
    const enough = first && initialState === 'Unhealthy' ? 1 : isGood ? healthyThreshold : unhealthyThreshold;
    if (++this.#against < enough) return;
    this.#against = 0;
    this.healthy = isGood;
    this.#office.turned(this);
  }

  stop(): void {
    this.#stopped = true;
    this.#deadline.retire();
    if (this.#probe === undefined) return;
    this.#probe.abort();
    this.#probe = undefined;
    this.#office.done(this);
  }
}

function probeOf(order: ProbeOrder): Probe {
  const { question } = order;
  switch (question.type) {
    case 'HTTP':
      return new HttpProbe(narrowed(order, question));
    case 'GRPC':
      return new GrpcProbe(narrowed(order, question));
    case 'TCP':
      return new TcpProbe(order);
  }
}

function narrowed<Q extends HealthQuestion>(order: ProbeOrder, question: Q): ProbeOrder<Q> {
  return { ...order, question };
}
