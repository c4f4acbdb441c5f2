/** A request's way to a backend, tried again where it may be. */
import type { HeaderLine } from '../../config/index.ts';
import { HeaderPatch } from '../filter/index.ts';
import {
  BODY_TUNNEL,
  type BodyFraming,
  type Failure,
  MAX_INFORMATIONAL_BYTES,
  MAX_INFORMATIONAL_HEADS,
  type Upstream,
} from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import type { OpenWaiter } from '../upstream/index.ts';
import { EARLY_HINTS, sendHints, takesHints } from './early-hints.ts';
import { ExchangeResponse } from './exchange-response.ts';
import { FILTER_FAILED, type FilterRun } from './filter-run.ts';
import { composeResponse } from './forward.ts';
import { PREFERS_GRPC, sendContinue } from './local-reply.ts';
import {
  isIdempotent,
  MAX_CONNECT_ATTEMPTS,
  onlyIdempotent,
  type RetryOwner,
  retriesCall,
  retriesFailure,
  retriesStatus,
  retryDelay,
  triesAnother,
} from './retry.ts';

/** Milliseconds for a backend to say `100 Continue`, or to answer; then the client is told to go on all the same. */
export const CONTINUE_TIMEOUT = 1_000;

/** Bytes that a short 1xx head counts for: of those there may be MAX_INFORMATIONAL_HEADS. */
const SHORT_HEAD_WEIGHT = MAX_INFORMATIONAL_BYTES / MAX_INFORMATIONAL_HEADS;

const NO_TIMEOUTS: { read?: number; send?: number } = {};

export abstract class ExchangeAttempt extends ExchangeResponse implements OpenWaiter {
  protected attempt(): void {
    // A backend that was replaced meanwhile has no endpoints left.
    if (this.account.attempts > 0) this.choice = this.service.upstreams.get(this.account.backend) ?? this.choice;
    const pool = this.choice!.pick(this.pool, this.aim);
    if (pool === null) return this.fail(503, 'no_endpoints', 'The backend of this route has no endpoints.');
    this.pool = pool;
    this.account.attempts++;
    this.account.endpoint = pool.label;
    if (this.expectsContinue) this.awaitContinue();
    const { retry } = this.retries;
    if (this.account.attempts === 1) this.choice!.retries.sent();
    this.beginAttempt(this.plan!.rule.timeouts?.backendRequest ?? retry?.perTry ?? 0);
    const up = pool.open(this);
    if (up === null) return;
    this.onUsed = true;
    this.send(up);
    // Of a first attempt the client's codec puts on the wire what is there of the body, too.
    if (this.account.attempts > 1) up.flush();
  }

  /** What the backend thinks of the head decides whether the client sends the body; one that says nothing wants it. */
  private awaitContinue(): void {
    this.awaitsContinue = true;
    this.beginWait(CONTINUE_TIMEOUT);
  }

  private tellToContinue(): void {
    this.continued();
    sendContinue(this.down);
  }

  /** The client waits no more. */
  protected continued(): void {
    this.expectsContinue = false;
    this.endContinueWait();
  }

  private endContinueWait(): void {
    if (!this.awaitsContinue) return;
    this.awaitsContinue = false;
    this.endWait();
  }

  get upgrades(): boolean {
    return this.request?.upgrades === true;
  }

  /** A body that is not kept, and what POST may do, cannot come twice. What crossed its backend's end once is not to do so again. */
  get once(): boolean {
    const request = this.request!;
    if (!request.complete || this.account.attempts > 1) return true;
    return !request.head.startsWith('GET ') && !isIdempotent(request.method);
  }

  upstreamReady(up: Upstream, used = false): void {
    if (this.over) return up.abort('closed_early');
    this.onUsed = used;
    this.send(up);
    up.flush();
  }

  private send(up: Upstream): void {
    const request = this.request!;
    const lines = this.run === null ? '' : this.attemptLines(this.run);
    if (lines === null) {
      up.abort('closed_early');
      return this.answerWith({ denial: FILTER_FAILED });
    }
    this.up = up;
    if (this.hints !== '') {
      sendHints(this.down, this.hints);
      this.hints = '';
    }
    const flowing = request.sendTo(up, lines);
    if (flowing && !request.complete) this.requestReady();
    if (request.framing === BODY_TUNNEL) up.flush();
  }

  /** What filters add to this attempt; null: one of them failed. */
  private attemptLines(run: FilterRun): string | null {
    const { attempts, endpoint } = this.account;
    const lines: HeaderLine[] = [];
    const attempt = {
      number: attempts,
      endpoint,
      add: (name: string, value: string) => void lines.push({ name, value }),
    };
    try {
      for (const filter of run.attempting) filter.onAttempt!(run, attempt);
      return lines.map((line) => HeaderPatch.of({ set: [], add: [line], remove: [] }).text).join('');
    } catch {
      return null;
    }
  }

