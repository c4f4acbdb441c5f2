/**
 * Many clients of both versions share backends of both, in pieces of any size and in any order: whatever happens, each
 * gets only what is its own, and backends get only what belongs together.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Filter } from '../../config/index.ts';
import { ARENA, DECODE_START, SEND_START } from '../ground/arena.ts';
import { HeadTable } from '../ground/head.ts';
import type { MemoryLink } from '../listen/index.ts';
import { HpackDecoder } from './h2/decoder.ts';
import { FieldSection, RESPONSE_SECTION } from './h2/field-section.ts';
import * as frame from './h2/frame.ts';
import { block, frameBytes, turn } from './h2/wire.fixture.ts';
import { type MemoryRig, memoryService } from './memory.suite.ts';

type Body = 'none' | 'length' | 'open' | 'trailers';
interface Asked {
  body: Body;
  size: number;
  answer: Body;
  answerSize: number;
  /** The first answer to it is a 503, which the rule tries again. */
  fails: boolean;
}
interface Step {
  who: number;
  bytes: number;
}
interface Scene {
  clients: Array<{ h2: boolean; asked: Asked[] }>;
  steps: Step[];
  filters: Filter[];
  limited: boolean;
}

const body = fc.constantFrom<Body>('none', 'length', 'open', 'trailers');
const size = fc.constantFrom(1, 10, 3_000, 17_000, 40_000);
const asked = fc.record<Asked>({ body, size, answer: body, answerSize: size, fails: fc.boolean() });
const clients = fc.array(fc.record({ h2: fc.boolean(), asked: fc.array(asked, { minLength: 1, maxLength: 5 }) }), {
  minLength: 2,
  maxLength: 5,
});
const steps = fc.array(fc.record({ who: fc.nat(30), bytes: fc.constantFrom(1, 9, 10, 100, 2_000, 5_000, 66_000) }), {
  minLength: 20,
  maxLength: 120,
});
const added = (type: 'RequestHeaderModifier' | 'ResponseHeaderModifier', length: number): Filter => ({
  type,
  set: [{ name: 'x-set', value: '='.repeat(length) }],
  add: [],
  remove: ['x-gone'],
});
const filters = fc.subarray<Filter>([
  added('RequestHeaderModifier', 20_000),
  added('ResponseHeaderModifier', 50_000),
  { type: 'RequestMirror', backend: 'd/copy:80', fraction: { numerator: 1, denominator: 2 } },
]);
const scenes = fc.record<Scene>({ clients, steps, filters, limited: fc.boolean() });

/** A letter for each request of each client: all that its body, its answer and its trailers are made of. */
const tagOf = (client: number, index: number): string => String.fromCharCode(0x41 + client * 5 + index);
const only = (text: string, tag: string): boolean => text === tag.repeat(text.length);

interface Message {
  /** Lower-case names. */
  lines: Map<string, string>;
  start: string;
  body: string;
  trailers: Map<string, string>;
}

function linesOf(text: string): Map<string, string> {
  return new Map(
    text
      .split('\r\n')
      .filter((one) => one !== '')
      .map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 1).trim()]),
  );
}

/** The first whole message of HTTP/1.1 in `text`, and how long it is. */
function firstMessage(text: string): { message: Message; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const lineEnd = text.indexOf('\r\n');
  const message: Message = {
    start: text.slice(0, lineEnd),
    lines: linesOf(text.slice(lineEnd + 2, headEnd)),
    body: '',
    trailers: new Map(),
  };
  let at = headEnd + 4;
  if (message.lines.get('transfer-encoding') !== 'chunked') {
    const length = Number(message.lines.get('content-length') ?? 0);
    message.body = text.slice(at, at + length);
    return message.body.length < length ? undefined : { message, length: at + length };
  }
  for (;;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const chunk = Number.parseInt(text.slice(at, end), 16);
    at = end + 2;
    if (chunk === 0) break;
    if (text.length < at + chunk + 2) return undefined;
    message.body += text.slice(at, at + chunk);
    at += chunk + 2;
  }
  const stop = text.startsWith('\r\n', at) ? at : text.indexOf('\r\n\r\n', at) + 2;
  if (stop < at || text.length < stop + 2) return undefined;
  message.trailers = linesOf(text.slice(at, stop));
  return { message, length: stop + 2 };
}

