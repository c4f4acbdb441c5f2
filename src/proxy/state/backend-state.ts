/** What is kept of a backend while its config changes around it. */
import type { OutlierDetection, Trouble } from '../../config/index.ts';
import type { Failure } from '../ground/codec.ts';
import {
  EndpointHealth,
  FIRST_EVICTION,
  type HealthGroup,
  LONGEST_EVICTION,
  MAX_FAILURES,
  MAX_UNANSWERED,
  type OutlierLimits,
  type Setback,
  USUAL_OUTLIERS,
} from './endpoint-health.ts';
import { Kept } from './kept.ts';
import { RetryBudget } from './retry-budget.ts';
import type { TroubleWatch } from './trouble-watch.ts';

/** The part of a backend's endpoints that may be evicted at a time because requests went badly. */
const MOST_EVICTED_PERCENT = 50;

export class BackendState implements HealthGroup {
  /** Whose turn it is; counts up, and is taken modulo the number of endpoints. */
  turn = 0;
  settled = false;
  outliers: Readonly<OutlierLimits> = USUAL_OUTLIERS;
  #mostEvictedPercent = MOST_EVICTED_PERCENT;
  /** By `address:port`. */
  readonly endpoints: Kept<EndpointHealth> = new Kept((endpoint) => new EndpointHealth(this, endpoint));
  readonly retries: RetryBudget;
  readonly evictions: Record<Setback, number> = { connect: 0, ping: 0, unanswered: 0, status: 0 };
  readonly #clock: { readonly now: number };
  /** Under which it is kept. */
  readonly #name: string;
  readonly #troubles: TroubleWatch | undefined;

  /** `name`: the key of the Backend, and behind a space how it is reached. `troubles` hears of endpoints that take no connections. */
  constructor(clock: { readonly now: number }, name = '', troubles?: TroubleWatch) {
    this.#clock = clock;
    this.#name = name;
    this.#troubles = troubles;
    this.retries = new RetryBudget(clock);
  }

  get now(): number {
    return this.#clock.now;
  }

  /** Endpoints that are passed over now, or tried now and then. */
  get evicted(): number {
    let count = 0;
    for (const [, { evictedUntil }] of this.endpoints) if (evictedUntil !== 0) count++;
    return count;
  }

  mayEvict(): boolean {
    return (this.evicted + 1) * 100 <= this.endpoints.size * this.#mostEvictedPercent;
  }

  /** What a policy says is enough to evict an endpoint. */
  detect(asked: OutlierDetection | undefined): void {
    this.#mostEvictedPercent = asked?.maxEjectionPercent ?? MOST_EVICTED_PERCENT;
    this.outliers = asked === undefined ? USUAL_OUTLIERS : limitsOf(asked);
    if (this.outliers.disabled) for (const [, health] of this.endpoints) health.pardon();
  }

  noteEviction(why: Setback): void {
    this.evictions[why]++;
  }

  noteRefusal(endpoint: string, why: Failure): void {
    this.#troubles?.failed({ key: backendOf(this.#name), endpoint }, troubleOf(why));
  }

  noteInvalidAnswer(endpoint: string, detail: string): void {
    this.#troubles?.failed({ key: backendOf(this.#name), endpoint }, 'invalid_answer', detail);
  }

  noteReturn(endpoint: string): void {
    this.#troubles?.over({ key: backendOf(this.#name), endpoint });
  }
}

function limitsOf(asked: OutlierDetection): OutlierLimits {
  return {
    disabled: asked.disabled ?? false,
    errors: asked.consecutiveErrors ?? MAX_FAILURES,
    gatewayErrors: asked.consecutiveGatewayErrors ?? 0,
    unanswered: asked.consecutiveUnanswered ?? MAX_UNANSWERED,
    firstEviction: asked.baseEjectionTime ?? FIRST_EVICTION,
    longestEviction: asked.maxEjectionTime ?? LONGEST_EVICTION,
  };
}

function backendOf(name: string): string {
  const space = name.indexOf(' ');
  return space === -1 ? name : name.slice(0, space);
}

/** A connection that ends before it can be used was refused, whatever it was called. */
function troubleOf(why: Failure): Trouble['what'] {
  return why === 'connect_timeout' || why === 'tls_failed' ? why : 'connect_refused';
}
