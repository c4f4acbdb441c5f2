/**
 * One request and its answer: routing, filters, the choice of a backend, retries and deadlines. It knows no protocol
 * (codec.ts) and no socket. One object a request, not used again, so that a late call from a connection that it let
 * go of can do no harm.
 */
import { ANSWERED, HeaderPatch } from '../filter/index.ts';
import type { PlannedBackend, RoutePlan } from '../route/index.ts';
import type { EndpointPool, OpenWaiter } from '../upstream/index.ts';
import { Account } from './account.ts';
import { ARENA, COMPOSE_END, COMPOSE_START } from './arena.ts';
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_OPEN,
  BODY_TUNNEL,
  type BodyFraming,
  type ClientConnection,
  type Downstream,
  type Failure,
  type RequestSide,
  type Upstream,
} from './codec.ts';
import { putText } from './compose.ts';
import type { Deadline, DeadlineOwner } from './deadline.ts';
import { FilterRun } from './filterrun.ts';
import { composeRequest, composeResponse } from './forward.ts';
import { grpcTimeout, isGrpc } from './grpc.ts';
import type { Head } from './head.ts';
import { KeptBody } from './keptbody.ts';
import { localReply, PREFERS_GRPC, PREFERS_JSON, type Preference, preferenceOf, reasonPhrase } from './localreply.ts';
import { Mirror } from './mirror.ts';
import { idText, nextIdNumber, trustedRequestId } from './requestid.ts';
import { isIdempotent, MAX_CONNECT_ATTEMPTS, retriesFailure, retriesStatus, retryDelay } from './retry.ts';
import { type HttpService, MAX_REPLAY_BYTES, type UpstreamChoice } from './service.ts';

const NEVER = Number.POSITIVE_INFINITY;
const LETTER_H = 0x48;
const LETTER_E = 0x45;

export class Exchange implements RequestSide, OpenWaiter, DeadlineOwner {
  readonly #service: HttpService;
  readonly #down: Downstream;
  readonly #deadline: Deadline;
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
  /** The upstream request head, kept for as long as it may have to be sent again. */
  #text = '';
  #framing: BodyFraming = BODY_NONE;
  #responsePatch: HeaderPatch = HeaderPatch.NONE;
  #mirrors: Mirror[] | null = null;
  #kept: KeptBody | null = null;
  /** Body bytes went to a backend that are not kept: the request cannot be sent again. */
  #spent = false;

  #requestComplete = false;
  #responseStarted = false;
  #tunnel = false;
  #over = false;

  // Times on the wheel's clock.
  #requestDue = NEVER;
  #attemptDue = NEVER;
  #retryAt = NEVER;
  #activeAt: number;

