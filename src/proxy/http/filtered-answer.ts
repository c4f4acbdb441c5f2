/** An answer whose head filters look at, and whose body they may change, before the client gets them. */
import {
  ANSWERED,
  type AnswerScope,
  CONTINUE,
  type CompiledFilter,
  type HeaderPair,
  HeaderPatch,
  type KeptAnswer,
  LATER,
  type MakeTransform,
  type Verdict,
  type Waiting,
} from '../filter/index.ts';
import { ARENA } from '../ground/arena.ts';
import { BODY_NONE, BODY_OPEN, type BodyFraming } from '../ground/codec.ts';
import { FIELD_KEPT, FIELD_STRIDE, fieldHash, type Head, NAME_END, NAME_START } from '../ground/head.ts';
import type { BodyPipeline } from './body-pipeline.ts';
import { FILTER_FAILED, type FilterRun } from './filter-run.ts';
import { HeldHead } from './held-head.ts';
import { KeptBody } from './kept-body.ts';
import type { LocalReply } from './local-reply.ts';
import type { Decision } from './wait.ts';

/** What comes of a backend's answer while a filter waits. */
interface HeldAnswer {
  readonly head: HeldHead;
  readonly body: KeptBody;
  ended: boolean;
}

const NOTHING = Buffer.alloc(0);
/** Of no meaning where no content comes (RFC 9110 15.4.5). */
const OF_CONTENT: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-language',
  'content-range',
  'content-length',
  'trailer',
]);

export class FilteredAnswer implements AnswerScope {
  readonly status: number;
  /** Of the gateway's own; null: the backend's. */
  readonly reply: LocalReply | null;
  readonly framing: BodyFraming;
  /** All changes of the head up to now. */
  changes: HeaderPatch;
  /** Those of them that are no request's own. */
  #lasting: HeaderPatch;
  /** Those that filters made of this answer. */
  #patched: HeaderPatch = HeaderPatch.NONE;
  readonly body: AnswerScope['body'];
  transforms: MakeTransform[] | null = null;
  /** Some of them make another body of it. */
  changesBody = false;
  /** What is to be answered instead. */
  replacement: Decision = null;
  held: HeldAnswer | null = null;
  pipeline: BodyPipeline | null = null;
  /** Lines after the backend's body, each with CRLF. */
  trailers = '';
  readonly #run: FilterRun;
  /** Of the backend's answer; its offsets are valid only while filters are asked. */
  #head: Head | null;

  constructor(
    run: FilterRun,
    answer: { reply: LocalReply } | { head: Head; framing: BodyFraming },
    { changes, lasting }: { changes: HeaderPatch; lasting: HeaderPatch },
  ) {
    this.#run = run;
    this.changes = changes;
    this.#lasting = lasting;
    if ('reply' in answer) {
      this.reply = answer.reply;
      this.#head = null;
      this.status = answer.reply.status;
      this.framing = BODY_NONE;
      this.body = answer.reply.body.length === 0 && answer.reply.source === undefined ? 'None' : 'Whole';
    } else {
      this.reply = null;
      this.#head = answer.head;
      this.status = answer.head.status;
      this.framing = answer.framing;
      this.body = bodyOf(answer.head, answer.framing);
    }
  }

  /** Asks the filters that come next. */
  decide(): Verdict {
    for (let filter = this.#run.nextAnswering(); filter !== undefined; filter = this.#run.nextAnswering()) {
      const verdict = this.#ask(filter);
      if (verdict === LATER) return LATER;
      this.#run.abandonWait();
      if (verdict === ANSWERED) {
        this.replacement ??= { denial: FILTER_FAILED };
        return ANSWERED;
      }
    }
    return CONTINUE;
  }

  #ask(filter: CompiledFilter): Verdict {
    try {
      const verdict = filter.onResponseHead!(this.#run, this);
      return verdict === LATER && this.#run.waiting === null ? ANSWERED : verdict;
    } catch {
      this.replacement = { denial: FILTER_FAILED };
      return ANSWERED;
    }
  }

  get head(): Head {
    return this.#head!;
  }

