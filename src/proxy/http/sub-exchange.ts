/**
 * A request of a filter's own to a backend, over the pools that requests use, with its answer kept whole for the filter.
 * It ends with its time, or with the exchange on whose behalf it is made.
 */
import { type HeaderPair, HeaderPatch, type SubAnswer, type SubFailure, type SubRequest } from '../filter/index.ts';
import { ARENA } from '../ground/arena.ts';
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_TUNNEL,
  type BodyFraming,
  type ClientConnection,
  MAX_INFORMATIONAL_HEADS,
  type Upstream,
} from '../ground/codec.ts';
import type { Deadline, DeadlineOwner } from '../ground/deadline.ts';
import { FIELD_KEPT, FIELD_STRIDE, type Head, NAME_END, NAME_START } from '../ground/head.ts';
import type { EndpointPool, OpenWaiter } from '../upstream/index.ts';
import { KeptBody } from './kept-body.ts';
import { LOOP_LINE } from './loop.ts';
import { MAX_CONNECT_ATTEMPTS, triesAnother } from './retry.ts';
import type { HttpService } from './service.ts';

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TARGET = /^\/[\x21-\x7e]*$/;
const AUTHORITY = /^[\x21-\x7e]+$/;

/** On whose behalf it is made. */
export interface OnBehalf {
  /** Absent: the gateway asks for itself. */
  client?: ClientConnection | undefined;
  /** CDN-Loop lines of the request, each with CRLF: what is asked for it goes through as many gateways. */
  loops: string;
}

export type SubDone = (outcome: SubAnswer | SubFailure) => void;

export class SubExchange implements OpenWaiter, DeadlineOwner {
  readonly client?: ClientConnection;
  readonly #service: Pick<HttpService, 'wheel' | 'upstreams'>;
  readonly #request: SubRequest;
  readonly #head: string;
  readonly #deadline: Deadline;
  readonly #answer = new KeptBody();
  #body = new KeptBody();
  /** Null once it is over. */
  #done: SubDone | null;
  #pool: EndpointPool | null = null;
  #up: Upstream | null = null;
  #onUsed = false;
  #attempts = 0;
  #sent = false;
  #status = 0;
  #informational = 0;
  #headers: HeaderPair[] = [];