class LineSection extends FieldSection {
  lines: Array<[string, string]> = [];
  override makeRoom(): void {}
  override add(nameEnd: number, end: number): void {
    this.lines.push([ARENA.latin1Slice(DECODE_START, nameEnd), ARENA.latin1Slice(nameEnd + 2, end - 2)]);
  }
}

interface Said {
  lines: Array<[string, string]>;
  kind: Body;
  size: number;
  tag: string;
}

/** One end of a connection: what it still has to say, and the whole messages that it has heard, by stream. */
abstract class End {
  readonly link: MemoryLink;
  protected out = Buffer.alloc(0);
  readonly heard: Array<{ stream: number; message: Message }> = [];
  resets = 0;

  constructor(link: MemoryLink) {
    this.link = link;
  }

  say(bytes: Buffer): void {
    this.out = Buffer.concat([this.out, bytes]);
  }

  get due(): number {
    return this.out.length;
  }

  deliver(bytes: number): void {
    const piece = this.out.subarray(0, bytes);
    this.out = this.out.subarray(bytes);
    if (piece.length > 0 && this.link.closed === 'no') this.link.deliver(Buffer.from(piece));
  }

  abstract listen(): void;
  abstract tell(stream: number, start: Array<[string, string]>, message: Said): void;
}

const TRAILER = 'x-trailer';

class H1End extends End {
  #text = '';

  listen(): void {
    this.#text += this.link.take();
    for (let next = firstMessage(this.#text); next !== undefined; next = firstMessage(this.#text)) {
      this.#text = this.#text.slice(next.length);
      this.heard.push({ stream: 0, message: next.message });
    }
  }

  tell(_stream: number, start: Array<[string, string]>, { lines, kind, size, tag }: Said): void {
    const of = new Map(start);
    const first = of.has(':status')
      ? `HTTP/1.1 ${of.get(':status')} X`
      : `${of.get(':method')} ${of.get(':path')} HTTP/1.1\r\nHost: a`;
    const text = tag.repeat(size);
    const framing =
      kind === 'length'
        ? `Content-Length: ${size}`
        : kind === 'none'
          ? of.has(':status')
            ? 'Content-Length: 0'
            : 'X-No: body'
          : 'Transfer-Encoding: chunked';
    const head = [first, framing, ...lines.map(([name, value]) => `${name}: ${value}`)].join('\r\n');
    const half = Math.ceil(size / 2);
    const chunks = `${half.toString(16)}\r\n${text.slice(0, half)}\r\n${size - half > 0 ? `${(size - half).toString(16)}\r\n${text.slice(half)}\r\n` : ''}0\r\n`;
    const content =
      kind === 'none'
        ? ''
        : kind === 'length'
          ? text
          : `${chunks}${kind === 'trailers' ? `${TRAILER}: ${tag.repeat(900)}\r\n` : ''}\r\n`;
    this.say(Buffer.from(`${head}\r\n\r\n${content}`, 'latin1'));
  }
}

class H2End extends End {
  readonly #decoder = new HpackDecoder();
  readonly #streams = new Map<number, Message>();
  /** Frames of each stream that are still to be said. */
  readonly #queues: Buffer[][] = [];
  #bytes = Buffer.alloc(0);
  #block = Buffer.alloc(0);
  #ends = false;
  #begun = false;

