/**
 * Whatever filters add to heads, legal or not: each side gets exactly what it is to get or is told that it cannot be,
 * and not one byte is written where another connection's bytes wait.
 */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { additionFault, type Filter, type HeaderModifier } from '../../config/index.ts';
import { HeaderPatch } from '../filter/index.ts';
import {
  ARENA,
  DECODE_START,
  ENCODE_END,
  ENCODE_START,
  KEPT_END,
  KEPT_START,
  SEND_START,
  SWITCH_END,
  SWITCH_START,
  TRAILER_LINES_END,
  TRAILER_START,
} from '../ground/arena.ts';
import type { Downstream } from '../ground/codec.ts';
import { HeadTable } from '../ground/head.ts';
import type { MemoryLink } from '../listen/index.ts';
import { Exchange } from './exchange.ts';
import { HpackDecoder } from './h2/decoder.ts';
import { FieldSection, RESPONSE_SECTION } from './h2/field-section.ts';
import * as frame from './h2/frame.ts';
import { block, frameBytes, readFrames, turn } from './h2/wire.fixture.ts';
import { sendReply } from './local-reply.ts';
import { type MemoryRig, memoryService } from './memory.suite.ts';
import { outbox } from './outbox.ts';

type Lines = Array<readonly [name: string, value: string]>;

const NAMES = ['t-a', 't-b', 't-c', 't-d', 't-e', 't-f'];
const line = fc.tuple(
  fc.constantFrom(...NAMES, ...NAMES.map((name) => `${name}-long-name-of-its-own`)),
  fc
    .tuple(fc.constantFrom('r', 's', 't'), fc.constantFrom(0, 1, 47, 48, 49, 300, 4096))
    .map(([c, size]) => c.repeat(size)),
);
const lines = fc.array(line, { maxLength: 7 });
const headerLines = fc.array(line, { maxLength: 16 }).map((list) => list.map(([name, value]) => ({ name, value })));
const modifier = fc.record<HeaderModifier>({
  set: headerLines,
  add: headerLines,
  remove: fc.array(fc.constantFrom(...NAMES), { maxLength: 2 }),
});
/** As many lines of full length as a modifier may hold, with names that no other list has. */
const longest = (of: string): HeaderModifier => ({
  set: Array.from({ length: 16 }, (_, i) => ({ name: `t-${of}-${i}`, value: 'L'.repeat(4096) })),
  add: Array.from({ length: 16 }, (_, i) => ({ name: `t-${of}-more-${i}`, value: 'M'.repeat(4096) })),
  remove: [],
});
const change = (of: string): fc.Arbitrary<HeaderModifier> =>
  fc.oneof({ weight: 3, arbitrary: modifier }, { weight: 2, arbitrary: fc.constant(longest(of)) });
const changes = fc.record({ rule: change('rule'), backend: change('backend') });

interface Changes {
  rule: HeaderModifier;
  backend: HeaderModifier;
}

function expected(sent: Lines, { rule, backend }: Changes): Lines {
  const patch = HeaderPatch.of(rule).followedBy(HeaderPatch.of(backend));
  const kept = sent.filter(([name]) => !patch.drops.has(name));
  return [...kept, ...patch.lines.map(({ name, value }) => [name, value] as const)];
}

const marked = (all: Lines): Lines => all.filter(([name]) => name.startsWith('t-'));

type Place = readonly [start: number, end: number];
/** Regions that nothing of this has a use for. */
const IDLE: ReadonlyArray<Place> = [
  [SWITCH_START, SWITCH_END],
  [KEPT_START, KEPT_END],
  [TRAILER_START, TRAILER_LINES_END],
];
/** And one that only HTTP/2 has. */
const ENCODING: Place = [ENCODE_START, ENCODE_END];

/** Somebody whose bytes wait while others are at work. */
class Bystander {
  readonly #said = `HTTP/1.1 200 OK\r\n\r\n${'waits '.repeat(1_000)}`;
  readonly #idle: ReadonlyArray<Place>;
  #got = '';

  constructor(encodes: boolean) {
    this.#idle = encodes ? IDLE : [...IDLE, ENCODING];
  }

