/** Filters that only tests have: each does one thing of the contract, and writes down what it was asked. */
import type { RouteRule } from '../../config/index.ts';
import {
  ANSWERED,
  type AnswerScope,
  type Attempt,
  type BodyOutput,
  type BodyTransform,
  CONTINUE,
  type CompiledFilter,
  type FilterScope,
  type FilterStep,
  HeaderPatch,
  type KeptState,
  LATER,
  type MakeTransform,
  type Outcome,
  Policies,
  slot,
  type Verdict,
  type Waiting,
} from '../filter/index.ts';
import type { MemoryLink } from '../listen/index.ts';
import { type MemoryOptions, type MemoryRig, memoryService, settled } from './memory.suite.ts';

export const RULE = 'HTTPRoute/d/r/0';
export const LISTENER = 'd/g/http';
const VISITOR = slot<string>('visitor');

export interface Trial {
  step?: FilterStep;
  onRequest?: (scope: FilterScope) => Verdict;
  onResponseHead?: (answer: AnswerScope, scope: KeptState) => Verdict;
}

/** Does what it is told at each call, and notes it. */
export class TrialFilter implements CompiledFilter {
  readonly type = 'Trial';
  readonly step: FilterStep;
  readonly asked: string[] = [];
  readonly outcomes: Outcome[] = [];
  /** What it waits with. */
  waiting: Waiting[] = [];
  readonly #trial: Trial;
  /** Only there where a trial has one, as in filters of the product. */
  readonly onResponseHead?: (scope: KeptState, answer: AnswerScope) => Verdict;

  constructor(trial: Trial) {
    this.#trial = trial;
    this.step = trial.step ?? 'authentication';
    const { onResponseHead } = trial;
    if (onResponseHead !== undefined) {
      this.onResponseHead = (scope, answer) => {
        this.asked.push(`answer ${answer.status}`);
        return onResponseHead(answer, scope);
      };
    }
  }

  onRequest(scope: FilterScope): Verdict {
    this.asked.push(`request ${scope.head.path()}`);
    return this.#trial.onRequest?.(scope) ?? CONTINUE;
  }

  onAttempt(_scope: KeptState, attempt: Attempt): void {
    this.asked.push(`attempt ${attempt.number}`);
    attempt.add('X-Attempt', `${attempt.number} to ${attempt.endpoint}`);
  }

  onEnd(_scope: KeptState, outcome: Outcome): void {
    this.outcomes.push(outcome);
  }
}

/** Holds each request until it is told how to go on. */
export function waiter(timeout?: number): TrialFilter {
  const filter: TrialFilter = new TrialFilter({
    onRequest: (scope) => {
      filter.waiting.push(scope.wait(timeout));
      return LATER;
    },
  });
  return filter;
}

/** Holds each answer's head. */
export function answerWaiter(): TrialFilter {
  const filter: TrialFilter = new TrialFilter({
    onResponseHead: (answer) => {
      filter.waiting.push(answer.wait());
      return LATER;
    },
  });
  return filter;
}

/** Tells a later filter who asks. */
export const introduces: Trial = {
  onRequest: (scope) => {
    scope.keep(VISITOR, scope.head.path().slice(1));
    return CONTINUE;
  },
};

/** Tells the backend and the client what the earlier one said. */
export const greets: Trial = {
  step: 'claim-access',
  onRequest: (scope) => {
    scope.patchRequest(lines('X-Visitor', scope.kept(VISITOR) ?? 'nobody'));
    return CONTINUE;
  },
  onResponseHead: (answer, scope) => {
    answer.patch(lines('X-Greeted', scope.kept(VISITOR) ?? 'nobody'));
    return CONTINUE;
  },
};

/** Writes on each answer what it was. */
export const marks: Trial = {
  onResponseHead: (answer) => {
    answer.patch(
      lines('X-Seen', `${answer.status} ${answer.local ? 'local' : 'backend'} ${answer.value('content-type')}`),
    );
    return CONTINUE;
  },
};

export function replaces(status: number): Trial {
  return {
    onResponseHead: (answer) => {
      if (answer.status !== status) return CONTINUE;
      answer.respond(status, [['Content-Type', 'text/plain']], 'instead');
      return ANSWERED;
    },
  };
}

export function lines(name: string, value: string): HeaderPatch {
  return HeaderPatch.of({ set: [{ name, value }], add: [], remove: [] });
}

