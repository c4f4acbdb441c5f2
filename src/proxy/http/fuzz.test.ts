/** Random traffic in random pieces, with random ends of connections: every request has one outcome, and nothing leaks. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MemoryLink } from '../listen/index.ts';
import { type MemoryRig, memoryService, settled } from './memory.suite.ts';

interface Asked {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  body: 'none' | 'length' | 'chunked';
  size: number;
  answer:
    | 'length'
    | 'chunked'
    | 'until close'
    | 'empty'
    | 'none'
    | 'early'
    | 'surplus'
    | 'busy'
    | 'reset'
    | 'nonsense'
    | 'short';
  answerSize: number;
}

const SIZES = fc.constantFrom(1, 10, 3_000, 20_000, 70_000);
const GOOD: ReadonlyArray<Asked['answer']> = [
  'length',
  'chunked',
  'until close',
  'empty',
  'none',
  'early',
  'surplus',
  'busy',
];
const BAD: ReadonlyArray<Asked['answer']> = [...GOOD, 'reset', 'nonsense', 'short'];

function requests(answers: ReadonlyArray<Asked['answer']>): fc.Arbitrary<Asked[]> {
  const one = fc.record<Asked>({
    method: fc.constantFrom<Asked['method']>('GET', 'HEAD', 'POST', 'PUT'),
    body: fc.constantFrom<Asked['body']>('none', 'length', 'chunked'),
    size: SIZES,
    answer: fc.constantFrom(...answers),
    answerSize: SIZES,
  });
  return fc.array(one, { minLength: 1, maxLength: 8 });
}

/** Each step says who acts, and how many bytes of what is due. */
const STEPS = fc.array(fc.record({ who: fc.nat(9), bytes: fc.constantFrom(1, 7, 100, 5_000, 100_000) }), {
  minLength: 10,
  maxLength: 80,
});

function chunks(size: number, fill: string): string {
  const first = Math.ceil(size / 2);
  const rest = size - first;
  const tail = rest > 0 ? `${rest.toString(16)}\r\n${fill.repeat(rest)}\r\n` : '';
  return `${first.toString(16)}\r\n${fill.repeat(first)}\r\n${tail}0\r\n\r\n`;
}

function requestText({ method, body, size }: Asked, index: number): string {
  const head = `${method} /${index} HTTP/1.1\r\nHost: a.example\r\n`;
  if (body === 'none') return `${head}\r\n`;
  if (body === 'length') return `${head}Content-Length: ${size}\r\n\r\n${'q'.repeat(size)}`;
  return `${head}Transfer-Encoding: chunked\r\n\r\n${chunks(size, 'q')}`;
}

function answerText({ method, answer, answerSize }: Asked, index: number): string {
  const start = `HTTP/1.1 200 OK\r\nX-I: ${index}\r\n`;
  const body = method === 'HEAD' ? '' : 'a'.repeat(answerSize);
  switch (answer) {
    case 'chunked':
      return `${start}Transfer-Encoding: chunked\r\n\r\n${method === 'HEAD' ? '' : chunks(answerSize, 'a')}`;
    case 'until close':
      return `${start}Connection: close\r\n\r\n${body}`;
    case 'empty':
      return `${start}Content-Length: 0\r\n\r\n`;
    case 'none':
      return `HTTP/1.1 204 No Content\r\nX-I: ${index}\r\n\r\n`;
    case 'surplus':
      return `${start}Content-Length: ${answerSize}\r\n\r\n${body}HTTP/1.1 200 OK\r\nX-I: 666\r\nContent-Length: 0\r\n\r\n`;
    case 'nonsense':
      return 'what?\r\n\r\n';
    case 'short':
      return `${start}Content-Length: ${answerSize + 1}\r\n\r\n${body}`;
    default:
      return `${start}Content-Length: ${answerSize}\r\n\r\n${body}`;
  }
}