  begin(): void {
    this.#got = '';
    outbox.claim(this, this.#said.length).text(this.#said);
    for (const [start, end] of this.#idle) ARENA.fill(0x5a, start, end);
  }

  flush(): void {
    this.#got += ARENA.latin1Slice(outbox.start, outbox.end);
    outbox.release();
  }

  check(): void {
    if (outbox.holds(this)) this.flush();
    expect(this.#got === this.#said).toBe(true);
    for (const [start, end] of this.#idle) {
      expect(ARENA.subarray(start, end).every((octet) => octet === 0x5a)).toBe(true);
    }
  }
}

/** Takes each line as it is decoded: so no section is too long. */
class LineSection extends FieldSection {
  readonly lines: Lines = [];

  override makeRoom(): void {}

  override add(nameEnd: number, end: number): void {
    this.lines.push([ARENA.latin1Slice(DECODE_START, nameEnd), ARENA.latin1Slice(nameEnd + 2, end - 2)]);
  }
}

interface Heard {
  lines: Lines;
  rest: string;
}

/** One side of a connection in memory. */
interface Peer {
  send(link: MemoryLink, start: Lines, sent: Lines, body: string): void;
  heard(link: MemoryLink): Promise<Heard>;
}

const H1: Peer = {
  send(link, start, sent, body) {
    const first = start[0]![0] === ':status' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2' : 'GET / HTTP/1.1\r\nHost: a';
    link.deliver(`${[first, ...sent.map(([name, value]) => `${name}: ${value}`)].join('\r\n')}\r\n\r\n${body}`);
  },
  async heard(link) {
    const text = link.take();
    const end = text.indexOf('\r\n\r\n');
    const [first = '', ...rest] = text.slice(0, end).split('\r\n');
    const lines = rest.map((one): [string, string] => [
      one.slice(0, one.indexOf(':')).toLowerCase(),
      one.slice(one.indexOf(':') + 1).trim(),
    ]);
    return { lines: [[':status', first.split(' ')[1]!], ...lines], rest: text.slice(end + 4) };
  },
};

function h2(): Peer {
  const decoder = new HpackDecoder();
  let begun = false;
  return {
    send(link, start, sent, body) {
      const request = start[0]![0] !== ':status';
      if (!begun)
        link.deliver(Buffer.concat([Buffer.from(request ? frame.PREFACE : ''), frameBytes(frame.SETTINGS, 0, 0)]));
      begun = true;
      const bytes = block([...start, ...sent]);
      const frames = [];
      for (let at = 0; at < bytes.length; at += frame.MAX_FRAME_SIZE) {
        const last = at + frame.MAX_FRAME_SIZE >= bytes.length ? frame.END_HEADERS : 0;
        const ends = at === 0 && body === '' ? frame.END_STREAM : 0;
        frames.push(
          frameBytes(
            at === 0 ? frame.HEADERS : frame.CONTINUATION,
            last | ends,
            1,
            bytes.subarray(at, at + frame.MAX_FRAME_SIZE),
          ),
        );
      }
      if (body !== '') frames.push(frameBytes(frame.DATA, frame.END_STREAM, 1, body));
      for (const one of frames) link.deliver(one);
    },
    async heard(link) {
      await turn();
      const text = link.take();
      const from = text.startsWith(frame.PREFACE) ? frame.PREFACE.length : 0;
      const frames = readFrames(Buffer.from(text.slice(from), 'latin1'));
      const blocks = frames.filter(({ type }) => type === frame.HEADERS || type === frame.CONTINUATION);
      const bytes = Buffer.concat(blocks.map(({ payload }) => payload));
      const section = new LineSection(new HeadTable());
      section.begin(RESPONSE_SECTION, ARENA.length);
      // A block may be longer than any region for what is received.
      expect(decoder.decode(SEND_START, SEND_START + bytes.copy(ARENA, SEND_START), section)).toBe(true);
      const data = frames.filter(({ type }) => type === frame.DATA).map(({ payload }) => payload.toString('latin1'));
      return { lines: section.lines, rest: data.join('') };
    },
  };
}

const REQUEST: Lines = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];

async function run(
  rig: MemoryRig,
  sides: { client: Peer; server: Peer },
  asked: { request: Lines; response: Lines; ask: Changes; answer: Changes },
): Promise<void> {
  const bystander = new Bystander(sides.client !== H1 || sides.server !== H1);
  const client = rig.connect();
  bystander.begin();
  sides.client.send(client, REQUEST, asked.request, '');
  bystander.check();
  await turn();
  if (rig.driver.opened.length === 0) {
    expect(additionFault(filtersOf(asked, 'rule'), filtersOf(asked, 'backend'))).toContain('head of a request');
    const { lines } = await sides.client.heard(client);
    // What the rule does to answers may be too long for this one, too.
    expect(['431', '500']).toContain(lines[0]![1]);
    return;
  }
  const got = await sides.server.heard(rig.backend());
  expect(marked(got.lines)).toEqual(expected(asked.request, asked.ask));
  bystander.begin();
  sides.server.send(
    rig.backend(),
    [
      [':status', '200'],
      ['content-length', '2'],
    ],
    asked.response,
    'ok',
  );
  bystander.check();
  const answer = await sides.client.heard(client);
  if (answer.lines[0]![1] !== '200') {
    expect(['502', '500']).toContain(answer.lines[0]![1]);
    expect(additionFault(filtersOf(asked, 'rule'), filtersOf(asked, 'backend'))).toBeDefined();
    expect([[], expected([], asked.answer)]).toContainEqual(marked(answer.lines));
  } else {
    expect(answer.lines[0]).toEqual([':status', '200']);
    expect(marked(answer.lines)).toEqual(expected(asked.response, asked.answer));
    expect(answer.rest).toBe('ok');
  }
}

function filtersOf({ ask, answer }: { ask: Changes; answer: Changes }, at: 'rule' | 'backend'): Filter[] {
  return [
    { type: 'RequestHeaderModifier', ...ask[at] },
    { type: 'ResponseHeaderModifier', ...answer[at] },
  ];
}

describe.each([
  ['HTTP/1.1', 'HTTP/1.1', () => H1, () => H1],
  ['HTTP/1.1', 'HTTP/2', () => H1, h2],
  ['HTTP/2', 'HTTP/1.1', h2, () => H1],
  ['HTTP/2', 'HTTP/2', h2, h2],
] as const)('from %s to %s', (_, back, clientOf, serverOf) => {
  test('heads arrive as filters make them, or not at all, beside what waits', async () => {
    const asked = fc.record({ request: lines, response: lines, ask: changes, answer: changes });
    await fc.assert(
      fc.asyncProperty(asked, async (one) => {
        const rig = memoryService({
          protocol: back === 'HTTP/2' ? 'h2c' : 'http',
          rule: {
            filters: filtersOf(one, 'rule'),
            backends: [{ backend: 'd/s:80', weight: 1, filters: filtersOf(one, 'backend') }],
          },
        });
        await run(rig, { client: clientOf(), server: serverOf() }, one);
      }),
      { numRuns: 60 },
    );
  });
});

describe.each([
  ['HTTP/1.1', () => H1, 8_000],
  ['HTTP/2', h2, 40_000],
] as const)('answers of the gateway’s own over %s', (_, clientOf, longest) => {
  async function asked(target: string, sent: Lines, filter: Filter): Promise<Heard> {
    const rig = memoryService({ rule: { filters: [filter] } });
    const client = rig.connect();
    const bystander = new Bystander(true);
    bystander.begin();
    if (clientOf() === H1) {
      const lines = sent.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      client.deliver(`${filter.type === 'CORS' ? 'OPTIONS' : 'GET'} ${target} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);
    }
    const peer = clientOf();
    if (peer !== H1) {
      const method = filter.type === 'CORS' ? 'OPTIONS' : 'GET';
      peer.send(
        client,
        [
          [':method', method],
          [':scheme', 'http'],
          [':path', target],
          [':authority', 'a'],
        ],
        sent,
        '',
      );
    }
    bystander.check();
    return peer.heard(client);
  }

  test('a redirect to the longest path there is, with all of it escaped, is whole', async () => {
    const path = '"'.repeat(longest - 100);
    const filter: Filter = { type: 'RequestRedirect', hostname: 'b.example', statusCode: 302 };
    const { lines } = await asked(`/${path}`, [], filter);
    expect(lines[0]).toEqual([':status', '302']);
    expect(new Map(lines).get('location') === `http://b.example/${'%22'.repeat(path.length)}`).toBe(true);
  });

  test('a preflight answer that repeats the longest list of headers is whole', async () => {
    const filter: Filter = {
      type: 'CORS',
      allowOrigins: ['*'],
      allowCredentials: true,
      allowMethods: ['*'],
      allowHeaders: ['*'],
      exposeHeaders: [],
      maxAge: 5,
    };
    const wanted = `x-${'h'.repeat(longest === 8_000 ? 31_000 : 46_000)}`;
    const { lines } = await asked(
      '/',
      [
        ['origin', 'https://a.example'],
        ['access-control-request-method', 'PUT'],
        ['access-control-request-headers', wanted],
      ],
      filter,
    );
    expect(lines[0]).toEqual([':status', '204']);
    expect(new Map(lines).get('access-control-allow-headers') === wanted).toBe(true);
  });

  test('one that is longer than what is composed is a 500 without its lines', async () => {
    const rig = memoryService();
    const client = rig.connect();
    const peer = clientOf();
    const reply = { status: 200, lines: `x-long: ${'l'.repeat(400_000)}\r\n`, body: 'body' };
    const spy = vi.spyOn(Exchange.prototype, 'requestHead').mockImplementation(function (this: Exchange) {
      sendReply((this as unknown as { down: Downstream }).down, reply, false);
    });
    peer.send(client, REQUEST, [], '');
    spy.mockRestore();
    const { lines, rest } = await peer.heard(client);
    expect(lines[0]).toEqual([':status', '500']);
    expect(new Map(lines).get('content-length')).toBe('0');
    expect([new Map(lines).has('x-long'), rest]).toEqual([false, '']);
  });
});