  listen(): void {
    this.#bytes = Buffer.concat([this.#bytes, Buffer.from(this.link.take(), 'latin1')]);
    if (this.#bytes.subarray(0, 3).toString() === 'PRI') this.#bytes = this.#bytes.subarray(frame.PREFACE.length);
    while (this.#bytes.length >= 9 && this.#bytes.length >= 9 + this.#bytes.readUIntBE(0, 3)) {
      const length = this.#bytes.readUIntBE(0, 3);
      this.#frame(this.#bytes[3]!, this.#bytes[4]!, this.#bytes.readUInt32BE(5), this.#bytes.subarray(9, 9 + length));
      this.#bytes = this.#bytes.subarray(9 + length);
    }
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === frame.RST_STREAM) this.resets++;
    if (type === frame.SETTINGS && (flags & frame.ACK) === 0) {
      this.#begin('');
      this.say(frameBytes(frame.SETTINGS, frame.ACK, 0));
    }
    if (type === frame.HEADERS) this.#ends = (flags & frame.END_STREAM) !== 0;
    if (type === frame.HEADERS || type === frame.CONTINUATION) {
      this.#block = Buffer.concat([this.#block, payload]);
      if ((flags & frame.END_HEADERS) !== 0) this.#section(stream);
    } else if (type === frame.DATA) {
      const message = this.#streams.get(stream)!;
      message.body += payload.toString('latin1');
      if (payload.length > 0) {
        const word = Buffer.alloc(4);
        word.writeUInt32BE(payload.length);
        this.say(
          Buffer.concat([
            frameBytes(frame.WINDOW_UPDATE, 0, 0, word),
            frameBytes(frame.WINDOW_UPDATE, 0, stream, word),
          ]),
        );
      }
      if ((flags & frame.END_STREAM) !== 0) this.heard.push({ stream, message });
    }
  }

  #section(stream: number): void {
    const section = new LineSection(new HeadTable());
    section.begin(RESPONSE_SECTION, ARENA.length);
    expect(this.#decoder.decode(SEND_START, SEND_START + this.#block.copy(ARENA, SEND_START), section)).toBe(true);
    this.#block = Buffer.alloc(0);
    const lines = new Map(section.lines);
    const known = this.#streams.get(stream);
    if (known !== undefined) known.trailers = lines;
    const message = known ?? {
      start: lines.get(':status') ?? lines.get(':path') ?? '',
      lines,
      body: '',
      trailers: new Map(),
    };
    this.#streams.set(stream, message);
    if (this.#ends) this.heard.push({ stream, message });
  }

  tell(stream: number, start: Array<[string, string]>, { lines, kind, size, tag }: Said): void {
    const request = start[0]![0] === ':method';
    this.#begin(request ? frame.PREFACE : '');
    const length: Array<[string, string]> = kind === 'length' ? [['content-length', String(size)]] : [];
    const flags = frame.END_HEADERS | (kind === 'none' ? frame.END_STREAM : 0);
    const frames = [frameBytes(frame.HEADERS, flags, stream, block([...start, ...lines, ...length]))];
    for (let at = 0; at < size && kind !== 'none'; at += 5_000) {
      const last = at + 5_000 >= size && kind !== 'trailers';
      const data = tag.repeat(Math.min(5_000, size - at));
      frames.push(frameBytes(frame.DATA, last ? frame.END_STREAM : 0, stream, data));
    }
    const end = frame.END_HEADERS | frame.END_STREAM;
    if (kind === 'trailers') frames.push(frameBytes(frame.HEADERS, end, stream, block([[TRAILER, tag.repeat(900)]])));
    this.#queues.push(frames);
  }

  #begin(preface: string): void {
    if (!this.#begun) this.say(Buffer.concat([Buffer.from(preface), frameBytes(frame.SETTINGS, 0, 0)]));
    this.#begun = true;
  }

  override get due(): number {
    return this.out.length + this.#queues.length;
  }

  /** Streams speak in turns, a frame each. */
  override deliver(bytes: number): void {
    while (this.out.length < bytes && this.#queues.length > 0) {
      const frames = this.#queues.shift()!;
      this.say(frames.shift()!);
      if (frames.length > 0) this.#queues.push(frames);
    }
    super.deliver(bytes);
  }
}

/** All that goes on in one scene. */
class Stage {
  readonly #scene: Scene;
  readonly #rig: MemoryRig;
  readonly #back: 'http' | 'h2c';
  readonly clients: End[];
  readonly #backends: End[] = [];
  readonly #answered: number[] = [];
  readonly #failed = new Set<string>();

