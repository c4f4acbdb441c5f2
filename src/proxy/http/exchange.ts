/**
 * One request and its answer: routing, filters, the choice of a backend, retries and deadlines. It knows no protocol
 * (codec.ts) and no socket. One object a request, not used again, so that a late call from a connection that it let
 * go of can do no harm.
 */
import assert from 'node:assert';
import { ANSWERED, HeaderPatch } from '../filter/index.ts';
import { ARENA, COMPOSE_START } from '../ground/arena.ts';
import {
  BODY_OPEN,
  BODY_TUNNEL,
  type BodyFraming,
  type ClientConnection,
  type Downstream,
  type Failure,
  type RequestSide,
  type Upstream,
} from '../ground/codec.ts';
import { type Head, isHeadMethod } from '../ground/head.ts';
import type { PlannedBackend, RoutePlan } from '../route/index.ts';
import type { EndpointPool, OpenWaiter } from '../upstream/index.ts';
import { Account } from './account.ts';
import { BackendRequest } from './backend-request.ts';
import { ExchangeTimes } from './exchange-times.ts';
import { FilterRun } from './filter-run.ts';
import { composeRequest, composeResponse, framingOf } from './forward.ts';
import { endWithStatus, grpcDue, isGrpc } from './grpc.ts';
import { type GrpcWeb, grpcWebOf } from './grpc-web.ts';
import {
  localReply,
  PREFERS_GRPC,
  PREFERS_JSON,
  type Preference,
  preferenceOf,
  sendContinue,
  sendReply,
  upstreamFailure,
} from './local-reply.ts';
import { Mirrors } from './mirror.ts';
import { idText, nextIdNumber, trustedRequestId } from './request-id.ts';
import { isIdempotent, MAX_CONNECT_ATTEMPTS, retriesFailure, retriesStatus, retryDelay } from './retry.ts';
import type { HttpService, UpstreamChoice } from './service.ts';

const TOO_LARGE = { status: 413, message: 'The request is longer than what is allowed.' };

export class Exchange extends ExchangeTimes implements RequestSide, OpenWaiter {
  readonly #service: HttpService;
  #down: Downstream;
  /** Of a gRPC-Web request; stands in the place of the client where the backend speaks gRPC, or nobody answers. */
  #web: GrpcWeb | null = null;
  readonly #account = new Account();
  /** From a trusted hop, or ''. */
  #givenId = '';
  readonly #idNumber = nextIdNumber();
  #preference: Preference = PREFERS_JSON;
  #headRequest = false;

  #plan: RoutePlan | null = null;
  #choice: UpstreamChoice | null = null;
  #pool: EndpointPool | null = null;
  #up: Upstream | null = null;
  #request: BackendRequest | null = null;
  #responsePatch: HeaderPatch = HeaderPatch.NONE;
  #mirrors: Mirrors | null = null;
  /** The attempt under way went out on a connection that had carried other requests. */
  #onUsed = false;
  /** The client waits for `100 Continue`. */
  #expectsContinue = false;

  #requestComplete = false;
  #responseStarted = false;
  /** The answer is one of gRPC, whose end tells how it went. */
  #endsWithStatus = false;
  #tunnel = false;
  /** Directions of the tunnel that are still open. */
  #tunnelOpen = 2;
  #over = false;

  constructor(service: HttpService, down: Downstream) {
    super(service.wheel, service.limits.streamIdleTimeout);
    this.#service = service;
    this.#down = down;
  }

  get requestId(): string {
    return this.#givenId === '' ? idText(this.#idNumber) : this.#givenId;
  }

  get client(): ClientConnection {
    return this.#down.client;
  }

  // ── the request

