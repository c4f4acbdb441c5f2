/**
 * One request and its answer: routing, filters, the choice of a backend, retries and deadlines. It knows no protocol
 * (codec.ts) and no socket. One object a request, not used again, so that a late call from a connection that it let
 * go of can do no harm. The request's side is here, the backend's in exchange-attempt.ts, and what is said to the
 * client without one in exchange-answer.ts.
 */
import { ANSWERED, CONTINUE, type FilterChain, HeaderPatch, type SubRequest, type Verdict } from '../filter/index.ts';
import { mayLook, Overdrawn } from '../ground/allowance.ts';
import { BODY_OPEN, type RequestSide } from '../ground/codec.ts';
import { isGrpc } from '../ground/grpc-call.ts';
import { type Head, isHeadMethod } from '../ground/head.ts';
import { settlePath } from '../ground/path-form.ts';
import type { ClientRules, PlannedBackend, RouteMatch, RoutePlan } from '../route/index.ts';
import type { SteeredRequest } from '../upstream/index.ts';
import { PATH_NOT_NORMAL } from './asked-target.ts';
import { BackendRequest } from './backend-request.ts';
import { BodyPipeline } from './body-pipeline.ts';
import { addressByRule, clientAddress } from './client-address.ts';
import { withoutParameters } from './dropped-parameter.ts';
import { hintsFor } from './early-hints.ts';
import { NO_LENGTH } from './exchange-answer.ts';
import { ExchangeBody } from './exchange-body.ts';
import { type FilterHost, FilterRun, MATCH_OVERDRAWN } from './filter-run.ts';
import { composeRequest, framingOf } from './forward.ts';
import { grpcDue } from './grpc.ts';
import { grpcWebOf } from './grpc-web.ts';
import { type Copy, type CopyChanges, GuardedCopy } from './guarded-copy.ts';
import { HeldRequest, type Matched } from './held-request.ts';
import { PREFERS_GRPC, PREFERS_JSON, preferenceOf } from './local-reply.ts';
import { type LookWaiter, lookLater } from './look-turns.ts';
import { runsInCircle, VIA_OF_ANSWERS } from './loop.ts';
import { Mirrors } from './mirror.ts';
import { requestIdIn, trustedRequestId } from './request-id.ts';
import { linesTaken } from './service.ts';
import { type SubDone, SubExchange } from './sub-exchange.ts';
import { hideUnderscores } from './underscore.ts';
import type { Wait } from './wait.ts';
import { destinationPatch, mayMove } from './webdav-destination.ts';

/** Requests that waited for the same answer go on together, whoever sent them. */
const RESUMED = {};

/** `before`: what it was, where that is not the client's. */
function targetOf(run: Pick<FilterRun, 'target' | 'dropped'> | null, head: Head, before = ''): string {
  if (run === null) return before;
  const target = run.target || before;
  return run.dropped === null ? target : withoutParameters(target, run.dropped, head);
}

export class Exchange extends ExchangeBody implements RequestSide, FilterHost, LookWaiter {
  requestHead(head: Head, complete: boolean): void {
    const { service } = this;
    this.requestComplete = complete;
    this.preference = isGrpc(head) ? PREFERS_GRPC : preferenceOf(head);
    if (this.preference === PREFERS_GRPC) this.web = grpcWebOf(head, this.down);
    this.headRequest = isHeadMethod(head);
    const rules = service.table.hasClientRules ? service.table.clientRules(head) : null;
    let trusted = service.trustedHops.has(this.client.remoteAddress);
    if (trusted) {
      this.givenId = trustedRequestId(head);
      this.account.clientAddress = clientAddress(head, this.client.remoteAddress, service.trustedHops);
    }
    if (rules !== null) {
      this.rules = rules;
      trusted = this.heedAddress(rules, head) || trusted;
    }
    const sound = head.pathNormal || settlePath(head, service.table.pathForm(head));
    if (service.onAccess !== undefined) this.account.note(head);
    if (!sound) return this.fail(400, 'malformed_request', PATH_NOT_NORMAL);

    if (head.loopField >= 0 && runsInCircle(head)) {
      return this.fail(508, 'loop', 'This request came back to the gateway too often: a route leads to itself.');
    }
    if (service.table.mostHeaderLines > 0 && head.count > linesTaken(service, head)) {
      return this.fail(431, 'malformed_request', 'The message has too many header fields.');
    }
    if (rules !== null && !this.heedRules(rules, head)) return;
    const { maxBodyBytes } = this;
    if (maxBodyBytes > 0 && head.contentLength > maxBodyBytes) return this.refuseBody();
    const serverName = this.client.tls?.serverName ?? '';
    if (this.client.tls !== undefined && !service.table.serves(head, serverName)) {
      // Browsers ask again over another connection where they see the status.
      if (this.web !== null) this.preference = PREFERS_JSON;
      this.web = null;
      return this.fail(421, 'misdirected', 'This connection was made for another host name.');
    }
    this.expectsContinue = head.expectContinue;
    const matched = { matchedPrefix: 0, listenerPort: 0, trusted, bodyless: complete };
    if (mayLook(this.client)) this.find(head, matched);
    else this.putOff(head, matched);
  }

