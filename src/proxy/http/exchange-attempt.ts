/** A request's way to a backend, tried again where it may be, and the answer that comes back. */
import { HeaderPatch } from '../filter/index.ts';
import { BODY_OPEN, BODY_TUNNEL, type BodyFraming, type Failure, type Upstream } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import type { RoutePlan } from '../route/index.ts';
import type { EndpointPool, OpenWaiter } from '../upstream/index.ts';
import type { BackendRequest } from './backend-request.ts';
import { ExchangeAnswer } from './exchange-answer.ts';
import { composeResponse } from './forward.ts';
import { PREFERS_GRPC, sendContinue } from './local-reply.ts';
import { isIdempotent, MAX_CONNECT_ATTEMPTS, retriesFailure, retriesStatus, retryDelay } from './retry.ts';
import type { UpstreamChoice } from './service.ts';

export abstract class ExchangeAttempt extends ExchangeAnswer implements OpenWaiter {
  protected plan: RoutePlan | null = null;
  protected choice: UpstreamChoice | null = null;
  protected up: Upstream | null = null;
  protected request: BackendRequest | null = null;
  protected responsePatch: HeaderPatch = HeaderPatch.NONE;
  /** The client waits for `100 Continue`. */
  protected expectsContinue = false;
  protected tunnel = false;
  /** Directions of the tunnel that are still open. */
  protected tunnelOpen = 2;
  #pool: EndpointPool | null = null;
  /** The attempt under way went out on a connection that had carried other requests. */
  #onUsed = false;

  protected attempt(): void {
    // A backend that was replaced meanwhile has no endpoints left.
    if (this.account.attempts > 0) this.choice = this.service.upstreams.get(this.account.backend) ?? this.choice;
    const pool = this.choice!.pick(this.#pool);
    if (pool === null) return this.fail(503, 'no_endpoints', 'The backend of this route has no endpoints.');
    this.#pool = pool;
    this.account.attempts++;
    this.account.endpoint = pool.label;
    if (this.expectsContinue) sendContinue(this.down);
    this.expectsContinue = false;
    const { timeouts, retry } = this.plan!.rule;
    if (retry !== undefined && this.account.attempts === 1) this.choice!.retries.sent();
    this.beginAttempt(timeouts?.backendRequest ?? 0);
    const up = pool.open(this);
    if (up === null) return;
    this.#onUsed = true;
    this.#send(up);
    // Of a first attempt the client's codec puts on the wire what is there of the body, too.
    if (this.account.attempts > 1) up.flush();
  }

  upstreamReady(up: Upstream, used = false): void {
    if (this.over) return up.abort('closed_early');
    this.#onUsed = used;
    this.#send(up);
    up.flush();
  }

  #send(up: Upstream): void {
    this.up = up;
    const request = this.request!;
    const flowing = request.sendTo(up, this.requestComplete);
    if (flowing && !this.requestComplete) this.down.resumeBody();
    if (request.framing === BODY_TUNNEL) up.flush();
  }

  upstreamUnavailable(why: Failure): void {
    if (this.over) return;
    const { attempts } = this.account;
    const rule = this.plan!.rule;
    if (attempts < Math.min(MAX_CONNECT_ATTEMPTS, this.choice!.size)) this.attempt();
    else if (retriesFailure(rule, why, attempts) && this.#mayRetry()) this.#retryLater();
    else this.failUpstream(why);
  }

  upstreamFailed(why: Failure, sawBytes: boolean, untouched = false): void {
    this.up = null;
    if (this.over) return;
    if (this.responseStarted) return this.cut(why);
    const { attempts } = this.account;
    // A kept connection may be closed by its backend at any time; what a timeout means was said where it was noticed.
    const crossed = why === 'closed_early' && this.#onUsed && attempts === 1;
    if (!untouched && !crossed && why !== 'timeout') this.#pool!.health.unanswered();
    if (untouched && attempts < MAX_CONNECT_ATTEMPTS) {
      if (!this.request!.spent) return this.attempt();
      if (this.preference === PREFERS_GRPC && this.web === null && this.client.protocol === 'HTTP/2.0') {
        return this.#handBack();
      }
    }
    if (!this.request!.spent && !sawBytes) {
      if (retriesFailure(this.plan!.rule, why, attempts) && this.#mayRetry()) return this.#retryLater();
      // A kept connection that its backend closed at the same moment: the first request on it is sent again, once.
      if (attempts === 1 && this.#onUsed && why !== 'timeout' && isIdempotent(this.request!.method))
        return this.attempt();
    }
    this.failUpstream(why);
  }

  /** Clients of gRPC send a call again that nobody has looked at; the gateway has not kept it. */
  #handBack(): void {
    this.account.status = 503;
    this.cut('draining');
  }

  /** Takes from the backend's budget. */
  #mayRetry(): boolean {
    if (this.choice!.retries.take()) return true;
    this.service.stats.retriesRefused.value++;
    return false;
  }

  #retryLater(): void {
    this.tryAgainIn(retryDelay(this.plan!.rule, this.account.attempts));
  }