/** Says everything twice, and how much it was at the end; piece by piece as far as the receiver takes it. */
export class Doubler implements BodyTransform {
  closed = false;
  /** Most bytes that waited here at a time. */
  held = 0;
  readonly #out: BodyOutput;
  readonly #late: boolean;
  readonly #queue: Buffer[] = [];
  #total = 0;
  #ending = false;
  #blocked = false;
  #full = false;

  constructor(out: BodyOutput, late: boolean) {
    this.#out = out;
    this.#late = late;
  }

  write(bytes: Buffer): boolean {
    this.#total += bytes.length;
    this.#queue.push(bytes, bytes);
    this.held = Math.max(
      this.held,
      this.#queue.reduce((sum, piece) => sum + piece.length, 0),
    );
    this.#work();
    this.#full = this.#late || this.#blocked;
    return !this.#full;
  }

  end(): void {
    this.#ending = true;
    this.#work();
  }

  drained(): void {
    this.#blocked = false;
    this.#work();
  }

  close(): void {
    this.closed = true;
  }

  #work(): void {
    if (this.#late) setImmediate(() => this.#send());
    else this.#send();
  }

  #send(): void {
    while (!this.closed && !this.#blocked && this.#queue.length > 0) {
      this.#blocked = !this.#out.write(this.#queue.shift()!);
    }
    if (this.closed || this.#blocked) return;
    if (this.#ending) {
      this.#ending = false;
      this.#out.write(Buffer.from(`=${this.#total}`));
      this.#out.end();
    } else if (this.#full) {
      this.#full = false;
      this.#out.ready();
    }
  }
}

export interface DoublerRig {
  filter: TrialFilter;
  made: Doubler[];
}

/** Doubles bodies one way. `late`: not at once, but when it gets round to it. */
export function doubles(which: 'request' | 'response', late = false): DoublerRig {
  const made: Doubler[] = [];
  const make = (out: BodyOutput): Doubler => {
    const doubler = new Doubler(out, late);
    made.push(doubler);
    return doubler;
  };
  return { filter: new TrialFilter(transforming(which, make)), made };
}

export function transforming(which: 'request' | 'response', make: MakeTransform): Trial {
  const transform = (scope: { transformBody(make: MakeTransform): void }): Verdict => {
    scope.transformBody(make);
    return CONTINUE;
  };
  return which === 'request' ? { onRequest: transform } : { onResponseHead: transform };
}

/** Policies that put these filters on the rule, or on the listener. */
export function policiesOf(
  filters: readonly CompiledFilter[],
  target: 'RouteRule' | 'Listener' = 'RouteRule',
): Policies {
  const policies = new Policies(Object.fromEntries(filters.map((filter, i) => [`Trial${i}`, () => filter])));
  const key = target === 'RouteRule' ? RULE : LISTENER;
  policies
    .prepare(filters.map((_, i) => ({ key: `Trial${i}/${key}`, type: `Trial${i}`, target: { kind: target, key } })))
    .swap();
  return policies;
}

export const GET = 'GET /x HTTP/1.1\r\nHost: a.example\r\nX-Own: 1\r\n\r\n';
export const POST = 'POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 6\r\n\r\n';
export const CHUNKED = 'POST /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n';
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
export const BUSY = 'HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nContent-Type: a/b\r\n\r\nbusy';
export const RETRY: Partial<RouteRule> = { retry: { codes: [503], attempts: 2, backoff: 100 } };

export interface Asked {
  rig: MemoryRig;
  client: MemoryLink;
}

/** A gateway with these filters on its rule, and a client that has sent `request`. */
export async function asked(request: string, filters: CompiledFilter[], options: MemoryOptions = {}): Promise<Asked> {
  const rig = memoryService({ policies: policiesOf(filters), ...options });
  const client = rig.connect();
  client.deliver(request);
  await settled();
  return { rig, client };
}

/** Lets what comes late come. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

export function noting(order: string[], name: string): () => Verdict {
  return () => {
    order.push(name);
    return CONTINUE;
  };
}

export function exactly(value: string): RouteRule['matches'][number] {
  return { path: { type: 'Exact', value }, headers: [], query: [] };
}

/** The body of a message that came in chunks. */
export function dechunked(text: string): string {
  let body = '';
  let at = text.indexOf('\r\n\r\n') + 4;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (!(size > 0)) return body;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}