/** Bytes of a message with its body, or -1 where it is not whole. */
function wholeLength(text: string, bodyless: boolean): number {
  const head = text.indexOf('\r\n\r\n');
  if (head === -1) return -1;
  const lines = text.slice(0, head).toLowerCase();
  const length = /\r\ncontent-length: (\d+)/.exec(lines);
  let end = head + 4;
  if (!bodyless && lines.includes('\r\ntransfer-encoding: chunked')) {
    for (;;) {
      const lineEnd = text.indexOf('\r\n', end);
      if (lineEnd === -1) return -1;
      const size = Number.parseInt(text.slice(end, lineEnd), 16);
      end = lineEnd + 2 + size + 2;
      if (size === 0) break;
    }
  } else if (!bodyless && length !== null) {
    end += Number(length[1]);
  }
  return end <= text.length ? end : -1;
}

/** A backend's connection: reads requests and owes answers. */
class BackendSide {
  readonly link: MemoryLink;
  readonly #asked: readonly Asked[];
  /** How often each request came whole. */
  readonly #seen: number[];
  #read = '';
  #owed = '';
  #index = -1;
  #endsAfter = false;
  #gone = false;

  constructor(link: MemoryLink, asked: readonly Asked[], seen: number[]) {
    this.link = link;
    this.#asked = asked;
    this.#seen = seen;
  }

