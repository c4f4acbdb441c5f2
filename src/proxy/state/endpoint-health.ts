/**
 * How an endpoint does: the one place where connects, timeouts, resets, error statuses and PINGs come together. One
 * that fails is evicted: passed over for a while, longer each time. When that time is up a request now and then tries
 * it, and the first good answer brings it back.
 */

import type { Failure } from '../ground/codec.ts';

/** Milliseconds that an endpoint is passed over: doubled with each eviction that follows, up to the longest. */
export const FIRST_EVICTION = 1_000;
export const LONGEST_EVICTION = 30_000;
/** Milliseconds between requests that try an endpoint whose eviction has ended and that has not answered since. */
export const TRIAL_INTERVAL = 1_000;
/** Requests in a row without an answer (timeouts, resets) that evict an endpoint. */
export const MAX_UNANSWERED = 3;
/** Requests in a row that did not go well, error statuses included, that evict an endpoint. */
export const MAX_FAILURES = 5;

/** Why an endpoint was evicted; the metrics show these words. */
export type Setback =
  /** No connection could be opened. */
  | 'connect'
  /** A connection did not answer a PING. */
  | 'ping'
  /** Connections open, and requests are not answered, or cut. */
  | 'unanswered'
  /** It answers with errors. */
  | 'status';

/** What is enough to evict an endpoint; a policy may say it. Counts of 0: never for that. */
export interface OutlierLimits {
  /** Nobody is evicted. */
  disabled: boolean;
  errors: number;
  /** Answers 502, 503 and 504, and requests without an answer, in a row. */
  gatewayErrors: number;
  unanswered: number;
  /** Milliseconds. */
  firstEviction: number;
  longestEviction: number;
}

export const USUAL_OUTLIERS: Readonly<OutlierLimits> = {
  disabled: false,
  errors: MAX_FAILURES,
  gatewayErrors: 0,
  unanswered: MAX_UNANSWERED,
  firstEviction: FIRST_EVICTION,
  longestEviction: LONGEST_EVICTION,
};

/** The endpoints that an endpoint stands among. */
export interface HealthGroup {
  /** Milliseconds; the deadline wheel's clock. */
  readonly now: number;
  /** It had endpoints before: one that comes now is new among them. */
  readonly settled: boolean;
  readonly outliers: Readonly<OutlierLimits>;
  /** Whether one more may go for requests that went badly: what hits all of them is not the endpoint's fault. */
  mayEvict(): boolean;
  noteEviction(why: Setback): void;
  /** No connection could be opened to it. */
  noteRefusal(endpoint: string, why: Failure): void;
  /** One could, for the first time since. */
  noteReturn(endpoint: string): void;
  /** What it answered breaks HTTP; `detail`: which rule. */
  noteInvalidAnswer(endpoint: string, detail: string): void;
}

export class EndpointHealth {
  /** On the group's clock; in the past: it is tried again. 0: it is well. */
  evictedUntil = 0;
  /** Since when it takes requests, where it came to others or came back to them; below 0: from the beginning. */
  freshSince = -1;
  /** Connections and sessions under way that no pool carries (TCP, TLS, UDP). */
  streams = 0;
  /** Requests that it answered, and such as it took and did not answer. */
  answers = 0;
  unansweredRequests = 0;
  /** Answers with an error status that speaks against the endpoint. */
  errorAnswers = 0;
  /** Times that no connection could be opened. */
  refusals = 0;
  readonly #group: HealthGroup;
  /** `address:port`. */
  readonly #endpoint: string;
  #refusing = false;
  #why: Setback = 'connect';
  #failures = 0;
  /** Of those in a row at the end, such as were no 500. */
  #gatewayFailures = 0;
  #evictions = 0;
  #nextTrial = 0;

  constructor(group: HealthGroup, endpoint: string) {
    this.#group = group;
    this.#endpoint = endpoint;
    if (group.settled) this.freshSince = group.now;
  }

