/**
 * What is done with a connection on a port that TLS listeners share: its ClientHello is read, then it is relayed as
 * it is (Passthrough), handed over to be terminated, or closed with an alert.
 */
import { ARENA } from '../ground/arena.ts';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../ground/deadline.ts';
import type { Drainable, DrainSet } from '../ground/drain.ts';
import type { Link, Sink } from '../ground/driver.ts';
import { HelloReader } from './client-hello.ts';
import { sayFarewell, turnAway } from './farewell.ts';
import { type HeldHellos, holdHello } from './held-hellos.ts';
import type { ClientHello, HelloOutcome } from './hello-outcome.ts';
import { HELLO_GRACE } from './hello-wait.ts';
import type { ProxyAddresses } from './proxy-outcome.ts';
import type { SniChoice, SniTable } from './sni-table.ts';
import type { StreamLimits } from './stream-limits.ts';
import { newRecord, type StreamMeter, type StreamReason } from './stream-meter.ts';
import type { TcpRelay } from './tcp-relay.ts';
import { type AlertDescription, alertRecord } from './tls-alert.ts';

/** A connection whose ClientHello was read, and everything received of it so far. */
export interface PeekedTls {
  link: Link;
  firstBytes: Buffer;
  hello: ClientHello;
  choice: SniChoice;
  addresses: ProxyAddresses | undefined;
}

/** A connection that has no listener yet. */
export type ClaimedTls = Omit<PeekedTls, 'choice'>;

export interface TlsRouterOptions {
  relay: TcpRelay;
  wheel: DeadlineWheel;
  limits: StreamLimits;
  meter: StreamMeter;
  /** Of the port. Connections are in it until their ClientHello has come; while it drains, none goes further. */
  live: DrainSet;
  /** Named in metrics and the access log for connections that no listener took. */
  name: string;
  /** Takes over a connection whose TLS ends here, at once. */
  terminate(peeked: PeekedTls): void;
  /** Takes a connection over that is for no listener; false: it is for one. */
  claim?(peeked: ClaimedTls): boolean;
}

const PLAIN_HTTP_BODY = 'This port speaks TLS, and the request came without it. Use https://.\n';
const PLAIN_HTTP_ANSWER = [
  'HTTP/1.1 400 Bad Request',
  'content-type: text/plain; charset=utf-8',
  `content-length: ${PLAIN_HTTP_BODY.length}`,
  'connection: close',
  '',
  PLAIN_HTTP_BODY,
].join('\r\n');

const FAREWELL = alertRecord('close_notify');
const REFUSAL = alertRecord('access_denied');

export class TlsRouter {
  readonly options: TlsRouterOptions;
  /** Swapped whole; connections that were relayed stay with the plan they got. */
  table: SniTable;
  #peeking = 0;
  readonly #held: HeldHellos = { bytes: 0 };

  constructor(options: TlsRouterOptions, table: SniTable) {
    this.options = options;
    this.table = table;
  }

  /** Connections whose ClientHello is not complete yet. */
  get peeking(): number {
    return this.#peeking;
  }

  /** Takes an accepted connection over and sets its sink. `firstBytes` were received already (after a PROXY header). */
  accept(link: Link, addresses?: ProxyAddresses, firstBytes?: Buffer): void {
    if (this.#peeking >= this.options.limits.maxPeeking) {
      this.options.meter.dropped('tls', this.options.name, 'limit');
      turnAway(link);
      return;
    }
    const sink = new PeekSink(this, link, addresses);
    link.sink = sink;
    this.#peeking++;
    this.options.live.add(sink);
    if (firstBytes !== undefined && firstBytes.length > 0) sink.take(firstBytes, 0, firstBytes.length);
  }

