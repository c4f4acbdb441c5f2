/** For tests: a server's connections joined to a pool of clients' by exchanges that change nothing. */

import { ARENA, COMPOSE_END, COMPOSE_START } from '../../ground/arena.ts';
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_OPEN,
  BODY_TUNNEL,
  type BodyFraming,
  type Downstream,
  type Failure,
  type RequestSide,
  type Upstream,
} from '../../ground/codec.ts';
import { type Composed, Cursor } from '../../ground/cursor.ts';
import { DeadlineWheel } from '../../ground/deadline.ts';
import { FIELD_HOP_BY_HOP, FIELD_KEPT, type Head } from '../../ground/head.ts';
import { NetDriver } from '../../listen/net-driver.ts';
import { adoptSocket, type Handle, linkOf } from '../../listen/net-link.ts';
import { openSocket } from '../../listen/socket.ts';
import { BackendState } from '../../state/index.ts';
import type { EndpointTarget, OpenWaiter } from '../../upstream/index.ts';
import { putKept } from '../compose.ts';
import type { RequestError } from '../h1/fault.ts';
import type { LocalReply } from '../local-reply.ts';
import { composed } from './client.fixture.ts';
import { H2Pool } from './pool.ts';
import { H2ServerConnection, type H2ServerHost } from './server-connection.ts';

const REQUEST = new Cursor(COMPOSE_START, COMPOSE_END);

/** The head as it came, written with `to`. */
function kept(to: Cursor, head: Head): Composed {
  putKept(to, head, head.start);
  return to.finish()!;
}

export class RelayExchange implements RequestSide, OpenWaiter {
  readonly #down: Downstream;
  readonly #pool: H2Pool;
  readonly #relay: Relay;
  #up: Upstream | null = null;
  #text = '';
  #framing: BodyFraming = BODY_NONE;
  #complete = false;
  #tunnel = false;

  constructor(relay: Relay, pool: H2Pool, down: Downstream) {
    this.#relay = relay;
    this.#pool = pool;
    this.#down = down;
  }

  requestHead(head: Head, complete: boolean): void {
    this.#complete = complete;
    const upgrade = head.upgradeEnd > 0;
    for (let i = 0; i < head.count; i++) if (head.drop[i] !== FIELD_HOP_BY_HOP || upgrade) head.drop[i] = FIELD_KEPT;
    const { start, end } = kept(REQUEST.begin(), head);
    this.#text = ARENA.latin1Slice(start, end);
    this.#relay.heads.push(this.#text);
    this.#framing = upgrade ? BODY_TUNNEL : complete ? BODY_NONE : head.contentLength >= 0 ? BODY_LENGTH : BODY_OPEN;
    if (!complete) this.#down.pauseBody();
    const up = this.#pool.open(this);
    if (up !== null) this.upstreamReady(up);
  }

  upstreamReady(up: Upstream): void {
    this.#up = up;
    up.sendHead(this.#text, this.#framing);
    if (this.#framing === BODY_TUNNEL) return;
    if (this.#complete) up.sendEnd(0, 0);
    else this.#down.resumeBody();
  }

  upstreamUnavailable(why: Failure): void {
    this.upstreamFailed(why, false);
  }

  requestBody(start: number, end: number): void {
    if (!this.#up!.sendBody(start, end)) this.#down.pauseBody();
  }

  requestEnd(trailersStart: number, trailersEnd: number): void {
    this.#complete = true;
    this.#up?.sendEnd(trailersStart, trailersEnd);
  }

  requestAborted(why: Failure): void {
    this.#relay.failures.push(`request ${why}`);
    this.#up?.abort(why);
    if (this.#up === null) this.#pool.cancel(this);
  }

  downstreamDrained(): void {
    this.#up?.resumeBody();
  }

  requestFlush(): void {
    this.#up?.flush();
  }

  responseInformational(head: Head): void {
    this.#down.sendInformational(kept(this.#down.beginHead(), head));
  }

  responseHead(head: Head, framing: BodyFraming): void {
    this.#tunnel = framing === BODY_TUNNEL;
    this.#down.sendHead(kept(this.#down.beginHead(), head), framing);
  }

  responseBody(start: number, end: number): void {
    if (!this.#down.sendBody(start, end)) this.#up?.pauseBody();
  }

  responseEnd(trailersStart: number, trailersEnd: number): void {
    this.#up = null;
    if (!this.#complete && !this.#tunnel) this.#down.discardBody();
    this.#down.sendEnd(trailersStart, trailersEnd);
  }

  upstreamFailed(why: Failure, sawBytes: boolean): void {
    this.#up = null;
    this.#relay.failures.push(`upstream ${why} ${sawBytes}`);
    if (sawBytes) {
      this.#down.abort(why);
      return;
    }
    this.#down.sendHead(composed(this.#down, 'HTTP/1.1 502 Bad Gateway\r\n'), BODY_NONE);
    if (!this.#complete) this.#down.discardBody();
    this.#down.sendEnd(0, 0);
  }

  upstreamDrained(): void {
    this.#down.resumeBody();
  }

  responseFlush(): void {
    this.#down.flush();
  }
}

/** Listens on loopback and relays every stream to `target`. */
export class Relay implements H2ServerHost {
  readonly wheel: DeadlineWheel = new DeadlineWheel();
  readonly connections: Set<H2ServerConnection> = new Set();
  keepAliveTimeout = 60_000;
  maxHeaderLines = 128;
  readonly heads: string[] = [];
  readonly failures: string[] = [];
  readonly pool: H2Pool;
  port = 0;
  #close: () => void = () => undefined;

  constructor(at: Omit<EndpointTarget, 'health'>) {
    const target = { ...at, health: new BackendState(this.wheel).endpoints.hold('') };
    this.wheel.start();
    this.pool = new H2Pool({ driver: new NetDriver(), wheel: this.wheel }, target);
  }

  async listen(): Promise<void> {
    const socket = await openSocket({ address: '127.0.0.1', port: 0, reusePort: false }, (handle) =>
      this.#accept(handle),
    );
    this.port = Number(socket.bound.split(':')[1]);
    this.#close = () => socket.close();
  }

  #accept(handle: Handle): void {
    const link = linkOf(adoptSocket(handle));
    const connection = new H2ServerConnection(link, this);
    link.sink = connection;
    this.connections.add(connection);
  }

  newExchange(down: Downstream): RequestSide {
    return new RelayExchange(this, this.pool, down);
  }

  refusal(_: H2ServerConnection, { status, message }: RequestError): LocalReply {
    return { status, lines: '', body: message };
  }

  closed(): void {}

  gone(connection: H2ServerConnection): void {
    this.connections.delete(connection);
  }

  close(): void {
    this.#close();
    this.pool.retire();
    for (const connection of this.connections) connection.link?.close('reset');
    this.wheel.stop();
  }
}