  /** The connection had its turn. */
  private putOff(head: Head, matched: Matched): void {
    this.held ??= new HeldRequest(head, matched);
    if (!this.requestComplete) this.down.pauseBody();
    lookLater(this);
  }

  look(): void {
    if (this.over) return;
    const { held, run } = this;
    if (run === null) this.find(held!.restore(), held!.matched);
    else this.goOn(run);
    // No codec is in the middle of a read, after which it would say so.
    if (!this.over) this.requestFlush();
  }

  /** Whom the request comes from. True: who is at the other end is believed. */
  private heedAddress({ address }: ClientRules, head: Head): boolean {
    const peer = this.client.remoteAddress;
    if (address === null) return false;
    const named = addressByRule(head, peer, { rule: address, trusted: this.service.trustedHops });
    if (named === undefined) return false;
    this.givenId = trustedRequestId(head);
    this.account.clientAddress = named;
    return true;
  }

  /** False: the request is refused. */
  private heedRules(rules: ClientRules, head: Head): boolean {
    const { maxBodyBytes, maxHeadBytes, underscores, requestId, bodyTimeout, hints } = rules;
    if (maxHeadBytes > 0 && head.end - head.start > maxHeadBytes) {
      this.fail(431, 'malformed_request', 'The head of this request is too large.');
      return false;
    }
    if (hints !== undefined) this.hints = hintsFor(head, hints, this.client.protocol);
    if (maxBodyBytes > 0) this.limitBody(maxBodyBytes, null);
    if (requestId?.keep === true) this.givenId ||= requestIdIn(head, requestId.header ?? 'x-request-id');
    if (underscores !== 'Allow' && hideUnderscores(head) && underscores === 'Reject') {
      this.fail(
        400,
        'malformed_request',
        "The name of a header field has a '_' or another mark than '-', which is not taken here.",
      );
      return false;
    }
    if (bodyTimeout > 0 && !this.requestComplete) this.watchIdle();
    return true;
  }

  /** What acts before the route is chosen, which then sees what that wrote. */
  private find(head: Head, matched: Matched): void {
    const { policies, table } = this.service;
    const filters = table.hasFilters ? table.filters(head) : null;
    if (filters === null) return this.chooseRoute(head, matched);
    const listener = table.listener(head)!;
    matched.listenerPort = listener.port;
    this.account.listener = listener.key;
    this.held ??= new HeldRequest(head, matched);
    const run = this.runFor(head, matched);
    if (this.passes(run.runFirst(policies.beforeRoute(filters, listener.key)), head, matched)) {
      this.chooseRoute(run.head, matched);
    }
  }

  /** The route, and the filters on the way to it. */
  private chooseRoute(head: Head, matched: Matched): void {
    const { policies } = this.service;
    const match = this.matchOf(head);
    this.run?.chosen(match?.matchedPrefix ?? 0);
    if (match === undefined) return this.answerWith({ denial: MATCH_OVERDRAWN });
    if (match === null) return this.meetListener(head, matched);
    const { plan } = match;
    this.plan = plan;
    matched.matchedPrefix = match.matchedPrefix;
    matched.listenerPort = match.listenerPort;
    this.account.listener = match.listener;
    this.account.route = plan.rule.key;
    if (plan.rule.broken !== undefined)
      return this.fail(500, 'route_broken', 'The route for this request cannot be used.');
    this.responsePatch = plan.responsePatch;
    this.limit(head);
    this.meet(policies.filtersOf(plan, match.listener), head, matched);
  }

  /** Undefined: it takes too long to find out, and a rule owns its matches, so that the next one may not take it. */
  private matchOf(head: Head): RouteMatch | null | undefined {
    try {
      return this.service.table.match(head, this.client.tls?.serverName ?? '');
    } catch (error) {
      if (error instanceof Overdrawn) return undefined;
      throw error;
    }
  }

  /** Its backend went while a filter waited: it goes the way of requests that come now, filters included. */
  private findAgain(matched: Matched): void {
    const { bytesIn, bytesOut } = this.account;
    this.run!.end({ status: 0, reason: 'rerouted', bytesIn, bytesOut });
    this.run = null;
    this.plan = null;
    this.planned = null;
    this.find(this.held!.restoreSent(), matched);
  }

