/** Copies of a request on their way to other backends. Whatever comes back, or does not, is dropped. */

import { type BodyFraming, type ClientConnection, MAX_INFORMATIONAL_HEADS, type Upstream } from '../ground/codec.ts';
import type { Deadline, DeadlineOwner } from '../ground/deadline.ts';
import { TRAILER_LINES } from '../ground/region.ts';
import type { EndpointPool, OpenWaiter } from '../upstream/index.ts';
import { CountedBody } from './counted-body.ts';
import type { Copy } from './guarded-copy.ts';
import type { HttpService } from './service.ts';

/** Bytes of a body that wait for a slow mirror; beyond it the mirror is given up. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Bytes of a mirror's answer that are read to keep its connection; beyond it the mirror is given up. */
export const MAX_MIRROR_ANSWER: number = 16 * 1024 * 1024;

/** What all copies of one request have in common. */
export interface Copied {
  framing: BodyFraming;
  client: ClientConnection;
}

/** All mirrors of one request. Backends without endpoints are left out. */
export class Mirrors {
  readonly #mirrors: Mirror[] = [];

  constructor(service: HttpService, copies: readonly Copy[], copied: Copied) {
    for (const copy of copies) {
      const pool = service.upstreams.get(copy.backend)?.pick() ?? null;
      if (pool === null) copy.end?.();
      else this.#mirrors.push(new Mirror(service, pool, { ...copied, ...copy }));
    }
  }

  body(start: number, end: number): void {
    for (const mirror of this.#mirrors) mirror.body(start, end);
  }

  /** The request is complete. Trailer lines, each with CRLF, or ''. */
  end(trailers: string): void {
    for (const mirror of this.#mirrors) mirror.end(trailers);
  }

  flush(): void {
    for (const mirror of this.#mirrors) mirror.flush();
  }

  giveUp(): void {
    for (const mirror of this.#mirrors) mirror.giveUp();
  }
}

class Mirror implements OpenWaiter, DeadlineOwner {
  readonly #service: HttpService;
  readonly #deadline: Deadline;
  readonly #copied: Copied & Copy;
  readonly #waiting = new CountedBody();
  #pool: EndpointPool | null;
  #up: Upstream | null = null;
  #trailers = '';
  #complete = false;
  #ended = false;
  #blocked = false;
  #informational = 0;
  #answerBytes = 0;
  #bodyBytes = 0;

  constructor(service: HttpService, pool: EndpointPool, copied: Copied & Copy) {
    this.#service = service;
    this.#pool = pool;
    this.#copied = copied;
    this.#deadline = service.wheel.borrow(this);
    service.wheel.set(this.#deadline, service.limits.streamIdleTimeout);
    const up = pool.open(this);
    if (up !== null) this.upstreamReady(up);
  }

  get client(): ClientConnection {
    return this.#copied.client;
  }

  body(start: number, end: number): void {
    if (this.#pool === null) return;
    this.#bodyBytes += end - start;
    const { maxBodyBytes, bodyDenied } = this.#copied;
    if (maxBodyBytes > 0 && this.#bodyBytes > maxBodyBytes) {
      if (bodyDenied !== undefined) bodyDenied.value++;
      return this.giveUp();
    }
    this.#touch();
    if (this.#up !== null && !this.#blocked) {
      this.#blocked = !this.#up.sendBody(start, end);
      return;
    }
    if (this.#waiting.bytes + (end - start) > MAX_WAITING_BYTES) return this.giveUp();
    this.#waiting.add(start, end);
    if (this.#waiting.tooMuch) this.giveUp();
  }

  end(trailers: string): void {
    this.#complete = true;
    this.#trailers = trailers;
    this.#endIfSent();
  }

  flush(): void {
    this.#up?.flush();
  }

  giveUp(): void {
    if (this.#pool === null) return;
    const up = this.#up;
    if (up === null) this.#pool.cancel(this);
    this.#close();
    up?.abort('closed_early');
  }

  onDeadline(): void {
    this.giveUp();
  }

  upstreamReady(up: Upstream): void {
    if (this.#pool === null) return up.abort('closed_early');
    this.#up = up;
    up.sendHead(this.#copied.head, this.#copied.framing);
    this.#sendWaiting();
  }

  upstreamUnavailable(): void {
    this.#close();
  }

  responseInformational(): void {
    if (++this.#informational > MAX_INFORMATIONAL_HEADS) this.giveUp();
  }

  responseHead(): void {
    this.#touch();
  }

  responseBody(start: number, end: number): void {
    this.#answerBytes += end - start;
    if (this.#answerBytes > MAX_MIRROR_ANSWER) this.giveUp();
    else this.#touch();
  }

  responseEnd(): void {
    this.#close();
  }

  upstreamFailed(): void {
    this.#close();
  }

  upstreamDrained(): void {
    this.#blocked = false;
    this.#sendWaiting();
  }

  responseFlush(): void {}

  #sendWaiting(): void {
    const up = this.#up!;
    this.#blocked = !this.#waiting.drainTo(up);
    this.#endIfSent();
    if (!this.#ended) up.flush();
  }

  #endIfSent(): void {
    if (this.#up === null || this.#ended || !this.#complete || !this.#waiting.empty) return;
    this.#ended = true;
    this.#up.sendEnd(TRAILER_LINES.start, TRAILER_LINES.loadText(this.#trailers));
  }

  #touch(): void {
    if (this.#pool !== null) this.#service.wheel.set(this.#deadline, this.#service.limits.streamIdleTimeout);
  }

  #close(): void {
    if (this.#pool === null) return;
    this.#pool = null;
    this.#up = null;
    this.#waiting.letGo();
    this.#service.wheel.giveBack(this.#deadline);
    this.#copied.end?.();
  }
}
