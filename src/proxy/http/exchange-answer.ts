/** What an exchange says to its client by itself: whole answers, and the end of those that cannot be completed. */
import assert from 'node:assert';
import {
  ANSWERED,
  type Denial,
  type HeaderPair,
  HeaderPatch,
  type KeptAnswer,
  LATER,
  type Reply,
} from '../filter/index.ts';
import { BODY_LENGTH, BODY_OPEN, type ClientConnection, type Failure } from '../ground/codec.ts';
import { TRAILER_LINES } from '../ground/region.ts';
import type { DecisionCounter, PolicyDecision } from '../state/index.ts';
import { BodyPipeline, type BodyTarget } from './body-pipeline.ts';
import { ExchangeState } from './exchange-state.ts';
import { FILTER_FAILED, type FilterRun } from './filter-run.ts';
import { FilteredAnswer } from './filtered-answer.ts';
import { endWithStatus } from './grpc.ts';
import {
  bareLines,
  dated,
  type LocalReply,
  legalReply,
  lengthLine,
  localReply,
  mayHaveBody,
  patchedLines,
  sendReply,
  sendReplyHead,
  upstreamFailure,
} from './local-reply.ts';
import { idText } from './request-id.ts';
import type { Decision } from './wait.ts';

const TOO_LARGE = { status: 413, message: 'The request is longer than what is allowed.' };
/** For clients that were refused because there are too many at once. */
const RETRY_SOON: ReadonlyArray<HeaderPair> = [['Retry-After', '1']];
/** What is below is no answer yet: another follows. */
const FIRST_FINAL_STATUS = 200;
const NOT_COMPLETED = { status: 500, message: 'The answer could not be completed.' };
export const NO_LENGTH: HeaderPatch = new HeaderPatch(new Set(['content-length']), []);

export abstract class ExchangeAnswer extends ExchangeState {
  get requestId(): string {
    return this.givenId === '' ? idText(this.idChance, this.idNumber) : this.givenId;
  }

  get client(): ClientConnection {
    return this.down.client;
  }

  /** For whom policies judge, and what the access log says: behind trusted hops, the client that they name. */
  get clientAddress(): string {
    return this.account.clientAddress === '' ? this.client.remoteAddress : this.account.clientAddress;
  }

  get listener(): string {
    return this.account.listener;
  }

  get route(): string {
    return this.account.route;
  }

  get backend(): string {
    return this.account.backend;
  }

  /** What a filter of a rule or, before there is one, of a listener decided. */
  tellOwn(filter: string, decision: PolicyDecision): void {
    const { route, listener } = this.account;
    this.tell(this.service.policies.counter(route === '' ? `Listener/${listener}` : route, filter, decision));
  }

  tell(decision: DecisionCounter): void {
    decision.value++;
    this.account.policy = decision;
  }

  identify(user: string): void {
    if (this.account.user === '') this.account.user = user;
  }

  conceal(parameter: string): void {
    this.account.conceal(parameter);
  }

  unlog(): void {
    this.account.unlog();
  }

  /** All changes of the answer's head up to now. */
  protected get responseChanges(): HeaderPatch {
    return this.responsePatch.followedBy(this.ownChanges);
  }

  /** Those of them that an answer that was kept has not: what this request alone is told, and its listener's. */
  private get ownChanges(): HeaderPatch {
    const own = this.run?.responsePatch ?? HeaderPatch.NONE;
    const secure = this.rules?.securePatch ?? null;
    return secure === null || this.client.scheme !== 'https' ? own : own.followedBy(secure);
  }

  /** The least of those who set one counts; `denied` is of whoever did. */
  limitBody(bytes: number, denied: DecisionCounter | null): void {
    if (this.maxBodyBytes !== 0 && bytes >= this.maxBodyBytes) return;
    this.maxBodyBytes = bytes;
    this.bodyDenied = denied;
  }

  // ── answers of the gateway's own

  protected fail(status: number, reason: string, message: string): void {
    this.deny({ status, reason, message });
  }

  protected failUpstream(why: Failure): void {
    const { status, message } = upstreamFailure(why);
    if (status !== 503) return this.fail(status, why, message);
    if (why === 'overloaded') this.service.stats.overloaded.value++;
    this.deny({ status, reason: why, message, headers: RETRY_SOON });
  }

  /** A filter answers in the backend's place. */
  protected answerWith(decision: NonNullable<Decision>): void {
    if ('denial' in decision) this.deny(decision.denial);
    else if ('kept' in decision) this.respondKept(decision.kept);
    else this.respond(decision.reply);
  }

  private deny({ status, reason, message, body, headers = [] }: Denial): void {
    this.account.reason = reason;
    if (reason === 'match_budget') this.service.stats.matchBudget.value++;
    if (this.web !== null) this.down = this.web;
    const { requestId } = this;
    const reply = localReply(this.preference, status, { message, requestId, ...(body ? { body } : {}) });
    const lines = this.headRequest ? bareLines(reply) : reply.lines;
    this.reply({ ...reply, lines: `${lines}${linesOf(headers)}X-Request-Id: ${requestId}\r\n` });
  }

  private respond({ status, headers, body, reason = '' }: Reply): void {
    if (status < FIRST_FINAL_STATUS) return this.deny(FILTER_FAILED);
    this.account.reason = reason;
    this.reply({ status, lines: linesOf(headers), body });
  }

