/**
 * One client connection and the backend connection it is joined to.
 *
 * connecting (the client is paused) -> open -> one side ended -> both ended. An end (FIN) goes through to the other
 * side while the opposite direction goes on; a failure of one side resets the other, so that cut-off data never
 * looks whole. Endpoints are tried one after the other only before anything was sent, so a retry repeats nothing.
 */
import assert from 'node:assert';
import { socketName } from '../../value/socket-name.ts';
import type { StreamPass } from '../filter/index.ts';
import { isLocalFault } from '../ground/connect-failure.ts';
import { Deadline, type DeadlineOwner } from '../ground/deadline.ts';
import type { Drainable } from '../ground/drain.ts';
import type { ConnectTls, Link, LinkTls } from '../ground/driver.ts';
import type { StreamEndpoint } from './endpoint-picker.ts';
import { sayFarewell } from './farewell.ts';
import { proxyHeader } from './proxy-header.ts';
import { RelayHalf } from './relay-half.ts';
import type { Arrival, TcpRelayOptions } from './relayed-arrival.ts';
import { newRecord, type StreamReason, type StreamRecord } from './stream-meter.ts';
import type { StreamBackend, StreamPlan } from './stream-plan.ts';

export class RelayedConnection implements DeadlineOwner, Drainable {
  readonly client: RelayHalf;
  /** The backend's side: of the attempt under way, or open. */
  backend: RelayHalf | undefined = undefined;
  open = false;
  readonly #options: TcpRelayOptions;
  readonly #arrival: Arrival;
  readonly #record: StreamRecord;
  readonly #deadline = new Deadline(this);
  #gone: (() => void) | undefined = undefined;
  #target: StreamBackend | undefined = undefined;
  #endpoint: StreamEndpoint | undefined = undefined;
  /** Client bytes that came before the backend's connection was open. */
  #early: Buffer[];
  #over = false;

  constructor(options: TcpRelayOptions, link: Link, arrival: Arrival) {
    this.#options = options;
    this.#arrival = arrival;
    this.#early = arrival.firstBytes === undefined ? [] : [arrival.firstBytes];
    this.#record = recordOf(link, arrival);
    this.client = new RelayHalf(this);
    this.client.attach(link);
    link.sink = this.client;
  }

  begin(plan: StreamPlan, gone: () => void): void {
    this.#gone = gone;
    this.#options.meter.opened(this.#record.protocol, this.#record.listener);
    this.#record.route = plan.route;
    this.client.link.pause();
    this.#target = plan.next();
    if (this.#target === undefined) {
      this.#fail('no_backend');
    } else {
      this.#record.backend = this.#target.key;
      this.#tryNext();
    }
  }

  /** Of who connects: as a PROXY header tells it, where one is believed. */
  get clientAddress(): string {
    return this.#record.client;
  }

