/** The answer of a backend on its way to the client, past the filters that have a say in it. */
import { ANSWERED, HeaderPatch, LATER } from '../filter/index.ts';
import { ARENA } from '../ground/arena.ts';
import { BODY_NONE, BODY_OPEN, BODY_TUNNEL, type BodyFraming, type Failure } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import { TRAILER_LINES } from '../ground/region.ts';
import { BodyPipeline } from './body-pipeline.ts';
import { ExchangeAnswer, NO_LENGTH } from './exchange-answer.ts';
import { FilteredAnswer } from './filtered-answer.ts';
import { composeResponse } from './forward.ts';
import { PREFERS_GRPC } from './local-reply.ts';
import { keptTrailers } from './trailer-lines.ts';
import type { Decision } from './wait.ts';

export abstract class ExchangeResponse extends ExchangeAnswer {
  protected abstract releaseUpstream(why: Failure): void;

  protected passAnswer(head: Head, framing: BodyFraming): void {
    this.active();
    if (this.run === null || !this.run.answering) {
      this.passHead(head, framing, this.responseChanges);
      return;
    }
    const { responseChanges: changes, responsePatch: lasting } = this;
    this.filtered = new FilteredAnswer(this.run, { head, framing }, { changes, lasting });
    this.decideHead(this.filtered);
  }

  /** False: it is too large with what is added to it, and the client was told so. */
  private passHead(head: Head, framing: BodyFraming, changes: HeaderPatch): boolean {
    const composed = composeResponse(this.down.beginHead(), head, this.withSession(changes));
    if (composed === null) {
      this.releaseUpstream('protocol_error');
      this.fail(502, 'head_too_large', 'The head of the answer is too large with what the route adds to it.');
      return false;
    }
    if (framing === BODY_TUNNEL) {
      this.tunnel = true;
      // The body has come to its end: what follows is none.
      this.intake = null;
      this.dropTimeouts();
    }
    this.responsePatch = changes;
    this.responseStarted = true;
    this.endsWithStatus = this.preference === PREFERS_GRPC && framing === BODY_OPEN && head.status === 200;
    this.account.status = head.status;
    this.down.sendHead(composed, framing);
    return true;
  }

  /** With what the client is told of its session. */
  private withSession(changes: HeaderPatch): HeaderPatch {
    const line = this.aim === null ? undefined : this.choice!.sessionLine(this.aim, this.pool!);
    return line === undefined ? changes : changes.followedBy(HeaderPatch.adding([line]));
  }

  responseBody(start: number, end: number): void {
    this.active();
    if (this.filtered !== null) return this.filterBody(this.filtered, Buffer.from(ARENA.subarray(start, end)));
    this.account.bytesOut += end - start;
    if (this.over || this.down.sendBody(start, end)) return;
    this.downBlocked = true;
    this.up?.pauseBody();
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
    if (this.filtered !== null) return this.filterEnd(this.filtered, ARENA.latin1Slice(trailersStart, trailersEnd));
    if (trailersEnd > trailersStart && this.responsePatch.drops.size > 0)
      return this.endWithout(trailersStart, trailersEnd);
    if (!this.requestComplete && !this.tunnel) this.down.discardBody();
    this.finish();
    this.down.sendEnd(trailersStart, trailersEnd);
  }

  /** What the head is to be without, the trailers are without, too. */
  private endWithout(trailersStart: number, trailersEnd: number): void {
    const trailers = keptTrailers(ARENA.latin1Slice(trailersStart, trailersEnd), this.responsePatch, false);
    if (!this.requestComplete && !this.tunnel) this.down.discardBody();
    this.finish();
    this.down.sendEnd(TRAILER_LINES.start, TRAILER_LINES.loadText(trailers));
  }

  responseFlush(): void {
    if (!this.over && this.responseStarted) this.down.flush();
  }

  // ── an answer that filters have a say in

  private decideHead(filtered: FilteredAnswer): void {
    const verdict = filtered.decide();
    if (verdict === LATER) {
      filtered.hold();
      this.up?.pauseBody();
      this.beginWait(this.run!.waiting!.timeout);
    } else if (verdict === ANSWERED) {
      this.releaseUpstream('closed_early');
      this.answerWith(filtered.replacement!);
    } else {
      this.openAnswer(filtered);
    }
  }

  private openAnswer(filtered: FilteredAnswer): void {
    const { head, held, transforms } = filtered;
    let { framing, changes } = filtered;
    if (transforms !== null && framing !== BODY_TUNNEL) {
      if (filtered.changesBody) changes = changes.followedBy(NO_LENGTH);
      if (framing !== BODY_NONE) {
        if (filtered.changesBody) framing = BODY_OPEN;
        filtered.pipeline = new BodyPipeline(transforms, this.answerTarget());
      }
    }
    filtered.held = null;
    if (filtered.pipeline === null) this.filtered = null;
    if (!this.passHead(head, framing, changes)) return filtered.pipeline?.close();
    if (held === null) return;
    held.body.each((start, end) => this.responseBody(start, end));
    if (held.ended) this.responseEnd(TRAILER_LINES.start, TRAILER_LINES.loadText(filtered.trailers));
    else this.up?.resumeBody();
    this.responseFlush();
  }

  private filterBody({ held, pipeline }: FilteredAnswer, bytes: Buffer): void {
    if (this.over) return;
    if (held !== null) held.body.keep(bytes);
    else if (pipeline !== null && !pipeline.write(bytes)) this.up?.pauseBody();
  }

  private filterEnd(filtered: FilteredAnswer, trailers: string): void {
    filtered.trailers = keptTrailers(trailers, filtered.changes, false);
    if (filtered.held !== null) filtered.held.ended = true;
    else filtered.pipeline?.end();
  }

  /** What a filter waited for in vain, or what it decided, about an answer's head. */
  protected answerDecided(filtered: FilteredAnswer, decision: Decision): void {
    if (decision !== null) {
      this.releaseUpstream('closed_early');
      this.answerWith(decision);
    } else if (filtered.local) {
      this.decideReply(filtered);
    } else {
      filtered.restore();
      this.decideHead(filtered);
    }
  }

  protected answerReady(): void {
    this.up?.resumeBody();
  }

  protected answerBroken(): void {
    if (this.over) return;
    this.releaseUpstream('closed_early');
    this.cut('filter_failed');
  }

  downstreamDrained(): void {
    this.downBlocked = false;
    if (this.filtered === null) this.up?.resumeBody();
    else this.filtered.pipeline?.drained();
  }
}