  /** More of the request's body may come. */
  protected requestReady(): void {
    this.upBlocked = false;
    this.down.resumeBody();
  }

  upstreamUnavailable(why: Failure): void {
    if (this.over) return;
    const { attempts, backend } = this.account;
    const { size } = this.service.upstreams.get(backend) ?? this.choice!;
    if (!this.isOnce && triesAnother(size, this.pool!, attempts)) this.attempt();
    else if (this.retriesAfter(why, false) && this.mayRetry()) this.retryLater();
    else this.failUpstream(why);
  }

  upstreamFailed(why: Failure, sawBytes: boolean, untouched = false): void {
    this.up = null;
    if (this.over) return;
    if (this.responseStarted) return this.cut(why);
    // A filter waits about the answer's head: what came of it is not to come twice.
    if (this.filtered !== null) return this.failUpstream(why);
    const { attempts } = this.account;
    // A kept connection may be closed by its backend at any time; what a timeout means was said where it was noticed.
    const crossed = why === 'closed_early' && this.onUsed && attempts === 1;
    if (!untouched && !crossed && why !== 'timeout') this.pool!.health.unanswered();
    if (untouched && !this.isOnce && attempts < MAX_CONNECT_ATTEMPTS) {
      if (!this.request!.spent) return this.attempt();
      if (this.clientSendsAgain) return this.handBack();
    }
    if (!this.request!.spent) {
      // What has begun to answer goes again only where a policy names what befell it.
      const asked = !sawBytes || this.retries.retry?.failures !== undefined;
      if (asked && this.retriesAfter(why, true) && this.mayRetry()) return this.retryLater();
      if (!sawBytes && this.goesAgain(why)) return this.attempt();
    }
    this.failUpstream(why);
  }

  /**
   * What is sent again though nobody asked for it, once: what may come twice, and lost its connection before a word of an
   * answer. A kept connection may have been closed at the same moment, and says nothing of its endpoint. A new one does:
   * another endpoint is asked, the backend's budget pays, and where a rule says what is tried again, that is all.
   */
  private goesAgain(why: Failure): boolean {
    if (this.isOnce || this.repeated || this.retrying || why === 'timeout' || !isIdempotent(this.request!.method))
      return false;
    if (!this.onUsed) {
      const ended = why === 'reset' || why === 'closed_early';
      if (!ended || this.retries.retry !== undefined || this.choice!.size < 2) return false;
    }
    if (this.account.attempts >= MAX_CONNECT_ATTEMPTS || (!this.onUsed && !this.mayRetry())) return false;
    this.repeated = true;
    return true;
  }

  private get clientSendsAgain(): boolean {
    return this.preference === PREFERS_GRPC && this.web === null && this.client.protocol === 'HTTP/2.0';
  }

  /** What comes of the body is worth keeping. A call of gRPC may be long, and its client sends again what nobody looked at. */
  protected get mayGoAgain(): boolean {
    return this.retries.retry !== undefined || (this.choice!.handsBack && !this.upgrades && !this.clientSendsAgain);
  }

  /** Clients of gRPC send a call again that nobody has looked at; the gateway has not kept it. */
  private handBack(): void {
    this.account.status = 503;
    this.cut('draining');
  }

  /** Takes from the backend's budget. */
  private mayRetry(): boolean {
    const { retries } = this.choice!;
    if ((this.retrying || retries.begin()) && retries.take()) {
      this.retrying = true;
      return true;
    }
    this.service.stats.retriesRefused.value++;
    return false;
  }

  /** Whose retries count: the rule's, or else those of the backend's policy. */
  protected get retries(): RetryOwner {
    const { rule } = this.plan!;
    return rule.retry !== undefined ? rule : this.choice!;
  }

  /** Spec: a rule that says so has nothing tried again, not even what got no connection. */
  private get isOnce(): boolean {
    return this.retries.retry?.attempts === 0;
  }

  /** `sent`: the backend may have seen the request. */
  private retriesAfter(why: Failure, sent: boolean): boolean {
    const { retries } = this;
    const repeats = !sent || !onlyIdempotent(retries, why) || isIdempotent(this.request!.method);
    return retriesFailure(retries, why, this.account.attempts) && repeats && this.inTime(retries);
  }

  private retriesAnswer(head: Head, status: number): boolean {
    const { retries } = this;
    if (retries.retry === undefined) return false;
    const { attempts } = this.account;
    const asked = retriesStatus(retries, status, attempts) || retriesCall(retries, head, attempts);
    return asked && this.mayRepeat(retries) && this.inTime(retries);
  }

  private mayRepeat({ retry }: RetryOwner): boolean {
    return retry?.idempotentOnly !== true || isIdempotent(this.request!.method);
  }