  /** The rule that takes it, and what a policy decided. */
  note(route: string, noted: StreamPass['noted']): void {
    this.#record.route = route;
    Object.assign(this.#record, noted);
  }

  /** Closes a connection that was never begun. */
  refuse(reason: StreamReason): void {
    const { farewell, refusal } = this.#arrival;
    this.#record.reason = reason;
    this.#over = true;
    this.#farewell(this.#record.route === '' ? farewell : (refusal ?? farewell));
    this.#options.meter.refused(this.#record);
  }

  /** Resets both sides. */
  abort(reason: StreamReason): void {
    if (this.#over) return;
    this.#over = true;
    this.client.link.close('reset');
    if (this.backend !== undefined) this.backend.link.close('reset');
    this.#finish(reason);
  }

  /** Of the client, where TLS ends here. */
  get tls(): LinkTls | undefined {
    return this.client.link.tls;
  }

  /** Nobody but its two ends knows what is under way: it goes on until one of them ends it. */
  drain(): void {}

  cut(): void {
    this.abort('drained');
  }

  /** Something moved: the idle time starts anew. */
  touch(): void {
    const { limits, wheel } = this.#options;
    const ended = this.client.ended || this.backend?.ended === true;
    wheel.set(this.#deadline, ended ? limits.halfCloseTimeout : limits.idleTimeout);
  }

  onDeadline(): void {
    if (this.open) this.abort('idle_timeout');
    else this.#attemptFailed('connect_timeout');
  }

  /** Bytes of the client before there is anyone to send them to; the client is paused, so these are few. */
  keep(bytes: Buffer): void {
    if (!this.#over) this.#early.push(bytes);
  }

  opened(half: RelayHalf): void {
    if (this.#over || half !== this.backend || this.open) return;
    this.open = true;
    this.#record.connected = performance.now() - this.#record.started;
    this.#target!.picker.succeeded(this.#endpoint!);
    this.client.other = half;
    half.other = this.client;
    this.touch();
    let below = true;
    for (const bytes of this.#early) below = half.link.send(bytes);
    this.#early = [];
    if (this.client.ended) half.link.close('end');
    else if (below || half.link.pending === 0) this.client.link.resume();
  }

  ended(half: RelayHalf): void {
    if (this.#over || !this.open) return;
    this.touch();
    half.other?.link.close('end');
  }

  closed(half: RelayHalf, error: NodeJS.ErrnoException | undefined): void {
    if (this.#over) return;
    if (half !== this.client && half !== this.backend) return;
    if (!this.open) {
      if (half === this.client) this.abort('client_reset');
      else if (isLocalFault(error)) this.#attemptFailed('limit', false);
      else this.#attemptFailed(error?.code === 'ECONNREFUSED' ? 'connect_refused' : 'connect_failed');
      return;
    }
    const { client, backend } = this;
    assert(backend !== undefined);
    if (error === undefined && client.ended && backend.ended) {
      if (client.closed && backend.closed) this.#finish('');
      return;
    }
    this.#over = true;
    half.other!.link.close('reset');
    this.#finish(half === client ? 'client_reset' : 'backend_reset');
  }

  #tryNext(failed?: StreamEndpoint): void {
    assert(this.#target !== undefined);
    this.#endpoint = this.#target.picker.pick(this.#record.client, failed);
    if (this.#endpoint === undefined) {
      this.#fail(this.#record.reason || 'no_endpoint');
      return;
    }
    const { address, port } = this.#endpoint;
    this.#record.endpoint = socketName(address, port);
    this.#record.attempts++;
    this.#options.wheel.set(this.#deadline, this.#options.limits.connectTimeout);
    const half = new RelayHalf(this);
    this.backend = half;
    const { proxyProtocol } = this.#target;
    const tls = this.#agreed(this.#target.tls);
    const preamble = proxyProtocol === undefined ? undefined : this.#proxyHeader(proxyProtocol);
    half.attach(this.#options.driver.connect({ address, port, tls, preamble }, half));
  }

  /** The backend is offered what the client was agreed with on what the bytes are, and nothing where it was not. */
  #agreed(tls: ConnectTls | undefined): ConnectTls | undefined {
    const alpn = this.tls?.alpn ?? '';
    return tls === undefined || alpn === '' ? tls : { ...tls, alpn: [alpn] };
  }

  #attemptFailed(reason: StreamReason, endpointsFault = true): void {
    const picker = this.#target!.picker;
    const failed = this.#endpoint!;
    if (endpointsFault) picker.failed(failed, reason === 'connect_timeout' ? reason : 'connect_refused');
    picker.release(failed);
    this.#endpoint = undefined;
    this.#record.reason = reason;
    const half = this.backend;
    this.backend = undefined;
    if (half !== undefined && !half.closed) half.link.close('reset');
    if (this.#record.attempts < this.#options.limits.connectAttempts) this.#tryNext(failed);
    else this.#fail(reason);
  }

  #fail(reason: StreamReason): void {
    this.#over = true;
    this.#farewell(this.#arrival.farewell);
    this.#finish(reason);
  }

  #farewell(farewell: Uint8Array | undefined): void {
    const { link } = this.client;
    if (farewell === undefined) link.close('reset');
    else sayFarewell(link, farewell, this.#options.wheel);
  }

  #finish(reason: StreamReason): void {
    this.#over = true;
    this.#deadline.retire();
    this.#early = [];
    const record = this.#record;
    record.reason = reason;
    record.bytesIn = this.client.received + (this.#arrival.firstBytes?.length ?? 0);
    record.bytesOut = this.backend?.received ?? 0;
    if (this.#endpoint !== undefined) this.#target!.picker.release(this.#endpoint);
    this.#options.meter.closed(record);
    this.#gone!();
  }

  #proxyHeader(version: 1 | 2): Uint8Array {
    const { link } = this.client;
    const own = {
      source: { address: link.remoteAddress, port: link.remotePort },
      destination: { address: link.localAddress, port: link.localPort },
    };
    const addresses = this.#arrival.addresses ?? own;
    return proxyHeader(version, addresses);
  }
}

function recordOf(link: Link, arrival: Arrival): StreamRecord {
  return newRecord({
    protocol: arrival.protocol,
    listener: arrival.listener,
    client: arrival.addresses?.source.address ?? link.remoteAddress,
    clientPort: arrival.addresses?.source.port ?? link.remotePort,
    tlsVersion: link.tls?.version ?? '',
    tlsCipher: link.tls?.cipher ?? '',
    host: arrival.serverName ?? '',
  });
}