  requestHead(head: Head, complete: boolean): void {
    const service = this.#service;
    this.#requestComplete = complete;
    this.#preference = isGrpc(head) ? PREFERS_GRPC : preferenceOf(head);
    if (this.#preference === PREFERS_GRPC) this.#web = grpcWebOf(head, this.#down);
    this.#headRequest = isHeadMethod(head);
    const trusted = service.trustedHops.has(this.client.remoteAddress);
    if (trusted) this.#givenId = trustedRequestId(head);
    if (service.onAccess !== undefined) this.#account.note(head);

    const { maxBodyBytes } = service.limits;
    if (maxBodyBytes > 0 && head.contentLength > maxBodyBytes) return this.#refuseBody();
    const serverName = this.client.tls?.serverName ?? '';
    if (this.client.tls !== undefined && !service.table.serves(head, serverName)) {
      // Browsers ask again over another connection where they see the status.
      if (this.#web !== null) this.#preference = PREFERS_JSON;
      this.#web = null;
      return this.#fail(421, 'misdirected', 'This connection was made for another host name.');
    }
    const match = service.table.match(head, serverName);
    if (match === null) return this.#fail(404, 'no_route', 'No route matches this request.');
    const { plan, matchedPrefix, listenerPort } = match;
    this.#plan = plan;
    this.#account.listener = match.listener;
    this.#account.route = plan.rule.key;
    if (plan.rule.broken !== undefined)
      return this.#fail(500, 'route_broken', 'The route for this request cannot be used.');
    this.#route(head, { plan, matchedPrefix, listenerPort, trusted });
  }

  /** Filters, then the backend; composes the upstream head while the client's is in ARENA. */
  #route(head: Head, at: { plan: RoutePlan; matchedPrefix: number; listenerPort: number; trusted: boolean }): void {
    const { plan } = at;
    let run: FilterRun | null = null;
    if (plan.filters !== null) {
      run = new FilterRun(this, { head, matchedPrefix: at.matchedPrefix, listenerPort: at.listenerPort });
      if (run.run(plan.filters) === ANSWERED) return;
    }
    const backend = plan.choice.next();
    if (backend === null || backend.broken !== undefined) {
      return this.#fail(500, 'backend_invalid', 'The backend of this route cannot be used.');
    }
    if (backend.filters !== null) {
      run ??= new FilterRun(this, { head, matchedPrefix: at.matchedPrefix, listenerPort: at.listenerPort });
      if (run.run(backend.filters) === ANSWERED) return;
    }
    const choice = this.#service.upstreams.get(backend.key);
    this.#account.backend = backend.key;
    this.#account.planned = backend;
    if (choice === undefined || choice.broken !== undefined) {
      return this.#fail(500, 'backend_invalid', 'The backend of this route cannot be used.');
    }
    this.#choice = choice;
    this.#compose(head, { backend, run, listenerPort: at.listenerPort, trusted: at.trusted });
    this.#start(head);
  }

  #compose(
    head: Head,
    around: { backend: PlannedBackend; run: FilterRun | null; listenerPort: number; trusted: boolean },
  ): void {
    const { backend, run } = around;
    const upgrade = head.upgradeEnd > 0;
    let framing = framingOf(head, this.#requestComplete);
    let patch = run === null ? backend.requestPatch : backend.requestPatch.followedBy(run.requestPatch);
    if (this.#web !== null && this.#plan!.rule.route.kind === 'GRPCRoute') {
      this.#down = this.#web;
      patch = patch.followedBy(this.#web.requestPatch);
      if (this.#web.requestText && !this.#requestComplete) framing = BODY_OPEN;
    }
    const changes = {
      target: run?.target ?? '',
      authority: run?.authority ?? '',
      patch,
      requestId: this.#givenId,
      idNumber: this.#idNumber,
      listenerPort: around.listenerPort,
      trusted: around.trusted,
      upgrade,
    };
    const end = composeRequest(COMPOSE_START, head, { changes, client: this.client, framing });
    this.#request = new BackendRequest(ARENA.latin1Slice(COMPOSE_START, end), framing);
    this.#responsePatch = run === null ? backend.responsePatch : backend.responsePatch.followedBy(run.responsePatch);
    // What follows an upgrade is between two: there is nothing in it to copy.
    if (run !== null && run.mirrors.length > 0 && !upgrade) this.#mirror(run.mirrors);
  }

  #mirror(backends: readonly string[]): void {
    this.#mirrors = new Mirrors(this.#service, backends, {
      head: this.#request!.head,
      framing: this.#request!.framing,
      client: this.client,
    });
    if (this.#requestComplete) this.#mirrors.end('');
  }

  #start(head: Head): void {
    const { timeouts, retry } = this.#plan!.rule;
    const { now } = this.#service.wheel;
    if (timeouts?.request) this.endRequestAt(now + timeouts.request);
    if (this.#preference === PREFERS_GRPC) this.endRequestAt(grpcDue(head, now));
    if (!this.#requestComplete && retry !== undefined) this.#request!.keepForReplay();
    this.#expectsContinue = head.expectContinue && !this.#requestComplete;
    this.#attempt();
  }

  requestBody(start: number, end: number): void {
    const size = end - start;
    this.#account.bytesIn += size;
    this.active();
    if (this.#over) return;
    const { maxBodyBytes } = this.#service.limits;
    if (maxBodyBytes > 0 && this.#account.bytesIn > maxBodyBytes && !this.#tunnel) return this.#refuseBody();
    if (this.#down !== this.#web) return this.#passBody(start, end);
    const decoded = this.#web.decode(start, end);
    if (decoded < 0) this.requestRefused(400, 'The body of this request is not base64.');
    else if (decoded > start) this.#passBody(start, decoded);
  }

  #passBody(start: number, end: number): void {
    this.#mirrors?.body(start, end);
    this.#request!.keep(start, end, this.#up === null);
    if (this.#up === null) this.#down.pauseBody();
    else if (!this.#up.sendBody(start, end)) this.#down.pauseBody();
  }

  requestEnd(trailersStart: number, trailersEnd: number): void {
    this.#requestComplete = true;
    if (this.#over) return;
    if (this.#tunnel) return this.#endTunnelRequest();
    if (this.#down === this.#web && !this.#web.requestWhole) {
      return this.requestRefused(400, 'The base64 of this request ends in the middle.');
    }
    this.#request!.end(trailersStart, trailersEnd);
    this.#mirrors?.end(this.#request!.trailers);
    this.#up?.sendEnd(trailersStart, trailersEnd);
  }

  /** The client has no more to say; the backend may. */
  #endTunnelRequest(): void {
    const up = this.#up;
    if (--this.#tunnelOpen === 0) {
      this.#up = null;
      this.#finish();
    }
    up?.sendEnd(0, 0);
  }

  requestFlush(): void {
    this.#up?.flush();
    this.#mirrors?.flush();
  }

  /** The rest of the request cannot be read, but the client can be told so; what still comes is dropped. */
  requestRefused(status: number, message: string): void {
    if (this.#over) return;
    this.#releaseUpstream('closed_early');
    if (this.#responseStarted) this.#cut('protocol_error');
    else this.#fail(status, 'malformed_request', message);
  }

  requestAborted(why: Failure): void {
    if (this.#over) return;
    this.#account.status ||= 499;
    this.#account.reason = why === 'draining' ? why : `client_${why}`;
    this.#releaseUpstream(why);
    this.#finish();
  }

  downstreamDrained(): void {
    this.#up?.resumeBody();
  }

  #refuseBody(): void {
    this.#releaseUpstream('closed_early');
    const { maxBodyBytes } = this.#service.limits;
    if (this.#responseStarted) this.#cut('body_too_large');
    else this.#fail(413, 'body_too_large', `The body of this request is longer than ${maxBodyBytes} bytes.`);
  }

  // ── the attempt

  #attempt(): void {
    // A backend that was replaced meanwhile has no endpoints left.
    if (this.#account.attempts > 0) this.#choice = this.#service.upstreams.get(this.#account.backend) ?? this.#choice;
    const pool = this.#choice!.pick(this.#pool);
    if (pool === null) return this.#fail(503, 'no_endpoints', 'The backend of this route has no endpoints.');
    this.#pool = pool;
    this.#account.attempts++;
    this.#account.endpoint = pool.label;
    if (this.#expectsContinue) sendContinue(this.#down);
    this.#expectsContinue = false;
    const { timeouts } = this.#plan!.rule;
    this.beginAttempt(timeouts?.backendRequest ?? 0);
    const up = pool.open(this);
    if (up === null) return;
    this.#onUsed = true;
    this.#send(up);
    // Of a first attempt the client's codec puts on the wire what is there of the body, too.
    if (this.#account.attempts > 1) up.flush();
  }

  upstreamReady(up: Upstream, used = false): void {
    if (this.#over) return up.abort('closed_early');
    this.#onUsed = used;
    this.#send(up);
    up.flush();
  }

  #send(up: Upstream): void {
    this.#up = up;
    const request = this.#request!;
    const flowing = request.sendTo(up, this.#requestComplete);
    if (flowing && !this.#requestComplete) this.#down.resumeBody();
    if (request.framing === BODY_TUNNEL) up.flush();
  }

  upstreamUnavailable(why: Failure): void {
    if (this.#over) return;
    const { attempts } = this.#account;
    const rule = this.#plan!.rule;
    if (attempts < Math.min(MAX_CONNECT_ATTEMPTS, this.#choice!.size)) this.#attempt();
    else if (retriesFailure(rule, why, attempts)) this.#retryLater();
    else this.#failUpstream(why);
  }

  upstreamFailed(why: Failure, sawBytes: boolean, untouched = false): void {
    this.#up = null;
    if (this.#over) return;
    if (this.#responseStarted) return this.#cut(why);
    const { attempts } = this.#account;
    if (untouched && attempts < MAX_CONNECT_ATTEMPTS) {
      if (!this.#request!.spent) return this.#attempt();
      if (this.#preference === PREFERS_GRPC && this.#web === null && this.client.protocol === 'HTTP/2.0') {
        return this.#handBack();
      }
    }
    if (!this.#request!.spent && !sawBytes) {
      if (retriesFailure(this.#plan!.rule, why, attempts)) return this.#retryLater();
      // A kept connection that its backend closed at the same moment: the first request on it is sent again, once.
      if (attempts === 1 && this.#onUsed && why !== 'timeout' && isIdempotent(this.#request!.method))
        return this.#attempt();
    }
    this.#failUpstream(why);
  }

  /** Clients of gRPC send a call again that nobody has looked at; the gateway has not kept it. */
  #handBack(): void {
    this.#account.status = 503;
    this.#cut('draining');
  }

  #retryLater(): void {
    this.tryAgainIn(retryDelay(this.#plan!.rule, this.#account.attempts));
  }

  upstreamDrained(): void {
    this.#down.resumeBody();
  }

  // ── the response

  responseInformational(head: Head): void {
    if (head.status === 100) return;
    const at = this.#down.beginHead();
    this.#down.sendInformational(at, composeResponse(at, head, HeaderPatch.NONE));
    this.#down.flush();
  }

  responseHead(head: Head, framing: BodyFraming): void {
    const account = this.#account;
    if (this.#service.onAccess !== undefined) account.upstreamDuration = performance.now() - account.startedAt;
    const { status } = head;
    if (!this.#request!.spent && retriesStatus(this.#plan!.rule, status, account.attempts)) {
      this.#up?.abort('closed_early');
      this.#up = null;
      return this.#retryLater();
    }
    if (framing === BODY_TUNNEL) {
      if (this.#request!.framing !== BODY_TUNNEL || head.upgradeEnd === 0) return this.#refuseResponse();
      this.#tunnel = true;
      this.dropTimeouts();
    }
    this.active();
    this.#responseStarted = true;
    this.#endsWithStatus = this.#preference === PREFERS_GRPC && framing === BODY_OPEN && status === 200;
    account.status = status;
    const at = this.#down.beginHead();
    this.#down.sendHead(at, composeResponse(at, head, this.#responsePatch), framing);
  }

  /** The backend switched protocols unasked, or does not say to which. */
  #refuseResponse(): void {
    this.#up?.abort('protocol_error');
    this.#up = null;
    this.#failUpstream('protocol_error');
  }

  responseBody(start: number, end: number): void {
    this.#account.bytesOut += end - start;
    this.active();
    if (!this.#over && !this.#down.sendBody(start, end)) this.#up?.pauseBody();
  }

  /** Of a tunnel: the backend has no more to say. True: the client may go on, and its end will come. */
  tunnelHalfEnded(): boolean {
    if (this.#over || this.#tunnelOpen === 1 || this.#down.endTunnel === undefined) return false;
    this.#tunnelOpen--;
    this.#down.endTunnel();
    return true;
  }

  responseEnd(trailersStart: number, trailersEnd: number): void {
    this.#up = null;
    if (this.#over) return;
    if (!this.#requestComplete && !this.#tunnel) this.#down.discardBody();
    this.#finish();
    this.#down.sendEnd(trailersStart, trailersEnd);
  }

  responseFlush(): void {
    if (!this.#over) this.#down.flush();
  }

  // ── answers of the gateway's own

  /** FilterHost: a filter answers in the backend's place. */
  answer(status: number, headers: ReadonlyArray<readonly [string, string]>, body: string): void {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.#reply(status, lines, body);
  }

  #fail(status: number, reason: string, message: string): void {
    this.#account.reason = reason;
    if (this.#web !== null) this.#down = this.#web;
    const reply = localReply(this.#preference, status, { message, requestId: this.requestId });
    this.#reply(reply.status, `${reply.lines}X-Request-Id: ${this.requestId}\r\n`, reply.body);
  }

  #failUpstream(why: Failure): void {
    const { status, message } = upstreamFailure(why);
    this.#fail(status, why, message);
  }

  #reply(status: number, lines: string, body: string): void {
    const down = this.#down;
    this.#account.status = status;
    this.#responseStarted = true;
    if (!this.#requestComplete) down.discardBody();
    this.#account.bytesOut += this.#headRequest ? 0 : Buffer.byteLength(body);
    this.#finish();
    sendReply(down, { status, lines, body }, this.#headRequest);
  }

  // ── deadlines and the end

  protected tryAgain(): void {
    this.#attempt();
  }

  protected attemptTimedOut(): void {
    this.#releaseUpstream('timeout');
    this.upstreamFailed('timeout', false);
  }

  protected timedOut(): void {
    this.#releaseUpstream('timeout');
    if (this.#responseStarted) this.#cut('timeout');
    else this.#failUpstream('timeout');
  }

  /** The answer has begun and cannot be completed. */
  #cut(why: Failure | 'body_too_large'): void {
    const down = this.#down;
    this.#account.reason = why;
    this.#finish();
    if (!this.#endsWithStatus) return down.abort(why === 'body_too_large' ? 'closed_early' : why);
    if (!this.#requestComplete) down.discardBody();
    const { status, message } = why === 'body_too_large' ? TOO_LARGE : upstreamFailure(why);
    endWithStatus(down, status, message);
  }

  #releaseUpstream(why: Failure): void {
    const up = this.#up;
    this.#up = null;
    if (up !== null) up.abort(why);
    else this.#pool?.cancel(this);
  }

  #finish(): void {
    assert(!this.#over);
    this.#over = true;
    // A copy that will not become whole is worth nothing.
    if (!this.#requestComplete) this.#mirrors?.giveUp();
    this.endTimes();
    this.#account.close(this.#service, this);
  }
}
