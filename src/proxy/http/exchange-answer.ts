/** What an exchange says to its client by itself: whole answers, and the end of those that cannot be completed. */
import assert from 'node:assert';
import type { ClientConnection, Downstream, Failure } from '../ground/codec.ts';
import { Account } from './account.ts';
import { ExchangeTimes } from './exchange-times.ts';
import { endWithStatus } from './grpc.ts';
import type { GrpcWeb } from './grpc-web.ts';
import { localReply, PREFERS_JSON, type Preference, sendReply, upstreamFailure } from './local-reply.ts';
import { idText, nextIdNumber } from './request-id.ts';
import type { HttpService } from './service.ts';

const TOO_LARGE = { status: 413, message: 'The request is longer than what is allowed.' };

export abstract class ExchangeAnswer extends ExchangeTimes {
  protected readonly service: HttpService;
  protected down: Downstream;
  /** Of a gRPC-Web request; stands in the place of the client where the backend speaks gRPC, or nobody answers. */
  protected web: GrpcWeb | null = null;
  protected readonly account = new Account();
  /** From a trusted hop, or ''. */
  protected givenId = '';
  protected readonly idNumber = nextIdNumber();
  protected preference: Preference = PREFERS_JSON;
  protected headRequest = false;

  protected requestComplete = false;
  protected responseStarted = false;
  /** The answer is one of gRPC, whose end tells how it went. */
  protected endsWithStatus = false;
  protected over = false;

  constructor(service: HttpService, down: Downstream) {
    super(service.wheel, service.limits.streamIdleTimeout);
    this.service = service;
    this.down = down;
  }

  get requestId(): string {
    return this.givenId === '' ? idText(this.idNumber) : this.givenId;
  }

  get client(): ClientConnection {
    return this.down.client;
  }

  /** FilterHost: a filter answers in the backend's place. */
  answer(status: number, headers: ReadonlyArray<readonly [string, string]>, body: string): void {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.#reply(status, lines, body);
  }

  protected fail(status: number, reason: string, message: string): void {
    this.account.reason = reason;
    if (this.web !== null) this.down = this.web;
    const reply = localReply(this.preference, status, { message, requestId: this.requestId });
    this.#reply(reply.status, `${reply.lines}X-Request-Id: ${this.requestId}\r\n`, reply.body);
  }

  protected failUpstream(why: Failure): void {
    const { status, message } = upstreamFailure(why);
    this.fail(status, why, message);
  }

  #reply(status: number, lines: string, body: string): void {
    const { down } = this;
    this.account.status = status;
    this.responseStarted = true;
    if (!this.requestComplete) down.discardBody();
    this.account.bytesOut += this.headRequest ? 0 : Buffer.byteLength(body);
    this.finish();
    sendReply(down, { status, lines, body }, this.headRequest);
  }

  /** The answer has begun and cannot be completed. */
  protected cut(why: Failure | 'body_too_large'): void {
    const { down } = this;
    this.account.reason = why;
    this.finish();
    if (!this.endsWithStatus) return down.abort(why === 'body_too_large' ? 'closed_early' : why);
    if (!this.requestComplete) down.discardBody();
    const { status, message } = why === 'body_too_large' ? TOO_LARGE : upstreamFailure(why);
    endWithStatus(down, status, message);
  }

  /** It is over, whatever its connections still say. */
  protected finish(): void {
    assert(!this.over);
    this.over = true;
    this.endTimes();
    this.account.close(this.service, this);
  }
}
