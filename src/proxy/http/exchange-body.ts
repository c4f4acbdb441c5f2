/** The body of a request on its way to a backend: held while a filter waits, changed by filters, copied to mirrors. */
import type { Denial } from '../filter/index.ts';
import { ARENA } from '../ground/arena.ts';
import type { Failure } from '../ground/codec.ts';
import { TRAILER_LINES } from '../ground/region.ts';
import type { BodyTarget } from './body-pipeline.ts';
import { ExchangeAttempt } from './exchange-attempt.ts';
import type { Collecting } from './filter-run.ts';
import type { HeldRequest } from './held-request.ts';
import { sendContinue } from './local-reply.ts';

const KEPT_TOO_MUCH = 'The gateway keeps as many bodies as it can; try again later.';

export abstract class ExchangeBody extends ExchangeAttempt {
  requestBody(start: number, end: number): void {
    const size = end - start;
    this.account.bytesIn += size;
    this.active();
    if (this.over) return;
    if (this.expectsContinue) this.continued();
    const { maxBodyBytes } = this;
    if (maxBodyBytes > 0 && this.account.bytesIn > maxBodyBytes && !this.tunnel) return this.refuseBody();
    if (this.request === null) this.holdBody(start, end);
    else this.takeBody(start, end);
  }

  /** A filter waits, or what follows an answer of the gateway's own is of no interest. */
  private holdBody(start: number, end: number): void {
    if (this.held === null || this.filtered !== null) return;
    this.held.body.add(start, end);
    const collecting = this.run?.collecting ?? null;
    if (collecting === null) this.down.pauseBody();
    else if (this.held.body.tooMuch) this.fail(503, 'held_bodies', KEPT_TOO_MUCH);
    else this.collect(collecting);
  }

  private takeBody(start: number, end: number): void {
    if (this.over) return;
    if (this.down !== this.web) return this.transform(start, end);
    const decoded = this.web.decode(start, end);
    if (decoded < 0) this.requestRefused(400, 'The body of this request is not base64.');
    else if (decoded > start) this.transform(start, decoded);
  }

  private transform(start: number, end: number): void {
    const flowing =
      this.intake === null ? this.passBody(start, end) : this.intake.write(Buffer.from(ARENA.subarray(start, end)));
    // Of a request that is read whole nothing more is to come, but for what a tunnel brings.
    if (flowing || (this.requestComplete && !this.tunnel)) return;
    this.upBlocked = this.up !== null;
    this.down.pauseBody();
  }

  private passBody(start: number, end: number): boolean {
    this.mirrors?.body(start, end);
    this.request!.keep(start, end, this.up === null);
    return this.up?.sendBody(start, end) ?? false;
  }

  requestEnd(trailersStart: number, trailersEnd: number): void {
    this.requestComplete = true;
    if (this.over) return;
    if (this.tunnel) return this.endTunnelRequest();
    if (this.request === null) this.holdEnd(trailersStart, trailersEnd);
    else this.takeEnd(trailersStart, trailersEnd);
  }

  private holdEnd(trailersStart: number, trailersEnd: number): void {
    if (this.held === null || this.filtered !== null) return;
    this.held.trailers = ARENA.latin1Slice(trailersStart, trailersEnd);
    const collecting = this.run?.collecting ?? null;
    if (collecting !== null) this.collect(collecting);
  }

  private takeEnd(trailersStart: number, trailersEnd: number): void {
    if (this.down === this.web && !this.web.requestWhole) {
      return this.requestRefused(400, 'The base64 of this request ends in the middle.');
    }
    const request = this.request!;
    request.keepTrailers(trailersStart, trailersEnd);
    if (this.intake === null) this.passEnd();
    else this.intake.end();
  }

  private passEnd(): void {
    const request = this.request!;
    request.complete = true;
    this.mirrors?.end(request.trailers);
    this.up?.sendEnd(TRAILER_LINES.start, TRAILER_LINES.loadText(request.trailers));
  }

  /** The client has no more to say; the backend may. */
  private endTunnelRequest(): void {
    const { up } = this;
    if (--this.tunnelOpen === 0) {
      this.up = null;
      this.finish();
    }
    up?.sendEnd(0, 0);
  }

  protected intakeTarget(): BodyTarget {
    return {
      sendBody: (start, end) => {
        if (this.over) return true;
        this.active();
        return this.passBody(start, end);
      },
      passEnd: () => this.passEnd(),
      passFlush: () => this.requestFlush(),
      ready: () => {
        if (!this.requestComplete) this.down.resumeBody();
      },
      failed: (denial) => {
        if (!this.over) this.refuse(denial);
      },
    };
  }

  protected override requestReady(): void {
    if (this.intake === null) this.down.resumeBody();
    else this.intake.drained();
  }

  requestFlush(): void {
    this.up?.flush();
    this.mirrors?.flush();
  }

  // ── a filter makes the request wait

  /** What is there of the body goes to the filter once that is all, or enough. */
  protected collect(collecting: Collecting): void {
    const held = this.held!;
    if (!this.requestComplete && held.wants(collecting)) {
      if (this.expectsContinue) sendContinue(this.down);
      this.expectsContinue = false;
      return this.down.resumeBody();
    }
    this.run!.collecting = null;
    held.give(collecting, this.requestComplete);
    if (!this.requestComplete) this.down.pauseBody();
  }

  /** What came while it waited goes the way of all that comes later. */
  protected release(held: HeldRequest): void {
    this.held = null;
    if (held.body.bytes > 0 && this.mayGoAgain) this.request!.keepForReplay();
    held.body.each((start, end) => this.takeBody(start, end));
    held.body.letGo();
    if (this.requestComplete && !this.over && !this.request!.complete) {
      this.takeEnd(TRAILER_LINES.start, TRAILER_LINES.loadText(held.trailers));
    }
  }

  // ── the client's side ends before its time

  /** The rest of the request cannot be read, but the client can be told so; what still comes is dropped. */
  requestRefused(status: number, message: string): void {
    if (!this.over) this.refuse({ status, reason: 'malformed_request', message });
  }

  private refuse(denial: Denial): void {
    this.releaseUpstream('closed_early');
    if (this.responseStarted) this.cut('protocol_error');
    else this.answerWith({ denial });
  }

  requestAborted(why: Failure): void {
    if (this.over) return;
    this.account.status ||= 499;
    this.account.reason = why === 'draining' ? why : `client_${why}`;
    this.releaseUpstream(why);
    this.finish();
  }

  protected refuseBody(): void {
    this.releaseUpstream('closed_early');
    const { maxBodyBytes } = this;
    if (this.bodyDenied !== null) this.tell(this.bodyDenied);
    if (this.responseStarted) this.cut('body_too_large');
    else this.fail(413, 'body_too_large', `The body of this request is longer than ${maxBodyBytes} bytes.`);
  }

  /** A copy that will not become whole is worth nothing. */
  protected override finish(): void {
    if (this.mirrors !== null && !this.request!.complete) this.mirrors.giveUp();
    this.intake?.close();
    this.held?.body.letGo();
    this.request?.forget();
    super.finish();
  }
}