  /** What is attached to a listener acts on requests that no route takes, too. */
  private meetListener(head: Head, matched: Matched): void {
    const { policies, table } = this.service;
    const listener = policies.none ? undefined : table.listener(head);
    if (listener === undefined) return this.choose(head, matched);
    matched.listenerPort = listener.port;
    this.account.listener = listener.key;
    this.meet(policies.ofListener(listener.key), head, matched);
  }

  /** The time for the whole request runs from its head on, whoever makes it wait. */
  private limit(head: Head): void {
    const { timeouts } = this.plan!.rule;
    const waited = this.held === null ? 0 : performance.now() - this.account.startedAt;
    const began = this.service.wheel.now - waited;
    if (timeouts?.request) this.endRequestAt(began + timeouts.request);
    if (this.preference === PREFERS_GRPC) this.endRequestAt(grpcDue(head, began));
  }

  // ── filters, then the backend: composes the upstream head while the client's is in ARENA

  private meet(filters: FilterChain | null, head: Head, matched: Matched): void {
    if (filters === null || this.passes(this.runFor(head, matched).run(filters), head, matched)) {
      this.choose(head, matched);
    }
  }

  private runFor(head: Head, { matchedPrefix, listenerPort, trusted }: Matched): FilterRun {
    return (this.run ??= new FilterRun(this, { head, matchedPrefix, listenerPort, trusted }));
  }

  /** False: the request is answered, or waits. */
  private passes(verdict: Verdict, head: Head, matched: Matched): boolean {
    if (verdict === CONTINUE) return true;
    if (verdict === ANSWERED) this.answerWith(this.run!.answer!);
    else this.hold(head, matched);
    return false;
  }

  private choose(head: Head, matched: Matched): void {
    if (this.plan === null) return this.failUnrouted(head);
    const backend = this.keptBackend(this.plan, head, matched) ?? this.plan.choice.next();
    if (backend === null || backend.broken !== undefined) return this.failBackend();
    this.planned = backend;
    const filters = this.service.policies.filtersOfBackend(backend);
    if (filters === null || this.passes(this.runFor(head, matched).run(filters), head, matched)) {
      this.sendRequest(head, matched);
    }
  }

  /** Of several backends that of the request's session, or null. */
  private keptBackend({ backends, rule }: RoutePlan, head: Head, matched: Matched): PlannedBackend | null {
    const { upstreams } = this.service;
    if (backends.length < 2 || !(rule.sessionPersistence !== undefined || upstreams.keepsSessions === true))
      return null;
    const request = this.steered(head, matched);
    for (const backend of backends) {
      const choice = backend.broken === undefined ? upstreams.get(backend.key) : undefined;
      const session = rule.sessionPersistence ?? choice?.session;
      if (session?.acrossBackends === true && choice?.keeps(request, session) === true) return backend;
    }
    return null;
  }

  private steered(head: Head, { matchedPrefix }: Matched): SteeredRequest {
    return { head, clientAddress: this.clientAddress, matchedPrefix, secure: this.client.scheme === 'https' };
  }

  private sendRequest(head: Head, matched: Matched): void {
    const backend = this.planned!;
    const choice = this.service.upstreams.get(backend.key);
    if (choice === undefined && this.held?.mayReturn()) return this.findAgain(matched);
    this.account.backend = backend.key;
    this.account.planned = backend;
    if (choice === undefined || choice.broken !== undefined) return this.failBackend();
    this.choice = choice;
    const { sessionPersistence, timeouts } = this.plan!.rule;
    if (choice.timeouts?.request !== undefined && timeouts?.request === undefined)
      this.endRequestAt(this.service.wheel.now + choice.timeouts.request);
    if (choice.steers || sessionPersistence !== undefined)
      this.aim = choice.aim(this.steered(head, matched), sessionPersistence ?? choice.session);
    if (!this.compose(head, matched)) {
      return this.fail(431, 'head_too_large', 'The head of this request is too large with what the route adds to it.');
    }
    if (!this.requestComplete && this.mayGoAgain) this.request!.keepForReplay();
    this.expectsContinue = this.expectsContinue && !this.requestComplete;
    if (this.held !== null) this.release(this.held);
    if (!this.over) this.attempt();
  }

  private failUnrouted(head: Head): void {
    const wantsGrpc = this.service.table.wantsGrpc(head, this.client.tls?.serverName ?? '');
    if (wantsGrpc) this.fail(415, 'not_grpc', 'Only gRPC is served here: POST with a content type application/grpc.');
    else this.fail(404, 'no_route', 'No route matches this request.');
  }

  private failBackend(): void {
    this.fail(500, 'backend_invalid', 'The backend of this route cannot be used.');
  }