  constructor(service: HttpService, down: Downstream) {
    this.#service = service;
    this.#down = down;
    this.#activeAt = service.wheel.now;
    this.#deadline = service.wheel.borrow(this);
    service.wheel.set(this.#deadline, service.limits.streamIdleTimeout);
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
    this.#preference = complete || !isGrpc(head) ? preferenceOf(head) : PREFERS_GRPC;
    this.#headRequest = ARENA[head.methodStart] === LETTER_H && ARENA[head.methodStart + 1] === LETTER_E;
    const trusted = service.trustedHops.has(this.client.remoteAddress);
    if (trusted) this.#givenId = trustedRequestId(head);
    if (service.onAccess !== undefined) this.#account.note(head);

    const { maxBodyBytes } = service.limits;
    if (maxBodyBytes > 0 && head.contentLength > maxBodyBytes) return this.#refuseBody();
    const serverName = this.client.tls?.serverName ?? '';
    if (this.client.tls !== undefined && !service.table.serves(head, serverName)) {
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
    this.#framing = upgrade
      ? BODY_TUNNEL
      : head.chunked
        ? BODY_OPEN
        : head.contentLength >= 0
          ? BODY_LENGTH
          : BODY_NONE;
    if (!upgrade && !this.#requestComplete && this.#framing === BODY_NONE) this.#framing = BODY_OPEN;
    const changes = {
      target: run?.target ?? '',
      authority: run?.authority ?? '',
      patch: run === null ? backend.requestPatch : backend.requestPatch.followedBy(run.requestPatch),
      requestId: this.#givenId,
      idNumber: this.#idNumber,
      listenerPort: around.listenerPort,
      trusted: around.trusted,
      upgrade,
    };
    const end = composeRequest(COMPOSE_START, head, { changes, client: this.client, framing: this.#framing });
    this.#text = ARENA.latin1Slice(COMPOSE_START, end);
    this.#responsePatch = run === null ? backend.responsePatch : backend.responsePatch.followedBy(run.responsePatch);
    if (run !== null && run.mirrors.length > 0) this.#mirror(run.mirrors);
  }

  #mirror(backends: readonly string[]): void {
    const framing = this.#framing === BODY_TUNNEL ? BODY_NONE : this.#framing;
    this.#mirrors = [];
    for (const key of backends) {
      const pool = this.#service.upstreams.get(key)?.pick() ?? null;
      if (pool !== null) this.#mirrors.push(new Mirror(pool, this.#text, framing));
    }
    if (this.#requestComplete) for (const mirror of this.#mirrors) mirror.end();
  }

  #start(head: Head): void {
    const { timeouts, retry } = this.#plan!.rule;
    if (timeouts?.request) this.#requestDue = this.#service.wheel.now + timeouts.request;
    if (this.#preference === PREFERS_GRPC) this.#takeGrpcDeadline(head);
    if (!this.#requestComplete && retry !== undefined) this.#kept = new KeptBody();
    if (head.expectContinue && !this.#requestComplete) this.#continue();
    this.#attempt();
  }

  #takeGrpcDeadline(head: Head): void {
    const allowed = grpcTimeout(head);
    if (allowed > 0) this.#requestDue = Math.min(this.#requestDue, this.#service.wheel.now + allowed);
  }

  /** The client waits for this word before it sends the body; the backend is not asked, as its answer decides. */
  #continue(): void {
    const at = this.#down.beginHead();
    this.#down.sendInformational(at, putText(at, 'HTTP/1.1 100 Continue\r\n'));
    this.#down.flush();
  }

  requestBody(start: number, end: number): void {
    const size = end - start;
    this.#account.bytesIn += size;
    this.#activeAt = this.#service.wheel.now;
    if (this.#over) return;
    const { maxBodyBytes } = this.#service.limits;
    if (maxBodyBytes > 0 && this.#account.bytesIn > maxBodyBytes && !this.#tunnel) return this.#refuseBody();
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.body(start, end);
    this.#keep(start, end);
    if (this.#up === null) this.#down.pauseBody();
    else if (!this.#up.sendBody(start, end)) this.#down.pauseBody();
  }

  /** Keeps what a later attempt or a connection that is not open yet must be sent. */
  #keep(start: number, end: number): void {
    const kept = this.#kept;
    if (this.#up === null) {
      (this.#kept ??= new KeptBody()).add(start, end);
    } else if (kept !== null && kept.bytes + (end - start) <= MAX_REPLAY_BYTES) {
      kept.add(start, end);
    } else {
      this.#kept = null;
      this.#spent = true;
    }
  }

  requestEnd(trailersStart: number, trailersEnd: number): void {
    this.#requestComplete = true;
    if (this.#over) return;
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.end();
    this.#up?.sendEnd(trailersStart, trailersEnd);
  }

  requestFlush(): void {
    this.#up?.flush();
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.flush();
  }

  requestAborted(why: Failure): void {
    if (this.#over) return;
    this.#account.status ||= 499;
    this.#account.reason = `client_${why}`;
    this.#letGo(why);
    this.#finish();
  }

  downstreamDrained(): void {
    this.#up?.resumeBody();
  }

  #refuseBody(): void {
    this.#letGo('closed_early');
    this.#fail(
      413,
      'body_too_large',
      `The body of this request is longer than ${this.#service.limits.maxBodyBytes} bytes.`,
    );
  }

  // ── the attempt

  #attempt(): void {
    const pool = this.#choice!.pick(this.#pool);
    if (pool === null) return this.#fail(503, 'no_endpoints', 'The backend of this route has no endpoints.');
    this.#pool = pool;
    this.#account.attempts++;
    this.#account.endpoint = pool.label;
    const { timeouts } = this.#plan!.rule;
    if (timeouts?.backendRequest) this.#attemptDue = this.#service.wheel.now + timeouts.backendRequest;
    if (this.#requestDue !== NEVER || this.#attemptDue !== NEVER) this.#arm();
    const up = pool.open(this);
    if (up !== null) this.#send(up);
  }

  upstreamReady(up: Upstream): void {
    if (this.#over) return up.abort('closed_early');
    this.#send(up);
    up.flush();
  }

  #send(up: Upstream): void {
    this.#up = up;
    up.sendHead(this.#text, this.#framing);
    if (this.#kept !== null && !this.#kept.empty) {
      const flowing = this.#plan!.rule.retry === undefined ? this.#sendOnce(up) : this.#kept.sendAll(up);
      if (flowing && !this.#requestComplete) this.#down.resumeBody();
    } else if (!this.#requestComplete) {
      this.#down.resumeBody();
    }
    if (this.#framing === BODY_TUNNEL) up.flush();
    else if (this.#requestComplete) up.sendEnd(0, 0);
  }

  #sendOnce(up: Upstream): boolean {
    const kept = this.#kept!;
    this.#kept = null;
    this.#spent = true;
    return kept.sendAll(up);
  }

  upstreamUnavailable(why: Failure): void {
    if (this.#over) return;
    const { attempts } = this.#account;
    const rule = this.#plan!.rule;
    if (attempts < Math.min(MAX_CONNECT_ATTEMPTS, this.#choice!.size)) this.#attempt();
    else if (retriesFailure(rule, why, attempts)) this.#retryLater();
    else this.#failUpstream(why);
  }

  upstreamFailed(why: Failure, sawBytes: boolean): void {
    this.#up = null;
    if (this.#over) return;
    if (this.#responseStarted) return this.#cut(why);
    const { attempts } = this.#account;
    if (!this.#spent && !sawBytes && this.#framing !== BODY_TUNNEL) {
      if (retriesFailure(this.#plan!.rule, why, attempts)) return this.#retryLater();
      // A kept connection that its backend closed at the same moment: the first request on it is sent again, once.
      if (attempts === 1 && why !== 'timeout' && isIdempotent(this.#method())) return this.#attempt();
    }
    this.#failUpstream(why);
  }

  #method(): string {
    return this.#text.slice(0, this.#text.indexOf(' '));
  }

  #retryLater(): void {
    this.#attemptDue = NEVER;
    this.#retryAt = this.#service.wheel.now + retryDelay(this.#plan!.rule, this.#account.attempts);
    this.#arm();
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
    if (!this.#spent && retriesStatus(this.#plan!.rule, status, account.attempts)) {
      this.#up?.abort('closed_early');
      this.#up = null;
      return this.#retryLater();
    }
    if (framing === BODY_TUNNEL) {
      if (this.#framing !== BODY_TUNNEL) return this.#refuseResponse();
      this.#tunnel = true;
      this.#requestDue = this.#attemptDue = NEVER;
    }
    this.#activeAt = this.#service.wheel.now;
    this.#responseStarted = true;
    account.status = status;
    const at = this.#down.beginHead();
    this.#down.sendHead(at, composeResponse(at, head, this.#responsePatch), framing);
  }

  /** The backend switched protocols unasked. */
  #refuseResponse(): void {
    this.#up?.abort('protocol_error');
    this.#up = null;
    this.#failUpstream('protocol_error');
  }

  responseBody(start: number, end: number): void {
    this.#account.bytesOut += end - start;
    this.#activeAt = this.#service.wheel.now;
    if (!this.#over && !this.#down.sendBody(start, end)) this.#up?.pauseBody();
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
    const reply = localReply(this.#preference, status, { message, requestId: this.requestId });
    this.#reply(reply.status, `${reply.lines}X-Request-Id: ${this.requestId}\r\n`, reply.body);
  }

  #failUpstream(why: Failure): void {
    if (why === 'overloaded') this.#fail(503, why, 'The backend has no free connection.');
    else if (why === 'timeout' || why === 'connect_timeout')
      this.#fail(504, why, 'The backend did not answer in time.');
    else this.#fail(502, why, 'The backend did not give a valid answer.');
  }

  #reply(status: number, lines: string, body: string): void {
    const down = this.#down;
    this.#account.status = status;
    this.#responseStarted = true;
    const bodyAt = COMPOSE_START;
    const bodyEnd = bodyAt + ARENA.write(body, bodyAt, COMPOSE_END - bodyAt, 'utf8');
    const at = down.beginHead();
    const length = status === 204 || status === 304 ? '' : `Content-Length: ${bodyEnd - bodyAt}\r\n`;
    const end = putText(at, `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${length}${lines}`);
    const hasBody = !this.#headRequest && bodyEnd > bodyAt;
    const framing = hasBody || (length !== '' && !this.#headRequest) ? BODY_LENGTH : BODY_NONE;
    if (!this.#requestComplete) down.discardBody();
    this.#account.bytesOut += hasBody ? bodyEnd - bodyAt : 0;
    this.#finish();
    down.sendHead(at, end, framing);
    if (hasBody) down.sendBody(bodyAt, bodyEnd);
    down.sendEnd(0, 0);
  }

  // ── deadlines and the end

  #arm(): void {
    const idleAt = this.#activeAt + this.#service.limits.streamIdleTimeout;
    this.#service.wheel.setAt(this.#deadline, Math.min(this.#requestDue, this.#attemptDue, this.#retryAt, idleAt));
  }

  onDeadline(now: number): void {
    if (this.#over) return;
    if (this.#requestDue <= now) return this.#timeOut();
    if (this.#retryAt <= now) {
      this.#retryAt = NEVER;
      this.#attempt();
    } else if (this.#attemptDue <= now) {
      this.#attemptDue = NEVER;
      this.#releaseUpstream('timeout');
      this.upstreamFailed('timeout', false);
    } else if (this.#activeAt + this.#service.limits.streamIdleTimeout <= now) {
      return this.#timeOut();
    }
    if (!this.#over) this.#arm();
  }

  #timeOut(): void {
    this.#letGo('timeout');
    if (this.#responseStarted) this.#cut('timeout');
    else this.#failUpstream('timeout');
  }

  /** The answer has begun and cannot be completed. */
  #cut(why: Failure): void {
    this.#account.reason = why;
    this.#finish();
    this.#down.abort(why);
  }

  #releaseUpstream(why: Failure): void {
    const up = this.#up;
    this.#up = null;
    if (up !== null) up.abort(why);
    else this.#pool?.cancel(this);
  }

  #letGo(why: Failure): void {
    this.#releaseUpstream(why);
    if (this.#mirrors !== null && !this.#requestComplete) for (const mirror of this.#mirrors) mirror.giveUp();
  }

  #finish(): void {
    this.#over = true;
    this.#service.wheel.giveBack(this.#deadline);
    this.#account.close(this.#service, this);
  }
}