  /** Throws a DaemunError for a request that cannot be sent. `done` is called once, after the caller has returned. */
  constructor(
    service: Pick<HttpService, 'wheel' | 'upstreams'>,
    request: SubRequest,
    around: { of: OnBehalf; done: SubDone },
  ) {
    this.#service = service;
    this.#request = request;
    if (around.of.client !== undefined) this.client = around.of.client;
    this.#done = around.done;
    this.#head = headOf(request, around.of.loops);
    this.#deadline = service.wheel.borrow(this);
    service.wheel.set(this.#deadline, request.timeout);
    this.#attempt();
  }

  /** Nobody waits for it any more. */
  abort(): void {
    this.#release('closed_early');
    this.#close();
  }

  #attempt(): void {
    const pool = this.#service.upstreams.get(this.#request.backend)?.pick(this.#pool) ?? null;
    if (pool === null) return this.#tell('no_endpoints');
    this.#pool = pool;
    this.#attempts++;
    this.#sent = false;
    this.#body = new KeptBody();
    if (this.#request.body !== undefined) this.#body.keep(this.#request.body);
    const up = pool.open(this);
    if (up !== null) this.upstreamReady(up, true);
  }

  // ── the pool's calls

  upstreamReady(up: Upstream, used = false): void {
    if (this.#done === null) return up.abort('closed_early');
    this.#up = up;
    this.#onUsed = used;
    up.sendHead(this.#head, this.#request.body === undefined ? BODY_NONE : BODY_LENGTH);
    this.upstreamDrained();
  }

  /** Nothing was sent: as a request of a client's it goes to another endpoint, where there is one. */
  upstreamUnavailable(why: SubFailure['failure']): void {
    if (this.#done === null) return;
    const { size = 0 } = this.#service.upstreams.get(this.#request.backend) ?? {};
    if (triesAnother(size, this.#pool!, this.#attempts)) this.#attempt();
    else this.#tell(why);
  }

  upstreamDrained(): void {
    const up = this.#up;
    if (up === null || this.#sent) return;
    this.#sent = this.#body.drainTo(up);
    if (this.#sent) up.sendEnd(0, 0);
    up.flush();
  }

  // ── the backend's calls

  responseInformational(): void {
    if (++this.#informational > MAX_INFORMATIONAL_HEADS && this.#done !== null) this.#giveUp('protocol_error');
  }

  responseHead(head: Head, framing: BodyFraming): void {
    this.#pool!.health.answered(head.status);
    if (framing === BODY_TUNNEL) return this.#giveUp('protocol_error');
    this.#status = head.status;
    this.#headers = linesOf(head);
  }

  responseBody(start: number, end: number): void {
    if (this.#done === null) return;
    if (this.#answer.bytes + (end - start) > this.#request.limit) this.#giveUp('answer_too_large');
    else this.#answer.add(start, end);
  }

  responseEnd(trailersStart: number, trailersEnd: number): void {
    if (this.#done === null) return;
    this.#up = null;
    const trailers = pairsOf(ARENA.latin1Slice(trailersStart, trailersEnd));
    const body = this.#answer.first(this.#answer.bytes);
    this.#finish({ status: this.#status, headers: this.#headers, body, trailers });
  }

  responseFlush(): void {}

  /**
   * A kept connection that its backend closed at the same moment is no failure: what is asked may be asked again, once; and
   * what the backend has not looked at as often as a client's request.
   */
  upstreamFailed(why: SubFailure['failure'], sawBytes: boolean, untouched = false): void {
    this.#up = null;
    if (this.#done === null) return;
    const crossed = this.#onUsed && !sawBytes && why !== 'timeout' && this.#attempts === 1;
    if (crossed || (untouched && this.#attempts < MAX_CONNECT_ATTEMPTS)) return this.#attempt();
    if (!untouched) this.#pool!.health.unanswered();
    this.#tell(why);
  }

  onDeadline(): void {
    if (this.#sent) this.#pool?.health.unanswered();
    this.#giveUp('timeout');
  }

  // ── the end

  #giveUp(why: SubFailure['failure']): void {
    this.#release(why === 'timeout' ? 'timeout' : 'closed_early');
    this.#tell(why);
  }

  #release(why: 'timeout' | 'closed_early'): void {
    const up = this.#up;
    this.#up = null;
    if (up !== null) up.abort(why);
    else this.#pool?.cancel(this);
  }

  #tell(failure: SubFailure['failure']): void {
    this.#finish({ failure });
  }

  /** Told after this call has returned: it may be one of a backend's read, or of the filter that asks. */
  #finish(outcome: SubAnswer | SubFailure): void {
    const done = this.#done;
    if (done === null) return;
    this.#close();
    queueMicrotask(() => done(outcome));
  }

  #close(): void {
    if (this.#done === null) return;
    this.#done = null;
    this.#service.wheel.giveBack(this.#deadline);
  }
}

/** Without the blank line. */
function headOf({ method, target, authority, headers, lines: raw = '', body }: SubRequest, loops: string): string {
  if (!METHOD.test(method) || !TARGET.test(target) || !AUTHORITY.test(authority)) {
    throw new RangeError(`a request cannot be made of ${JSON.stringify({ method, target, authority })}`);
  }
  const add = headers.map(([name, value]) => ({ name, value }));
  const length = body === undefined ? '' : `Content-Length: ${body.length}\r\n`;
  const lines = add.map((line) => HeaderPatch.of({ set: [], add: [line], remove: [] }).text).join('');
  return `${method} ${target} HTTP/1.1\r\nHost: ${authority}\r\n${loops}${LOOP_LINE}${raw}${lines}${length}`;
}

/** Those of the message, not of the connection. */
function linesOf(head: Head): HeaderPair[] {
  const pairs: HeaderPair[] = [];
  for (let i = 0; i < head.count; i++) {
    const at = i * FIELD_STRIDE;
    if (head.drop[i] !== FIELD_KEPT) continue;
    pairs.push([ARENA.latin1Slice(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!), head.value(i)]);
  }
  return pairs;
}

function pairsOf(lines: string): HeaderPair[] {
  return lines.split('\r\n').flatMap((line) => {
    const colon = line.indexOf(':');
    return colon <= 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()] as const];
  });
}