  constructor(scene: Scene, back: 'http' | 'h2c') {
    this.#scene = scene;
    this.#back = back;
    this.#rig = memoryService({
      protocol: back,
      backends: ['copy'],
      limits: scene.limited ? { maxBodyBytes: 10_000 } : {},
      rule: { filters: scene.filters, retry: { codes: [503], attempts: 1, backoff: 1 } },
    });
    this.clients = scene.clients.map(({ h2, asked: list }, client) => {
      const link = this.#rig.connect();
      const end = h2 ? new H2End(link) : new H1End(link);
      list.forEach((one, index) => {
        const start: Array<[string, string]> = [
          [':method', 'PUT'],
          [':scheme', 'http'],
          [':path', `/${client}/${index}`],
          [':authority', 'a'],
        ];
        const tag = tagOf(client, index);
        end.tell(2 * index + 1, start, {
          lines: [
            ['x-tag', tag],
            ['x-gone', tag],
          ],
          kind: one.body,
          size: one.size,
          tag,
        });
      });
      return end;
    });
  }

  async act({ who, bytes }: Step): Promise<void> {
    const ends = [...this.clients, ...this.#backends];
    ends[who % ends.length]!.deliver(bytes);
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await turn();
    this.#rig.pass(60);
    await turn();
    for (let i = this.#backends.length; i < this.#rig.driver.opened.length; i++) {
      const { link } = this.#rig.driver.opened[i]!;
      this.#backends.push(this.#back === 'h2c' ? new H2End(link) : new H1End(link));
      this.#answered.push(0);
    }
    for (const end of [...this.clients, ...this.#backends]) end.listen();
    for (const [i, end] of this.#backends.entries()) this.#answer(end, i);
    await turn();
  }

  #answer(end: End, at: number): void {
    for (; this.#answered[at]! < end.heard.length; this.#answered[at]!++) {
      const { stream, message } = end.heard[this.#answered[at]!]!;
      const path = /\/(\d)\/(\d)/.exec(message.start)!;
      const [client, index] = [Number(path[1]), Number(path[2])];
      const tag = tagOf(client, index);
      expect([
        message.lines.get('x-tag'),
        message.lines.has('x-gone') && this.#scene.filters.some(({ type }) => type === 'RequestHeaderModifier'),
      ]).toEqual([tag, false]);
      expect(only(message.body, tag)).toBe(true);
      const trailer = message.trailers.get(TRAILER);
      expect(trailer === undefined || only(trailer, tag)).toBe(true);
      const one = this.#scene.clients[client]!.asked[index]!;
      expect(message.body.length).toBe(one.body === 'none' ? 0 : one.size);
      const fails = one.fails && !this.#failed.has(message.start);
      this.#failed.add(message.start);
      end.tell(stream, [[':status', fails ? '503' : '200']], {
        lines: [['x-tag', tag]],
        kind: one.answer,
        size: one.answerSize,
        tag,
      });
    }
  }

  /** Lets everybody say the rest. */
  async finish(): Promise<void> {
    for (let quiet = 0; quiet < 4; ) {
      const ends = [...this.clients, ...this.#backends].filter((end) => end.due > 0 && end.link.closed === 'no');
      quiet = ends.length === 0 ? quiet + 1 : 0;
      for (const end of ends) end.deliver(20_000);
      await this.#settle();
    }
  }
}

describe.each(['http', 'h2c'] as const)('over backends that speak %s', (back) => {
  test('nobody gets what belongs to somebody else', async () => {
    await fc.assert(
      fc.asyncProperty(scenes, async (scene) => {
        const stage = new Stage(scene, back);
        for (const step of scene.steps) await stage.act(step);
        await stage.finish();
        for (const [client, end] of stage.clients.entries()) {
          const { h2, asked: list } = scene.clients[client]!;
          for (const [at, { stream, message }] of end.heard.entries()) {
            const index = h2 ? (stream - 1) / 2 : at;
            const tag = tagOf(client, index);
            if (message.lines.get('x-tag') === undefined) {
              expect([message.start, scene.limited]).toEqual([h2 ? '413' : 'HTTP/1.1 413 Payload Too Large', true]);
              continue;
            }
            expect(message.lines.get('x-tag')).toBe(tag);
            expect(only(message.body, tag)).toBe(true);
            expect(message.body.length).toBe(list[index]!.answer === 'none' ? 0 : list[index]!.answerSize);
            const trailer = message.trailers.get(TRAILER);
            expect(trailer === undefined || only(trailer, tag)).toBe(true);
          }
          if (!scene.limited) expect(end.heard.length).toBe(list.length);
        }
      }),
      { numRuns: Number(process.env.MIXING_RUNS ?? 40) },
    );
  });
});