  /** Whether the next request may go there; asked only for a request that then does. */
  admits(now: number): boolean {
    return this.evictedUntil === 0 || this.#admitsTrial(now);
  }

  #admitsTrial(now: number): boolean {
    if (now < this.evictedUntil || now < this.#nextTrial) return false;
    this.#nextTrial = now + TRIAL_INTERVAL;
    return true;
  }

  /** A connection could not be opened. */
  refused(why: Failure = 'connect_refused'): void {
    // What this machine lacks is no fault of the endpoint's.
    if (why === 'limit') return;
    this.refusals++;
    this.#refusing = true;
    this.#group.noteRefusal(this.#endpoint, why);
    this.#evict('connect');
  }

  /** A connection opened: the kernel opens them for a process that hangs, too, so it speaks against refusals only. */
  opened(): void {
    if (this.#refusing) {
      this.#refusing = false;
      this.#group.noteReturn(this.#endpoint);
    }
    if (this.evictedUntil === 0 || this.#why !== 'connect') return;
    this.freshSince = this.#group.now;
    this.evictedUntil = this.#evictions = 0;
  }

  /** What it answered is no HTTP. Told alone: how the request ends says what is held against it. */
  answeredInvalid(detail: string): void {
    this.#group.noteInvalidAnswer(this.#endpoint, detail);
  }

  /** What is held against it is forgotten. */
  pardon(): void {
    this.#failures = this.#gatewayFailures = this.evictedUntil = this.#evictions = 0;
  }

  /** A connection that carried requests is dead: a PING was not answered. */
  lost(): void {
    this.#evict('ping');
  }

  /** A request got no answer in its time, or its connection was cut before one. */
  unanswered(): void {
    this.unansweredRequests++;
    this.#gatewayFailures++;
    this.#failed('unanswered', this.#group.outliers.unanswered);
  }

  /** A request was answered. */
  answered(status: number): void {
    this.answers++;
    if (status >= 500 && isFailure(status)) {
      this.errorAnswers++;
      if (status === 500) this.#gatewayFailures = 0;
      else this.#gatewayFailures++;
      this.#failed('status', this.#group.outliers.errors);
    } else if (this.#failures !== 0 || this.evictedUntil !== 0) this.#recover();
  }

  /** Once it was evicted, one failure is enough. */
  #failed(why: Setback, enough: number): void {
    this.#failures++;
    if (this.evictedUntil !== 0) this.#evict(why);
    else if ((reaches(this.#failures, enough) || this.#tooManyOfGateways) && this.#group.mayEvict()) this.#evict(why);
  }

  get #tooManyOfGateways(): boolean {
    return reaches(this.#gatewayFailures, this.#group.outliers.gatewayErrors);
  }

  /** Many failures at once are one reason, not many. */
  #evict(why: Setback): void {
    const { now, outliers } = this.#group;
    if (outliers.disabled) return;
    if (now < this.evictedUntil) {
      if (this.#why === 'connect') this.#why = why;
      return;
    }
    this.#why = why;
    this.evictedUntil = now + Math.min(outliers.longestEviction, outliers.firstEviction * 2 ** this.#evictions);
    this.#evictions++;
    this.#group.noteEviction(why);
  }

  #recover(): void {
    this.#failures = this.#gatewayFailures = 0;
    // One that stops lets its connections finish while it refuses new ones: what they say does not bring it back.
    if (this.#why === 'connect' && this.#group.now < this.evictedUntil) return;
    if (this.evictedUntil !== 0) this.freshSince = this.#group.now;
    this.evictedUntil = this.#evictions = 0;
  }
}

function reaches(count: number, enough: number): boolean {
  return enough > 0 && count >= enough;
}

/** What an application says of the request (501, 505) or on purpose (507, 508, 511) says nothing about the endpoint. */
function isFailure(status: number): boolean {
  return status === 500 || status === 502 || status === 503 || status === 504;
}
