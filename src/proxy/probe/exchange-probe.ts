/** What looks over HTTP have in common, in both versions: one request over a connection of its own, and the time for all of it. */
import type { HealthQuestion } from '../../config/index.ts';
import {
  BODY_LENGTH,
  BODY_NONE,
  type BodyFraming,
  type Failure,
  MAX_INFORMATIONAL_HEADS,
  type Upstream,
} from '../ground/codec.ts';
import type { Deadline, DeadlineOwner } from '../ground/deadline.ts';
import type { Head } from '../ground/head.ts';
import { KEPT } from '../ground/region.ts';
import type { EndpointPool, OpenWaiter } from '../upstream/connection.ts';
import { failureFinding, NOTHING } from './finding.ts';
import { MAX_PROBE_BODY, type Probe, type ProbeOrder } from './probe.ts';

export abstract class ExchangeProbe<Q extends HealthQuestion> implements Probe, OpenWaiter, DeadlineOwner {
  protected readonly order: ProbeOrder<Q>;
  readonly #pool: EndpointPool;
  readonly #deadline: Deadline;
  #up: Upstream | null = null;
  #bytes = 0;
  #informational = 0;
  #over = false;

  constructor(order: ProbeOrder<Q>) {
    this.order = order;
    const { wheel } = order.site.world;
    this.#deadline = wheel.borrow(this);
    wheel.set(this.#deadline, order.timeout);
    this.#pool = order.site.makePool();
    const up = this.#pool.open(this);
    if (up !== null) this.upstreamReady(up);
  }

  /** Without the blank line. */
  protected abstract head(): string;
  protected abstract body(): Buffer | undefined;
  /** The head of the answer; a finding where it says enough. */
  protected abstract judgeHead(head: Head): number | undefined;
  /** ARENA[start,end) of its body, MAX_PROBE_BODY bytes at most. */
  protected abstract takeBody(start: number, end: number): void;
  /** It ended; trailer lines in ARENA. */
  protected abstract judgeEnd(trailersStart: number, trailersEnd: number): number;
  /** Its body is longer than what is read. */
  protected abstract judgeLong(): number;

  abort(): void {
    if (this.#over) return;
    this.#release();
  }

  upstreamReady(up: Upstream): void {
    this.#up = up;
    const body = this.body();
    up.sendHead(this.head(), body === undefined ? BODY_NONE : BODY_LENGTH);
    if (body !== undefined) KEPT.pass(body, up);
    up.sendEnd(0, 0);
    up.flush();
  }

  upstreamUnavailable(why: Failure): void {
    this.#finish(why === 'limit' ? NOTHING : failureFinding(why));
  }

  upstreamDrained(): void {}
  responseInformational(): void {
    if (++this.#informational > MAX_INFORMATIONAL_HEADS) this.#finish(failureFinding('protocol_error'));
  }
  responseFlush(): void {}

  responseHead(head: Head, _framing: BodyFraming): void {
    const finding = this.judgeHead(head);
    if (finding !== undefined) this.#finish(finding);
  }

  responseBody(start: number, end: number): void {
    if (this.#over) return;
    this.#bytes += end - start;
    if (this.#bytes > MAX_PROBE_BODY) this.#finish(this.judgeLong());
    else this.takeBody(start, end);
  }

  responseEnd(trailersStart: number, trailersEnd: number): void {
    if (this.#over) return;
    this.#up = null;
    this.#finish(this.judgeEnd(trailersStart, trailersEnd));
  }

  upstreamFailed(why: Failure): void {
    this.#up = null;
    this.#finish(failureFinding(why));
  }

  onDeadline(): void {
    this.#finish(failureFinding('timeout'));
  }

  #release(): void {
    this.#over = true;
    this.order.site.world.wheel.giveBack(this.#deadline);
    const up = this.#up;
    this.#up = null;
    if (up !== null) up.abort('closed_early');
    else this.#pool.cancel(this);
    this.#pool.retire();
  }

  #finish(finding: number): void {
    if (this.#over) return;
    this.#release();
    queueMicrotask(() => this.order.done(finding));
  }
}