  /** Takes the backend's head out of ARENA. */
  hold(): void {
    this.held ??= { head: new HeldHead(this.#head!), body: new KeptBody(), ended: false };
    this.#head = null;
  }

  /** Puts it back. */
  restore(): void {
    this.#head = this.held!.head.restore();
  }

  // ── the filters' calls

  get local(): boolean {
    return this.reply !== null && this.reply.kept !== true;
  }

  value(name: string): string | undefined {
    const original = this.changes.drops.has(name) ? undefined : this.#original(name);
    return original ?? this.changes.lines.find((line) => line.name.toLowerCase() === name)?.value;
  }

  values(name: string): string[] {
    return [...this.#left(name), ...valuesIn(this.changes, name)];
  }

  ownValues(name: string): string[] {
    return [...this.#left(name), ...valuesIn(this.#patched, name)];
  }

  /** Of the answer as it came. */
  #left(name: string): string[] {
    return this.changes.drops.has(name) ? [] : this.#originals(name);
  }

  lasting(): HeaderPair[] {
    const head = this.#head;
    if (head === null) return [];
    const { drops, lines } = this.#lasting;
    const pairs: HeaderPair[] = [];
    for (let i = 0; i < head.count; i++) {
      if (head.drop[i] !== FIELD_KEPT) continue;
      const at = i * FIELD_STRIDE;
      const name = ARENA.latin1Slice(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!);
      if (!drops.has(name.toLowerCase())) pairs.push([name, head.value(i)]);
    }
    return [...pairs, ...lines.map(({ name, value }) => [name, value] as const)];
  }

  /** The length of what was kept is written with it. */
  #ofReply(name: string): string | undefined {
    const { lines, body, source, kept } = this.reply!;
    return kept && name === 'content-length' ? String(source?.length ?? body.length) : linesOf(lines, name)[0];
  }

  #originals(name: string): string[] {
    const head = this.#head;
    if (head === null) return linesOf(this.reply!.lines, name);
    const hash = fieldHash(name);
    const found: string[] = [];
    for (let index = head.find(name, hash); index !== -1; index = head.find(name, hash, index + 1)) {
      if (head.drop[index] === FIELD_KEPT) found.push(head.value(index));
    }
    return found;
  }

  #original(name: string): string | undefined {
    const head = this.#head;
    if (head === null) return this.#ofReply(name);
    const hash = fieldHash(name);
    let index = head.find(name, hash);
    while (index !== -1 && head.drop[index] !== FIELD_KEPT) index = head.find(name, hash, index + 1);
    return index === -1 ? undefined : head.value(index);
  }

  patch(patch: HeaderPatch): void {
    this.changes = this.changes.followedBy(patch);
    this.#lasting = this.#lasting.followedBy(patch);
    this.#patched = this.#patched.followedBy(patch);
  }

  transformBody(make: MakeTransform): void {
    this.changesBody = true;
    (this.transforms ??= []).push(make);
  }

  paceBody(make: MakeTransform): void {
    (this.transforms ??= []).push(make);
  }

  respond(status: number, headers: ReadonlyArray<HeaderPair>, body: string): void {
    this.replacement = { reply: { status, headers, body } };
  }

  respondKept(kept: KeptAnswer): void {
    this.replacement = { kept };
  }

  notModified(): boolean {
    if (this.#head === null || this.transforms !== null) return false;
    const lines = this.lasting().filter(([name]) => !OF_CONTENT.has(name.toLowerCase()));
    const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.replacement = { kept: { status: 304, lines: text, body: NOTHING } };
    return true;
  }

  wait(timeout?: number): Waiting {
    return this.#run.wait(timeout);
  }
}

function valuesIn({ lines }: HeaderPatch, name: string): string[] {
  return lines.filter((line) => line.name.toLowerCase() === name).map(({ value }) => value);
}

function bodyOf(head: Head, framing: BodyFraming): AnswerScope['body'] {
  if (framing === BODY_NONE) return 'None';
  return framing !== BODY_OPEN || head.chunked || head.keepAlive ? 'Whole' : 'UntilClosed';
}

/** Values of all lines of the name. */
function linesOf(lines: string, name: string): string[] {
  return lines.split('\r\n').flatMap((line) => {
    const colon = line.indexOf(':');
    return line.slice(0, Math.max(colon, 0)).toLowerCase() === name ? [line.slice(colon + 1).trim()] : [];
  });
}
