/**
 * One request and its answer: routing, filters, the choice of a backend, retries and deadlines. It knows no protocol
 * (codec.ts) and no socket. One object a request, not used again, so that a late call from a connection that it let
 * go of can do no harm. The request's side is here, the backend's in exchange-attempt.ts, and what is said to the
 * client without one in exchange-answer.ts.
 */
import { ANSWERED } from '../filter/index.ts';
import { BODY_OPEN, type Failure, type RequestSide } from '../ground/codec.ts';
import { isGrpc } from '../ground/grpc-call.ts';
import { type Head, isHeadMethod } from '../ground/head.ts';
import { settlePath } from '../ground/path-form.ts';
import type { PlannedBackend, RoutePlan } from '../route/index.ts';
import { PATH_NOT_NORMAL } from './asked-target.ts';
import { BackendRequest } from './backend-request.ts';
import { ExchangeAttempt } from './exchange-attempt.ts';
import { FilterRun } from './filter-run.ts';
import { composeRequest, framingOf } from './forward.ts';
import { grpcDue } from './grpc.ts';
import { grpcWebOf } from './grpc-web.ts';
import { PREFERS_GRPC, PREFERS_JSON, preferenceOf } from './local-reply.ts';
import { runsInCircle, VIA_OF_ANSWERS } from './loop.ts';
import { Mirrors } from './mirror.ts';
import { trustedRequestId } from './request-id.ts';

export class Exchange extends ExchangeAttempt implements RequestSide {
  #mirrors: Mirrors | null = null;

  requestHead(head: Head, complete: boolean): void {
    const { service } = this;
    this.requestComplete = complete;
    this.preference = isGrpc(head) ? PREFERS_GRPC : preferenceOf(head);
    if (this.preference === PREFERS_GRPC) this.web = grpcWebOf(head, this.down);
    this.headRequest = isHeadMethod(head);
    const trusted = service.trustedHops.has(this.client.remoteAddress);
    if (trusted) this.givenId = trustedRequestId(head);
    const sound = head.pathNormal || settlePath(head, service.table.pathForm(head));
    if (service.onAccess !== undefined) this.account.note(head);
    if (!sound) return this.fail(400, 'malformed_request', PATH_NOT_NORMAL);

    if (head.loopField >= 0 && runsInCircle(head)) {
      return this.fail(508, 'loop', 'This request came back to the gateway too often: a route leads to itself.');
    }
    const { maxBodyBytes } = service.limits;
    if (maxBodyBytes > 0 && head.contentLength > maxBodyBytes) return this.#refuseBody();
    const serverName = this.client.tls?.serverName ?? '';
    if (this.client.tls !== undefined && !service.table.serves(head, serverName)) {
      // Browsers ask again over another connection where they see the status.
      if (this.web !== null) this.preference = PREFERS_JSON;
      this.web = null;
      return this.fail(421, 'misdirected', 'This connection was made for another host name.');
    }
    const match = service.table.match(head, serverName);
    if (match === null) return this.#failUnrouted(head, serverName);
    const { plan, matchedPrefix, listenerPort } = match;
    this.plan = plan;
    this.account.listener = match.listener;
    this.account.route = plan.rule.key;
    if (plan.rule.broken !== undefined)
      return this.fail(500, 'route_broken', 'The route for this request cannot be used.');
    this.#route(head, { plan, matchedPrefix, listenerPort, trusted });
  }

