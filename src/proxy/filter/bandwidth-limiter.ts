/** Limits of how fast each answer goes: the first bytes as fast as they can, all others evenly. */
import type { BandwidthLimit } from '../../config/index.ts';
import type { DecisionCounter } from '../state/index.ts';
import {
  type AnswerScope,
  type BodyOutput,
  type BodyTransform,
  CONTINUE,
  type CompiledFilter,
  type FilterScope,
  type KeptState,
  slot,
  type Verdict,
} from './filter.ts';
import { type LimitingPolicy, LimitScope } from './limit-scope.ts';

/** Milliseconds between two pieces of an answer that is held back. */
const PIECE_INTERVAL = 50;

export class BandwidthLimiter implements CompiledFilter {
  readonly type = 'RateLimit';
  readonly step = 'request-limits';
  readonly yields: boolean;
  readonly #limit: BandwidthLimit;
  readonly #scope: LimitScope;
  readonly #told: DecisionCounter;
  readonly #counts = slot<true>('answer at a limited pace');

  constructor(limit: BandwidthLimit, about: LimitingPolicy) {
    this.yields = about.yields;
    this.#limit = limit;
    this.#scope = new LimitScope(limit, about);
    this.#told = about.state.counts.counter(about.source, limit.name, limit.dryRun ? 'would-limit' : 'limited');
  }

  onRequest(scope: FilterScope): Verdict {
    if (!this.#scope.counts(scope)) return CONTINUE;
    scope.tell(this.#told);
    if (!this.#limit.dryRun) scope.keep(this.#counts, true);
    return CONTINUE;
  }

  onResponseHead(scope: KeptState, answer: AnswerScope): Verdict {
    // What the gateway says by itself is short, and best said at once.
    if (!answer.local && scope.kept(this.#counts)) answer.paceBody((out) => new Pace(out, this.#limit));
    return CONTINUE;
  }
}

class Pace implements BodyTransform {
  readonly #out: BodyOutput;
  readonly #limit: BandwidthLimit;
  readonly #began = performance.now();
  #sent = 0;
  #waiting: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #blocked = false;
  #ended = false;
  #stopped = false;

  constructor(out: BodyOutput, limit: BandwidthLimit) {
    this.#out = out;
    this.#limit = limit;
  }

  write(bytes: Buffer): boolean {
    this.#waiting.push(bytes);
    this.#send();
    return (this.#stopped = this.#waiting.length > 0 || this.#blocked) === false;
  }

  end(): void {
    this.#ended = true;
    this.#finish();
  }

  drained(): void {
    this.#blocked = false;
    this.#send();
    this.#callForMore();
    this.#finish();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  /** What may go by now. */
  #send(): void {
    const { afterBytes, bytesPerSecond } = this.#limit;
    let room = Math.floor(afterBytes + (bytesPerSecond * (performance.now() - this.#began)) / 1000) - this.#sent;
    while (room > 0 && !this.#blocked && this.#waiting.length > 0) {
      const bytes = this.#waiting[0]!;
      const piece = bytes.subarray(0, room);
      if (piece.length === bytes.length) this.#waiting.shift();
      else this.#waiting[0] = bytes.subarray(room);
      room -= piece.length;
      this.#sent += piece.length;
      this.#blocked = !this.#out.write(piece);
    }
    if (this.#waiting.length > 0 && !this.#blocked) this.#timer ??= setTimeout(() => this.#turn(), this.#pause(room));
  }

  /** Milliseconds until there is a byte to send at least. */
  #pause(room: number): number {
    return Math.max(PIECE_INTERVAL, ((1 - room) * 1000) / this.#limit.bytesPerSecond);
  }

  #turn(): void {
    this.#timer = undefined;
    this.#send();
    this.#callForMore();
    this.#finish();
  }

  #callForMore(): void {
    if (!this.#stopped || this.#blocked || this.#waiting.length > 0) return;
    this.#stopped = false;
    this.#out.ready();
  }

  #finish(): void {
    if (this.#ended && this.#waiting.length === 0 && !this.#blocked) this.#out.end();
  }
}
