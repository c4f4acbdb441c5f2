/** What answers say of limits of requests by time, wherever those are counted (draft-ietf-httpapi-ratelimit-headers). */
import type { HeaderLine, RateLimitSettings, RequestLimit } from '../../config/index.ts';
import type { Denial, HeaderPair } from './filter.ts';
import { HeaderPatch } from './header-patch.ts';

/** Milliseconds by which sums of fractions may be wrong. */
export const ROUNDING = 0.001;

/** One limit in numbers; times are in milliseconds. */
export class LimitText {
  /** In which one request of cost 1 comes in. */
  readonly interval: number;
  readonly cost: number;
  readonly capacity: number;
  readonly label: string;
  /** As it stands in RateLimit-Policy. */
  readonly policyItem: string;

  constructor({ name, period, requests, burst, cost }: RequestLimit) {
    this.interval = period / requests;
    this.cost = cost * this.interval;
    this.capacity = burst * this.interval;
    this.label = `"${name}"`;
    this.policyItem = `${this.label};q=${burst};w=${Math.max(1, Math.ceil(this.capacity / 1000))}`;
  }

  /** As it stands in RateLimit: what is left, and the seconds until all is there again. `debt`: until then. */
  standing(debt: number): string {
    const left = Math.max(0, Math.floor((this.capacity - debt + ROUNDING) / this.interval));
    return `${this.label};r=${left};t=${Math.ceil(debt / 1000)}`;
  }
}

/** What the limits of one policy say together. */
export class LimitTelling {
  readonly #headers: RateLimitSettings['headers'];
  readonly #policyLine: HeaderLine;

  constructor(headers: RateLimitSettings['headers'], told: readonly LimitText[]) {
    this.#headers = headers;
    this.#policyLine = { name: 'RateLimit-Policy', value: told.map(({ policyItem }) => policyItem).join(', ') };
  }

  /** Answers that are let through say something. */
  get tellsAll(): boolean {
    return this.#headers === 'All' && this.#policyLine.value !== '';
  }

  standing(items: string): HeaderPatch {
    return HeaderPatch.adding([this.#policyLine, { name: 'RateLimit', value: items }]);
  }

  /** `wait`: milliseconds until it would be let through. */
  refusal(status: number, wait: number, items: string): Denial {
    const headers: HeaderPair[] = [['Retry-After', String(Math.max(1, Math.ceil(wait / 1000)))]];
    if (this.#headers !== 'None') headers.push(['RateLimit-Policy', this.#policyLine.value], ['RateLimit', items]);
    return { status, reason: 'rate_limited', message: 'Too many requests: try again later.', headers };
  }
}