  upstreamDrained(): void {
    this.down.resumeBody();
  }

  // ── the response

  responseInformational(head: Head): void {
    if (head.status === 100) return;
    const composed = composeResponse(this.down.beginHead(), head, HeaderPatch.NONE);
    if (composed !== null) this.down.sendInformational(composed);
    this.down.flush();
  }

  responseHead(head: Head, framing: BodyFraming): void {
    const { account } = this;
    this.#pool!.health.answered(head.status);
    if (this.service.onAccess !== undefined) account.upstreamDuration = performance.now() - account.startedAt;
    const { status } = head;
    if (!this.request!.spent && retriesStatus(this.plan!.rule, status, account.attempts) && this.#mayRetry()) {
      this.up?.abort('closed_early');
      this.up = null;
      return this.#retryLater();
    }
    if (framing === BODY_TUNNEL && (this.request!.framing !== BODY_TUNNEL || head.upgradeEnd === 0)) {
      this.#dropUpstream();
      return this.failUpstream('protocol_error');
    }
    const composed = composeResponse(this.down.beginHead(), head, this.responsePatch);
    if (composed === null) {
      this.#dropUpstream();
      return this.fail(502, 'head_too_large', 'The head of the answer is too large with what the route adds to it.');
    }
    if (framing === BODY_TUNNEL) {
      this.tunnel = true;
      this.dropTimeouts();
    }
    this.active();
    this.responseStarted = true;
    this.endsWithStatus = this.preference === PREFERS_GRPC && framing === BODY_OPEN && status === 200;
    account.status = status;
    this.down.sendHead(composed, framing);
  }

  /** Of a backend whose answer cannot be passed on: it switched protocols unasked, or its head is too large. */
  #dropUpstream(): void {
    this.up?.abort('protocol_error');
    this.up = null;
  }

  responseBody(start: number, end: number): void {
    this.account.bytesOut += end - start;
    this.active();
    if (!this.over && !this.down.sendBody(start, end)) this.up?.pauseBody();
  }

  /** Of a tunnel: the backend has no more to say. True: the client may go on, and its end will come. */
  tunnelHalfEnded(): boolean {
    if (this.over || this.tunnelOpen === 1 || this.down.endTunnel === undefined) return false;
    this.tunnelOpen--;
    this.down.endTunnel();
    return true;
  }

  responseEnd(trailersStart: number, trailersEnd: number): void {
    this.up = null;
    if (this.over) return;
    if (!this.requestComplete && !this.tunnel) this.down.discardBody();
    this.finish();
    this.down.sendEnd(trailersStart, trailersEnd);
  }

  responseFlush(): void {
    if (!this.over) this.down.flush();
  }

  // ── deadlines and the end

  protected tryAgain(): void {
    this.attempt();
  }

  protected attemptTimedOut(): void {
    if (this.#waitsForAnswer) this.#pool!.health.unanswered();
    this.releaseUpstream('timeout');
    this.upstreamFailed('timeout', false);
  }

  /** The request was sent whole, and it is the endpoint's turn. */
  get #waitsForAnswer(): boolean {
    return this.up !== null && this.requestComplete && !this.responseStarted;
  }

  protected timedOut(): void {
    // Clients of gRPC set deadlines as short as they like: of those PINGs tell what is the endpoint's fault.
    if (this.preference !== PREFERS_GRPC && this.#waitsForAnswer) this.#pool!.health.unanswered();
    this.releaseUpstream('timeout');
    if (this.responseStarted) this.cut('timeout');
    else this.failUpstream('timeout');
  }

  protected releaseUpstream(why: Failure): void {
    const { up } = this;
    this.up = null;
    if (up !== null) up.abort(why);
    else this.#pool?.cancel(this);
  }
}
