/** A copy of a request on its way to another backend. Whatever comes back, or does not, is dropped. */
import type { EndpointPool, OpenWaiter } from '../upstream/index.ts';
import type { BodyFraming, Upstream } from './codec.ts';
import { KeptBody } from './keptbody.ts';

/** Bytes of a body that wait for a slow mirror; beyond it the mirror is given up. */
const MAX_WAITING_BYTES = 1024 * 1024;

export class Mirror implements OpenWaiter {
  #up: Upstream | null = null;
  #pool: EndpointPool | null;
  readonly #head: string;
  readonly #framing: BodyFraming;
  readonly #waiting = new KeptBody();
  #complete = false;
  #blocked = false;

  constructor(pool: EndpointPool, head: string, framing: BodyFraming) {
    this.#pool = pool;
    this.#head = head;
    this.#framing = framing;
    const up = pool.open(this);
    if (up !== null) this.upstreamReady(up);
  }

  body(start: number, end: number): void {
    if (this.#pool === null) return;
    if (this.#up !== null && !this.#blocked) {
      this.#blocked = !this.#up.sendBody(start, end);
      return;
    }
    if (this.#waiting.bytes + (end - start) > MAX_WAITING_BYTES) this.giveUp();
    else this.#waiting.add(start, end);
  }

  end(): void {
    this.#complete = true;
    if (this.#up !== null && this.#waiting.empty) this.#up.sendEnd(0, 0);
  }

  flush(): void {
    this.#up?.flush();
  }

  giveUp(): void {
    const up = this.#up;
    this.#up = null;
    if (up !== null) up.abort('closed_early');
    else this.#pool?.cancel(this);
    this.#pool = null;
  }

  upstreamReady(up: Upstream): void {
    this.#up = up;
    up.sendHead(this.#head, this.#framing);
    this.#sendWaiting();
  }

  upstreamUnavailable(): void {
    this.#pool = null;
  }

  responseInformational(): void {}
  responseHead(): void {}
  responseBody(): void {}

  responseEnd(): void {
    this.#up = null;
    this.#pool = null;
  }

  upstreamFailed(): void {
    this.#up = null;
    this.#pool = null;
  }

  upstreamDrained(): void {
    this.#blocked = false;
    this.#sendWaiting();
  }

  responseFlush(): void {}

  #sendWaiting(): void {
    const up = this.#up!;
    this.#blocked = !this.#waiting.drainTo(up);
    if (this.#complete && this.#waiting.empty) up.sendEnd(0, 0);
    else up.flush();
  }
}