  /** Counts what a ClientHello on its way holds: `more` than before, `own` in all. False: it is too much. */
  hold(more: number, own: number): boolean {
    return holdHello(this.#held, { more, own }, this.options.limits);
  }

  forget(sink: PeekSink): void {
    this.#peeking--;
    this.options.live.delete(sink);
  }

  route(peeked: ClaimedTls): void {
    if (this.options.claim?.(peeked)) return;
    const { link, hello, firstBytes, addresses } = peeked;
    const choice = this.table.choose(hello.serverName);
    if (choice === null) {
      this.refuse(link, { reason: 'no_route', alert: 'unrecognized_name', host: hello.serverName, addresses });
    } else if (choice.mode === 'Terminate') {
      this.options.terminate({ ...peeked, choice });
    } else {
      this.options.relay.accept(link, choice.plan, {
        listener: choice.listener.key,
        protocol: 'tls',
        serverName: hello.serverName,
        firstBytes,
        addresses,
        farewell: FAREWELL,
        refusal: REFUSAL,
      });
    }
  }

  refuse(link: Link, refusal: Refusal): void {
    const { wheel, meter, name } = this.options;
    if (refusal.reason === 'plain_http') sayFarewell(link, PLAIN_HTTP_ANSWER, wheel);
    else if (refusal.alert !== undefined) sayFarewell(link, alertRecord(refusal.alert), wheel);
    else turnAway(link);
    const { address: client, port: clientPort } = refusal.addresses?.source ?? {
      address: link.remoteAddress,
      port: link.remotePort,
    };
    const record = newRecord({ protocol: 'tls', listener: name, client, clientPort, host: refusal.host ?? '' });
    meter.refused({ ...record, reason: refusal.reason });
  }
}

interface Refusal {
  reason: StreamReason;
  /** Absent: reset. */
  alert?: AlertDescription;
  host?: string;
  addresses: ProxyAddresses | undefined;
}

class PeekSink implements Sink, DeadlineOwner, Drainable {
  readonly #router: TlsRouter;
  readonly #link: Link;
  readonly #addresses: ProxyAddresses | undefined;
  readonly #reader: HelloReader;
  readonly #deadline = new Deadline(this);
  readonly #since: number;
  #held = 0;
  #done = false;

  constructor(router: TlsRouter, link: Link, addresses: ProxyAddresses | undefined) {
    this.#router = router;
    this.#since = router.options.wheel.now;
    this.#link = link;
    this.#addresses = addresses;
    this.#reader = new HelloReader(router.options.limits.maxHelloBytes);
    router.options.wheel.set(this.#deadline, router.options.limits.helloTimeout);
  }

  get arriving(): boolean {
    return this.#reader.begun || this.#router.options.wheel.now - this.#since < HELLO_GRACE;
  }

  onBytes(start: number, end: number): void {
    this.take(ARENA, start, end);
  }

  take(bytes: Buffer, start: number, end: number): void {
    if (this.#done) return;
    const outcome = this.#reader.push(bytes, start, end);
    if (outcome.kind === 'incomplete') {
      const more = this.#reader.held - this.#held;
      this.#held += more;
      if (!this.#router.hold(more, this.#held)) this.giveUp('limit');
      return;
    }
    this.#finish();
    if (outcome.kind === 'hello') {
      const firstBytes = this.#reader.bytes;
      this.#router.route({ link: this.#link, firstBytes, hello: outcome, addresses: this.#addresses });
    } else {
      this.#router.refuse(this.#link, { ...refusalOf(outcome), addresses: this.#addresses });
    }
  }

  /** The client left, or sent half a hello: there is nobody to tell. */
  onEnd(): void {
    if (this.#done) return;
    this.#finish();
    this.#router.refuse(this.#link, { reason: 'bad_hello', addresses: this.#addresses });
  }

  onClose(): void {
    this.#finish();
  }

  onDeadline(): void {
    this.giveUp('hello_timeout');
  }

  /** What it is to become has not begun. */
  drain(): void {
    this.giveUp('drained');
  }

  cut(): void {
    this.giveUp('drained');
  }

  giveUp(reason: StreamReason): void {
    if (this.#done) return;
    this.#finish();
    this.#router.refuse(this.#link, { reason, addresses: this.#addresses });
  }

  onDrain(): void {}
  onOpen(): void {}

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#deadline.retire();
    this.#router.hold(-this.#held, 0);
    this.#router.forget(this);
  }
}

function refusalOf(outcome: Exclude<HelloOutcome, ClientHello | { kind: 'incomplete' }>): Omit<Refusal, 'addresses'> {
  switch (outcome.kind) {
    case 'not-tls':
      return outcome.http ? { reason: 'plain_http' } : { reason: 'bad_hello' };
    case 'malformed':
      return { reason: 'bad_hello', alert: 'decode_error' };
    case 'too-large':
      return { reason: 'bad_hello', alert: 'handshake_failure' };
    default:
      return outcome satisfies never;
  }
}

export function createTlsRouter(options: TlsRouterOptions, table: SniTable): TlsRouter {
  return new TlsRouter(options, table);
}