  #failUnrouted(head: Head, serverName: string): void {
    const wantsGrpc = this.service.table.wantsGrpc(head, serverName);
    if (wantsGrpc) this.fail(415, 'not_grpc', 'Only gRPC is served here: POST with a content type application/grpc.');
    else this.fail(404, 'no_route', 'No route matches this request.');
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
      return this.fail(500, 'backend_invalid', 'The backend of this route cannot be used.');
    }
    if (backend.filters !== null) {
      run ??= new FilterRun(this, { head, matchedPrefix: at.matchedPrefix, listenerPort: at.listenerPort });
      if (run.run(backend.filters) === ANSWERED) return;
    }
    const choice = this.service.upstreams.get(backend.key);
    this.account.backend = backend.key;
    this.account.planned = backend;
    if (choice === undefined || choice.broken !== undefined) {
      return this.fail(500, 'backend_invalid', 'The backend of this route cannot be used.');
    }
    this.choice = choice;
    if (this.#compose(head, { backend, run, listenerPort: at.listenerPort, trusted: at.trusted })) this.#start(head);
    else this.fail(431, 'head_too_large', 'The head of this request is too large with what the route adds to it.');
  }

  /** False: the head for the backend is too large. */
  #compose(
    head: Head,
    around: { backend: PlannedBackend; run: FilterRun | null; listenerPort: number; trusted: boolean },
  ): boolean {
    const { backend, run } = around;
    const upgrade = head.upgradeEnd > 0;
    let framing = framingOf(head, this.requestComplete);
    let patch = run === null ? backend.requestPatch : backend.requestPatch.followedBy(run.requestPatch);
    if (this.web !== null && this.plan!.rule.route.kind === 'GRPCRoute') {
      this.down = this.web;
      patch = patch.followedBy(this.web.requestPatch);
      if (this.web.requestText && !this.requestComplete) framing = BODY_OPEN;
    }
    const changes = {
      target: run?.target ?? '',
      authority: run?.authority ?? '',
      patch,
      requestId: this.givenId,
      idNumber: this.idNumber,
      listenerPort: around.listenerPort,
      trusted: around.trusted,
      upgrade,
      via: this.service.via === true,
    };
    const text = composeRequest(head, { changes, client: this.client, framing });
    if (text === null) return false;
    this.request = new BackendRequest(text, framing);
    this.responsePatch = run === null ? backend.responsePatch : backend.responsePatch.followedBy(run.responsePatch);
    if (changes.via) this.responsePatch = this.responsePatch.followedBy(VIA_OF_ANSWERS);
    // What follows an upgrade is between two: there is nothing in it to copy.
    if (run !== null && run.mirrors.length > 0 && !upgrade) this.#mirror(run.mirrors);
    return true;
  }

  #mirror(backends: readonly string[]): void {
    this.#mirrors = new Mirrors(this.service, backends, {
      head: this.request!.head,
      framing: this.request!.framing,
      client: this.client,
    });
    if (this.requestComplete) this.#mirrors.end('');
  }

  #start(head: Head): void {
    const { timeouts, retry } = this.plan!.rule;
    const { now } = this.service.wheel;
    if (timeouts?.request) this.endRequestAt(now + timeouts.request);
    if (this.preference === PREFERS_GRPC) this.endRequestAt(grpcDue(head, now));
    if (!this.requestComplete && retry !== undefined) this.request!.keepForReplay();
    this.expectsContinue = head.expectContinue && !this.requestComplete;
    this.attempt();
  }

  requestBody(start: number, end: number): void {
    const size = end - start;
    this.account.bytesIn += size;
    this.active();
    if (this.over) return;
    const { maxBodyBytes } = this.service.limits;
    if (maxBodyBytes > 0 && this.account.bytesIn > maxBodyBytes && !this.tunnel) return this.#refuseBody();
    if (this.down !== this.web) return this.#passBody(start, end);
    const decoded = this.web.decode(start, end);
    if (decoded < 0) this.requestRefused(400, 'The body of this request is not base64.');
    else if (decoded > start) this.#passBody(start, decoded);
  }

  #passBody(start: number, end: number): void {
    this.#mirrors?.body(start, end);
    this.request!.keep(start, end, this.up === null);
    if (this.up === null) this.down.pauseBody();
    else if (!this.up.sendBody(start, end)) this.down.pauseBody();
  }

  requestEnd(trailersStart: number, trailersEnd: number): void {
    this.requestComplete = true;
    if (this.over) return;
    if (this.tunnel) return this.#endTunnelRequest();
    if (this.down === this.web && !this.web.requestWhole) {
      return this.requestRefused(400, 'The base64 of this request ends in the middle.');
    }
    this.request!.end(trailersStart, trailersEnd);
    this.#mirrors?.end(this.request!.trailers);
    this.up?.sendEnd(trailersStart, trailersEnd);
  }

  /** The client has no more to say; the backend may. */
  #endTunnelRequest(): void {
    const { up } = this;
    if (--this.tunnelOpen === 0) {
      this.up = null;
      this.finish();
    }
    up?.sendEnd(0, 0);
  }

  requestFlush(): void {
    this.up?.flush();
    this.#mirrors?.flush();
  }

  /** The rest of the request cannot be read, but the client can be told so; what still comes is dropped. */
  requestRefused(status: number, message: string): void {
    if (this.over) return;
    this.releaseUpstream('closed_early');
    if (this.responseStarted) this.cut('protocol_error');
    else this.fail(status, 'malformed_request', message);
  }

  requestAborted(why: Failure): void {
    if (this.over) return;
    this.account.status ||= 499;
    this.account.reason = why === 'draining' ? why : `client_${why}`;
    this.releaseUpstream(why);
    this.finish();
  }

  downstreamDrained(): void {
    this.up?.resumeBody();
  }

  #refuseBody(): void {
    this.releaseUpstream('closed_early');
    const { maxBodyBytes } = this.service.limits;
    if (this.responseStarted) this.cut('body_too_large');
    else this.fail(413, 'body_too_large', `The body of this request is longer than ${maxBodyBytes} bytes.`);
  }

  /** A copy that will not become whole is worth nothing. */
  protected override finish(): void {
    if (!this.requestComplete) this.#mirrors?.giveUp();
    super.finish();
  }
}