  private respondKept({ status, lines, body, source }: KeptAnswer): void {
    this.account.reason = '';
    this.reply({ status, lines, body, source, kept: true });
  }

  /** Filters have a say in it, those that were asked about an answer before excepted. */
  private reply(undated: LocalReply): void {
    const { run } = this;
    const legal = legalReply(undated);
    const reply = legal.kept ? legal : dated(legal);
    const changes = reply.kept ? this.ownChanges : this.responseChanges;
    if (!this.requestComplete) this.down.discardBody();
    run?.abandonWait();
    this.filtered = null;
    if (run === null || (!run.answering && reply.source === undefined)) return this.sendReply(reply, changes);
    this.filtered = new FilteredAnswer(run, { reply }, { changes, lasting: HeaderPatch.NONE });
    this.decideReply(this.filtered);
  }

  protected decideReply(filtered: FilteredAnswer): void {
    const verdict = filtered.decide();
    if (verdict === LATER) return this.beginWait(this.run!.waiting!.timeout);
    if (verdict === ANSWERED) return this.answerWith(filtered.replacement!);
    const reply = filtered.reply!;
    const { transforms, changes } = filtered;
    if (mayHaveBody(reply.status) && !this.headRequest) {
      if (reply.source !== undefined) return this.sendTransformed(filtered, [reply.source.make, ...(transforms ?? [])]);
      if (transforms !== null && reply.body.length > 0) return this.sendTransformed(filtered, transforms);
    }
    this.filtered = null;
    // Of another body than it has, to HEAD, the length is not known.
    this.sendReply(filtered.changesBody ? { ...reply, lengthless: true } : reply, changes);
  }

  private sendReply(reply: LocalReply, changes: HeaderPatch): void {
    const { down } = this;
    const { status, body } = reply;
    this.account.status = status;
    this.responseStarted = true;
    this.account.bytesOut += this.headRequest ? 0 : Buffer.byteLength(body);
    this.finish();
    sendReply(down, { ...reply, lines: patchedLines(reply.lines, changes) }, this.headRequest);
  }

  private sendTransformed(filtered: FilteredAnswer, transforms: FilteredAnswer['transforms'] & {}): void {
    const { status, lines, body, source } = filtered.reply!;
    // Of what is read while it is sent the length is known all the same, where it stays as it is.
    const length = source !== undefined && !filtered.changesBody ? lengthLine(filtered.reply!) : '';
    const patched = length + patchedLines(lines, filtered.changes);
    if (!sendReplyHead(this.down, { status, lines: patched, framing: length === '' ? BODY_OPEN : BODY_LENGTH })) {
      this.filtered = null;
      return this.sendReply(dated({ status: 500, lines: '', body: '' }), HeaderPatch.NONE);
    }
    this.account.status = status;
    this.responseStarted = true;
    const pipeline = new BodyPipeline(transforms, this.answerTarget());
    filtered.pipeline = pipeline;
    if (source === undefined) pipeline.write(typeof body === 'string' ? Buffer.from(body) : body);
    pipeline.end();
  }

  // ── bodies that filters change

  /** Where the answer's pipeline ends. */
  protected answerTarget(): BodyTarget {
    return {
      sendBody: (start, end) => {
        if (this.over) return true;
        this.account.bytesOut += end - start;
        this.active();
        return this.down.sendBody(start, end);
      },
      passEnd: () => this.endTransformed(),
      passFlush: () => this.down.flush(),
      ready: () => this.answerReady(),
      failed: () => this.answerBroken(),
    };
  }

  private endTransformed(): void {
    const { down } = this;
    const { trailers } = this.filtered!;
    if (!this.requestComplete) down.discardBody();
    this.finish();
    down.sendEnd(TRAILER_LINES.start, TRAILER_LINES.loadText(trailers));
  }

  /** Its transforms take more of the answer's body. */
  protected abstract answerReady(): void;
  /** They cannot go on. */
  protected abstract answerBroken(): void;

  // ── the end

  /** The answer has begun and cannot be completed. */
  protected cut(why: Failure | 'body_too_large' | 'filter_failed'): void {
    const { down } = this;
    this.account.reason = why;
    this.finish();
    const ours = why === 'body_too_large' || why === 'filter_failed';
    if (!this.endsWithStatus) return down.abort(ours ? 'closed_early' : why);
    if (!this.requestComplete) down.discardBody();
    const { status, message } = ours ? (why === 'body_too_large' ? TOO_LARGE : NOT_COMPLETED) : upstreamFailure(why);
    endWithStatus(down, status, message);
  }

  /** It is over, whatever its connections still say. */
  protected finish(): void {
    assert(!this.over);
    this.over = true;
    this.endTimes();
    if (this.retrying) this.choice?.retries.end();
    this.account.close(this.service, this);
    if (this.run !== null) this.tellFilters(this.run);
  }

  private tellFilters(run: FilterRun): void {
    this.filtered?.pipeline?.close();
    const { status, reason, bytesIn, bytesOut } = this.account;
    run.end({ status, reason, bytesIn, bytesOut });
  }
}

function linesOf(headers: ReadonlyArray<HeaderPair>): string {
  return headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}