  act(bytes: number): void {
    if (this.#gone) return;
    if (this.link.closed === 'no') this.#take();
    if (this.link.closed !== 'no') return this.#leave();
    if (this.#owed === '' && this.#endsAfter) return this.end();
    if (this.#owed === '') return;
    const piece = this.#owed.slice(0, bytes);
    this.#owed = this.#owed.slice(bytes);
    this.link.deliver(piece);
  }

  end(): void {
    if (this.#gone || this.link.paused) return;
    this.link.sink.onEnd();
    this.#leave();
  }

  #leave(error?: NodeJS.ErrnoException): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.link.closed === 'no') this.link.closed = 'end';
    this.link.sink.onClose(error);
  }

  #take(): void {
    this.#read += this.link.take();
    const line = /^[A-Z]+ \/(\d+) HTTP/.exec(this.#read);
    if (line !== null && this.#index === -1) this.#begin(Number(line[1]));
    const whole = wholeLength(this.#read, false);
    if (whole === -1) return;
    expect(this.#read.length).toBe(whole);
    const { answer } = this.#asked[this.#index]!;
    this.#seen[this.#index]!++;
    if (answer !== 'early') this.#answer();
    this.#read = '';
    this.#index = -1;
  }

  #begin(index: number): void {
    this.#index = index;
    if (this.#asked[index]!.answer === 'early') this.#answer();
  }

  #answer(): void {
    const asked = this.#asked[this.#index]!;
    if (asked.answer === 'reset') return this.#leave(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    const busy = asked.answer === 'busy' && this.#seen[this.#index] === 1;
    this.#owed += busy ? 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n' : answerText(asked, this.#index);
    this.#endsAfter = asked.answer === 'until close' || asked.answer === 'short';
  }
}

class Run {
  readonly rig: MemoryRig;
  readonly client: MemoryLink;
  readonly asked: readonly Asked[];
  readonly backends: BackendSide[] = [];
  readonly seen: number[];
  got = '';
  toSend: string;
  clientGone = false;

  constructor(asked: readonly Asked[]) {
    this.asked = asked;
    this.seen = asked.map(() => 0);
    this.rig = memoryService({ endpoints: 2, rule: { retry: { codes: [503], attempts: 2, backoff: 50 } } });
    const { driver } = this.rig;
    driver.onConnect = (link) => {
      this.backends.push(new BackendSide(link, this.asked, this.seen));
      queueMicrotask(() => link.sink.onOpen());
    };
    this.client = this.rig.connect();
    this.toSend = asked.map(requestText).join('');
  }

  async step(who: number, bytes: number): Promise<void> {
    if (who < 3) this.send(bytes);
    else if (who < 7) for (const backend of this.backends) backend.act(bytes);
    else if (who === 7) this.read();
    else if (who === 8) this.rig.pass(60);
    else if (bytes === 7) this.backends.at(-1)?.end();
    await settled();
  }

  send(bytes: number): void {
    if (this.clientGone || this.client.closed !== 'no' || this.toSend === '') return;
    this.client.deliver(this.toSend.slice(0, bytes));
    this.toSend = this.toSend.slice(bytes);
  }

  read(): void {
    if (!this.clientGone) this.got += this.client.take();
  }

  leave(): void {
    if (this.clientGone) return;
    this.clientGone = true;
    this.client.sink.onClose(undefined);
  }

  /** Everything that is due happens. */
  async finish(): Promise<void> {
    for (let i = 0; i < 400; i++) {
      this.send(100_000);
      for (const backend of [...this.backends]) backend.act(100_000);
      this.read();
      this.rig.pass(60);
      await settled();
    }
  }

  nothingIsLeft(): void {
    this.leave();
    for (const backend of this.backends) backend.act(0);
    expect(this.rig.service.connections.size).toBe(0);
    expect(this.rig.service.stats.connectionsOpen.value).toBe(0);
    this.rig.pass(70_000);
    for (const { link } of this.rig.driver.opened) expect(link.closed).not.toBe('no');
  }
}

/** Answers in `text`, whole ones, by the number of the request that each is for. */
function answersIn(text: string, asked: readonly Asked[]): number[] {
  const found: number[] = [];
  let rest = text;
  while (rest !== '') {
    const bodyless = asked[found.length]?.method === 'HEAD' || /^HTTP\/1\.1 204/.test(rest);
    const length = wholeLength(rest, bodyless);
    if (length === -1) break;
    const index = /\r\nX-I: (\d+)\r\n/.exec(rest.slice(0, length));
    found.push(index === null ? -1 : Number(index[1]));
    rest = rest.slice(length);
  }
  return found;
}

test('backends that behave: every request is answered once, in order, whatever the pieces', async () => {
  await fc.assert(
    fc.asyncProperty(requests(GOOD), STEPS, async (asked, steps) => {
      const run = new Run(asked);
      for (const { who, bytes } of steps) if (who !== 9) await run.step(who, bytes);
      await run.finish();
      const answers = answersIn(run.got, asked);
      // A response before its request's end may close the connection; what came before it is whole.
      const expected = asked.map((_, i) => i);
      // A body too long to be kept is not sent again, so that the first answer counts.
      for (const [i, one] of asked.entries()) {
        if (one.answer === 'busy' && one.body !== 'none' && one.size === 70_000 && i in answers)
          expected[i] = answers[i]!;
      }
      if (run.client.closed === 'no') expect(answers).toEqual(expected);
      else expect(answers).toEqual(expected.slice(0, answers.length));
      expect(run.rig.accesses).toHaveLength(answers.length);
      if (!asked.some(({ answer }) => answer === 'early')) expect(run.client.closed).toBe('no');
      run.nothingIsLeft();
    }),
    { numRuns: 300 },
  );
});

test('backends that misbehave and clients that leave: one account a request, and nothing stays behind', async () => {
  await fc.assert(
    fc.asyncProperty(requests(BAD), STEPS, fc.nat(100), async (asked, steps, leaveAt) => {
      const run = new Run(asked);
      for (const [i, { who, bytes }] of steps.entries()) {
        await run.step(who, bytes);
        if (i === leaveAt) run.leave();
      }
      await run.finish();
      const answers = answersIn(run.got, asked);
      answers.forEach((index, i) => {
        expect([i, -1]).toContain(index);
      });
      expect(run.rig.accesses.length).toBeLessThanOrEqual(asked.length);
      if (!run.clientGone && run.client.closed === 'no') expect(answers).toHaveLength(asked.length);
      run.nothingIsLeft();
    }),
    { numRuns: 300 },
  );
});

test('random bytes from either side throw nothing', async () => {
  const bytes = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.constantFrom(
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      'HTTP/1.1 200 OK\r\n',
      'Transfer-Encoding: chunked\r\n\r\n',
      '5\r\nhello\r\n0\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\n',
      '\r\n',
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), bytes), { maxLength: 12 }), async (pieces) => {
      const rig = memoryService();
      const client = rig.connect();
      for (const [fromClient, text] of pieces) {
        const link = fromClient ? client : rig.driver.opened.at(-1)?.link;
        if (link !== undefined && link.closed === 'no' && text !== '') link.deliver(text);
        await settled();
      }
      client.sink.onClose(undefined);
      expect(rig.service.connections.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});