  /** False: the head for the backend is too large. */
  private compose(head: Head, matched: Matched): boolean {
    const backend = this.planned!;
    const { run } = this;
    const { listenerPort, trusted, bodyless } = matched;
    let upgrade = head.upgradeEnd > 0;
    let framing = framingOf(head, bodyless);
    let patch = backend.requestPatch;
    if (run !== null) patch = run.written.followedBy(patch).followedBy(run.patchSinceRoute);
    if (this.web !== null && this.plan!.rule.route.kind === 'GRPCRoute') {
      this.down = this.web;
      upgrade = false;
      patch = patch.followedBy(this.web.requestPatch);
      if (this.web.requestText && !bodyless) framing = BODY_OPEN;
    }
    if (run !== null && run.transforms !== null && !bodyless) {
      framing = BODY_OPEN;
      patch = patch.followedBy(NO_LENGTH);
      this.intake = new BodyPipeline(run.transforms, this.intakeTarget());
    }
    const ownId = this.rules?.requestId?.header;
    if (ownId !== undefined) {
      const line = { name: ownId, value: this.requestId };
      patch = patch.followedBy(new HeaderPatch(new Set([ownId.toLowerCase()]), [line]));
    }
    const target = targetOf(run, head);
    const authority = run?.authority ?? '';
    if (mayMove(head)) {
      const schemes = [this.client.scheme, this.choice!.tls === undefined ? 'http' : 'https'] as const;
      const { matchedPrefix } = matched;
      patch = destinationPatch(head, { schemes, target, authority, matchedPrefix }).followedBy(patch);
    }
    const changes = {
      target,
      authority,
      patch,
      requestId: this.givenId,
      idChance: this.idChance,
      idNumber: this.idNumber,
      listenerPort,
      trusted,
      upgrade,
      expects: this.expectsContinue && !this.requestComplete,
      via: this.service.via === true,
    };
    const text = composeRequest(head, { changes, client: this.client, framing });
    if (text === null) return false;
    this.request = new BackendRequest(text, framing, bodyless);
    this.request.upgrades = upgrade;
    this.request.patch = patch;
    this.responsePatch = changes.via ? backend.responsePatch.followedBy(VIA_OF_ANSWERS) : backend.responsePatch;
    // What follows an upgrade is between two: there is nothing in it to copy.
    if (run !== null && run.mirrors.length > 0 && !upgrade) {
      const compose = (copy: CopyChanges): string | null => {
        const dropped = head.drop.slice(0, head.count);
        const own = {
          target: targetOf(copy, head, target),
          authority: copy.authority || authority,
          patch: patch.followedBy(copy.patchSinceRoute),
        };
        const made = composeRequest(head, { changes: { ...changes, ...own }, client: this.client, framing });
        // What one copy leaves out the next one may have.
        head.drop.set(dropped);
        return made;
      };
      this.mirror(run, { head, matched }, compose);
    }
    return true;
  }

  private mirror(
    run: FilterRun,
    asked: { head: Head; matched: Matched },
    compose: (copy: CopyChanges) => string | null,
  ): void {
    const { head, framing, complete } = this.request!;
    const { policies } = this.service;
    const copies = run.mirrors.flatMap((backend): Copy | readonly Copy[] => {
      const guards = policies.filtersOfCopies(backend);
      if (guards === null) return { backend, head, maxBodyBytes: 0 };
      return new GuardedCopy(this, backend, { run, policies, ...asked }).through(guards, compose) ?? [];
    });
    this.mirrors = new Mirrors(this.service, copies, { framing, client: this.client });
    if (complete) this.mirrors.end('');
  }

  // ── a filter makes the request wait

  private hold(head: Head, matched: Matched): void {
    const run = this.run!;
    this.held ??= new HeldRequest(head, matched);
    this.beginWait(run.waiting!.timeout);
    if (run.collecting !== null) this.collect(run.collecting);
    else if (!this.requestComplete) this.down.pauseBody();
  }

  write(patch: HeaderPatch): Head | undefined {
    const held = this.held!;
    return held.write(patch) ? held.restore() : undefined;
  }

  ask(request: SubRequest, loops: string, done: SubDone): SubExchange {
    return new SubExchange(this.service, request, { of: { client: this.client, loops }, done });
  }

  decided(wait: Wait): void {
    const run = this.run!;
    if (this.over || run.waiting !== wait) return;
    run.waiting = null;
    run.collecting = null;
    this.endWait();
    if (this.filtered !== null) this.answerDecided(this.filtered, wait.decision);
    else if (wait.decision !== null) this.answerWith(wait.decision);
    else if (mayLook(RESUMED)) this.goOn(run);
    else return lookLater(this);
    // No codec is in the middle of a read, after which it would say so.
    if (!this.over) this.requestFlush();
  }

  private goOn(run: FilterRun): void {
    const { matched } = this.held!;
    const head = this.held!.restore();
    run.head = head;
    if (!this.passes(run.goOn(), head, matched)) return;
    if (run.choosing) this.chooseRoute(run.head, matched);
    else if (this.planned === null) this.choose(head, matched);
    else this.sendRequest(head, matched);
  }
}
