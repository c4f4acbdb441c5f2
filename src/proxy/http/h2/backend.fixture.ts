/** For tests: backends of a pool in memory, frame by frame, and exchanges that want one. */

import { ARENA } from '../../ground/arena.ts';
import { BODY_NONE, type BodyFraming, type Failure, type Upstream } from '../../ground/codec.ts';
import { DeadlineWheel } from '../../ground/deadline.ts';
import { type Head, HeadTable } from '../../ground/head.ts';
import { MemoryDriver, type MemoryLink } from '../../listen/memory-link.ts';
import { BackendState } from '../../state/index.ts';
import { DEFAULT_ENDPOINT_LIMITS, type EndpointLimits } from '../../upstream/connection.ts';
import type { EndpointPool, OpenWaiter } from '../../upstream/index.ts';
import { BLOCK_AT, sendText } from './client.fixture.ts';
import { HpackDecoder } from './decoder.ts';
import { FieldSection, REQUEST_SECTION, TRAILER_SECTION } from './field-section.ts';
import * as frame from './frame.ts';
import { H2Pool } from './pool.ts';
import { block, type Frame, frameBytes, readFrames, turn } from './wire.fixture.ts';

/** An exchange that wants a backend, and records what it is told. */
export class Waiter implements OpenWaiter {
  readonly events: string[] = [];
  readonly #head: string;
  readonly #framing: BodyFraming;
  readonly #body: string | undefined;
  up: Upstream | null = null;

  constructor(head: string, framing: BodyFraming, body?: string) {
    this.#head = head;
    this.#framing = framing;
    this.#body = body;
  }

  open(pool: EndpointPool): this {
    const up = pool.open(this);
    if (up !== null) this.upstreamReady(up);
    return this;
  }

  upstreamReady(up: Upstream): void {
    this.up = up;
    up.sendHead(this.#head, this.#framing);
    if (this.#body !== undefined) sendText(up, this.#body);
    if (this.#framing === BODY_NONE || this.#body !== undefined) up.sendEnd(0, 0);
  }
  upstreamUnavailable(why: Failure): void {
    this.events.push(`unavailable ${why}`);
  }
  responseInformational(head: Head): void {
    this.events.push(`informational ${head.status}`);
  }
  responseHead(head: Head, framing: BodyFraming): void {
    this.events.push(`head ${framing} ${ARENA.latin1Slice(head.start, head.end).replaceAll('\r\n', '|')}`);
  }
  responseBody(start: number, end: number): void {
    this.events.push(`body ${ARENA.latin1Slice(start, end)}`);
  }
  responseEnd(start: number, end: number): void {
    this.events.push(`end ${ARENA.latin1Slice(start, end)}`);
  }
  upstreamFailed(why: Failure, sawBytes: boolean): void {
    this.events.push(`failed ${why} ${sawBytes}`);
  }
  upstreamDrained(): void {
    this.events.push('drained');
  }
  responseFlush(): void {}
}

/** Backends of a pool, one for each connection that it opens. */
export class RawBackend {
  now = 0;
  readonly wheel: DeadlineWheel = new DeadlineWheel(() => this.now);
  readonly driver: MemoryDriver = new MemoryDriver();
  readonly pool: H2Pool;
  readonly #decoders: HpackDecoder[] = [];

  constructor(limits: Partial<EndpointLimits> = {}) {
    this.pool = new H2Pool(this, {
      address: '127.0.0.1',
      port: 80,
      tls: undefined,
      health: new BackendState(this.wheel).endpoints.hold(''),
      limits: { ...DEFAULT_ENDPOINT_LIMITS, ...limits },
    });
  }

  link(index = 0): MemoryLink {
    return this.driver.opened[index]!.link;
  }

  send(type: number, flags: number, streamId: number, payload: Buffer | string = ''): void {
    this.link(this.driver.opened.length - 1).deliver(frameBytes(type, flags, streamId, payload));
  }

  respond(streamId: number, fields: ReadonlyArray<readonly [string, string]>, endStream = true): void {
    this.send(frame.HEADERS, frame.END_HEADERS | (endStream ? frame.END_STREAM : 0), streamId, block(fields));
  }

  /** What was sent on the connection opened last (without the preface), heads as lines. */
  async said(): Promise<string[]> {
    await turn();
    const index = this.driver.opened.length - 1;
    const sent = this.link(index).take();
    const start = sent.startsWith(frame.PREFACE) ? frame.PREFACE.length : 0;
    this.#decoders[index] ??= new HpackDecoder();
    return readFrames(Buffer.from(sent.slice(start), 'latin1')).map((one) => this.#line(one, this.#decoders[index]!));
  }

  #line({ type, flags, streamId, payload }: Frame, decoder: HpackDecoder): string {
    if (type !== frame.HEADERS) return `${type} ${flags} ${streamId} ${payload.toString('latin1')}`;
    const section = new FieldSection(new HeadTable());
    const request = payload[0]! >= 0x80;
    section.begin(request ? REQUEST_SECTION : TRAILER_SECTION, ARENA.length);
    payload.copy(ARENA, BLOCK_AT);
    decoder.decode(BLOCK_AT, BLOCK_AT + payload.length, section);
    section.finish(false);
    return `HEADERS ${flags} ${streamId} ${ARENA.latin1Slice(section.table.start, section.out).replaceAll('\r\n', '|')}`;
  }
}