  private inTime({ retry }: RetryOwner): boolean {
    const within = retry?.within ?? 0;
    return within === 0 || performance.now() - this.account.startedAt < within;
  }

  private retryLater(): void {
    this.tryAgainIn(retryDelay(this.retries, this.account.attempts));
  }

  upstreamDrained(): void {
    this.requestReady();
  }

  // ── the head that comes back

  responseInformational(head: Head): void {
    this.informational += Math.max(head.end - head.start, SHORT_HEAD_WEIGHT);
    if (this.informational > MAX_INFORMATIONAL_BYTES) return this.refuseResponse();
    if (this.over) return;
    if (head.status === 100) {
      if (this.awaitsContinue) this.tellToContinue();
      return;
    }
    const hints = this.rules?.hints;
    if (hints !== undefined && head.status === EARLY_HINTS && !takesHints(hints, this.client.protocol)) return;
    const composed = composeResponse(this.down.beginHead(), head, HeaderPatch.NONE);
    if (composed !== null) this.down.sendInformational(composed);
    this.down.flush();
  }

  responseHead(head: Head, framing: BodyFraming): void {
    const { account } = this;
    this.endContinueWait();
    this.pool!.health.answered(head.status);
    if (this.service.onAccess !== undefined) account.upstreamDuration = performance.now() - account.startedAt;
    const { status } = head;
    if (!this.request!.spent && this.retriesAnswer(head, status) && this.mayRetry()) {
      this.up?.abort('closed_early');
      this.up = null;
      return this.retryLater();
    }
    if (framing === BODY_TUNNEL && !this.request!.asksFor(head)) return this.refuseResponse();
    this.request!.forget();
    this.passAnswer(head, framing);
  }

  /** The backend switched to a protocol that nobody asked for, or does not say to which, or does not come to its answer. */
  private refuseResponse(): void {
    this.up?.abort('protocol_error');
    this.up = null;
    this.failUpstream('protocol_error');
  }

  // ── deadlines and the end

  protected tryAgain(): void {
    this.attempt();
  }

  protected attemptTimedOut(): void {
    if (this.waitsForAnswer) this.pool!.health.unanswered();
    this.releaseUpstream('timeout');
    this.upstreamFailed('timeout', false);
  }

  /** The request was sent whole, and it is the endpoint's turn. */
  private get waitsForAnswer(): boolean {
    return this.up !== null && this.requestComplete && !this.responseStarted && this.filtered === null;
  }

  /** Who is waited for decides for how long. */
  protected override get patience(): number {
    const { read, send } = this.choice?.timeouts ?? NO_TIMEOUTS;
    if (this.waitsForClient) return this.rules?.bodyTimeout || super.patience;
    if (this.up === null || this.downBlocked) return super.patience;
    if (this.requestComplete || this.tunnel || this.responseStarted) return read ?? super.patience;
    return send ?? super.patience;
  }

  protected override get leastPatience(): number {
    const timeouts = this.choice?.timeouts;
    if (timeouts === undefined && this.rules === null) return 0;
    const { read, send } = timeouts ?? NO_TIMEOUTS;
    const body = this.rules?.bodyTimeout || undefined;
    if (read === undefined && send === undefined && body === undefined) return 0;
    const limits = [read, send, body].map((limit) => limit ?? Number.POSITIVE_INFINITY);
    return Math.min(super.patience, ...limits);
  }

  /** For the next piece of the request's body. */
  private get waitsForClient(): boolean {
    const open = !this.requestComplete && !this.upBlocked && !this.responseStarted;
    return open && this.filtered === null && this.held === null;
  }

  protected idledOut(): void {
    if (this.waitsForClient && (this.rules?.bodyTimeout ?? 0) > 0) {
      this.releaseUpstream('closed_early');
      return this.fail(408, 'client_timeout', 'The body of this request did not come in time.');
    }
    const timeouts = this.choice?.timeouts;
    if (timeouts === undefined || this.up === null || this.responseStarted || this.filtered !== null)
      return this.timedOut();
    this.attemptTimedOut();
  }

  protected timedOut(): void {
    // Clients of gRPC set deadlines as short as they like: of those PINGs tell what is the endpoint's fault.
    if (this.preference !== PREFERS_GRPC && this.waitsForAnswer) this.pool!.health.unanswered();
    this.releaseUpstream('timeout');
    if (this.responseStarted) this.cut('timeout');
    else this.failUpstream('timeout');
  }

  /** What guards fails closed. */
  protected waitTimedOut(): void {
    if (this.awaitsContinue) return this.tellToContinue();
    this.releaseUpstream('timeout');
    this.fail(503, 'filter_timeout', 'The gateway could not decide on this request in time.');
  }

  protected releaseUpstream(why: Failure): void {
    const { up } = this;
    this.up = null;
    if (up !== null) up.abort(why);
    else this.pool?.cancel(this);
  }
}
