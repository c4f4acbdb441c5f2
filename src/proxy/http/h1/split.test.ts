/** However a message is cut into reads, and whatever its bytes are. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARENA } from '../../ground/arena.ts';
import { FIELD_STRIDE, HeadTable } from '../../ground/head.ts';
import { ChunkDecoder } from './chunk.ts';
import { endOf } from './outcome.fixture.ts';
import { holdsLineEnd, parseRequestHead, parseResponseHead } from './parse.ts';
import { SMUGGLING_FORMS } from './smuggling.suite.ts';

const AT = 128;
const RUNS = 2_000;
type Parser = typeof parseRequestHead;

function put(text: string): number {
  const end = AT + ARENA.latin1Write(text, AT);
  // What lies behind the bytes of a read must not matter: here it would go on as one more line.
  ARENA.latin1Write('\r\nContent-Length: 7\r\n\r\n', end);
  return end;
}

/** What a reader sees who gets one more byte with each read. */
function byBytes(text: string, parse: Parser): number {
  const end = put(text);
  const head = new HeadTable();
  for (let to = AT; to < end; to++) {
    const outcome = endOf(parse(AT, to, head));
    if (outcome !== 0) return outcome;
  }
  return endOf(parse(AT, end, head));
}

function expectInside(head: HeadTable, end: number): void {
  for (let i = 0; i < head.count; i++) {
    const [name = 0, nameEnd = 0, value = 0, valueEnd = 0] = head.fields.subarray(i * FIELD_STRIDE);
    expect(AT <= name && name < nameEnd && nameEnd < value && value <= valueEnd && valueEnd < end).toBe(true);
  }
  const pairs: Array<[number, number]> = [
    [head.methodStart, head.methodEnd],
    [head.targetStart, head.targetEnd],
    [head.pathStart, head.pathEnd],
    [head.queryStart, head.queryEnd],
    [head.hostStart, head.hostEnd],
    [head.authorityStart, head.authorityEnd],
    [head.upgradeStart, head.upgradeEnd],
    [head.reasonStart, head.reasonEnd],
  ];
  for (const [from, to] of pairs) expect(to === 0 || (AT <= from && from <= to && to < end)).toBe(true);
}

const PIECES = [
  'GET / HTTP/1.1\r\n',
  'GET /a/..b/%2e%41?x=%',
  ' HTTP/1.0\r\n',
  'OPTIONS * HTTP/1.1\r\n',
  'POST http://a.b:80/ HTTP/1.1\r\n',
  'HTTP/1.1 200 OK\r\n',
  'Host: a.b\r\n',
  'Host: [::1]:8\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close, x-y\r\n',
  'X-Y: z\r\n',
  'X_Y: \t long enough for words of four octets \x80\t\r\n',
  '\r\n',
  '\n',
  '\r',
  ' ',
  ':',
  '/../',
  '%2f',
  '\x00',
];

const pieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 9 }).map((parts) => parts.join(''));
const octets = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
/** Sound messages with one octet changed. */
const mutants = fc
  .tuple(fc.constantFrom(...SMUGGLING_FORMS), fc.nat(), fc.integer({ min: 0, max: 255 }))
  .map(([{ raw }, at, octet]) => {
    const index = at % raw.length;
    return raw.slice(0, index) + String.fromCharCode(octet) + raw.slice(index + 1);
  });
const messages = fc.oneof(pieces, octets, mutants);

describe.each([
  ['request', parseRequestHead],
  ['response', parseResponseHead],
] as const)('a %s head', (_, parse) => {
  test('cut into single bytes has the same outcome as whole, for each smuggling form', () => {
    for (const { raw } of SMUGGLING_FORMS) {
      expect([raw, byBytes(raw, parse)]).toEqual([raw, endOf(parse(AT, put(raw), new HeadTable()))]);
    }
  });

  test('cut into single bytes has the same outcome as whole, for any bytes', () => {
    fc.assert(
      fc.property(messages, (text) => {
        expect(byBytes(text, parse)).toBe(endOf(parse(AT, put(text), new HeadTable())));
      }),
      { numRuns: RUNS },
    );
  });

  test('of any bytes gives offsets within them, and leaves the arena as it was', () => {
    const head = new HeadTable();
    fc.assert(
      fc.property(messages, (text) => {
        const end = put(text);
        const before = ARENA.latin1Slice(AT, end + 32);
        const outcome = endOf(parse(AT, end, head));
        expect(ARENA.latin1Slice(AT, end + 32)).toBe(before);
        if (outcome <= 0) return;
        expect(outcome).toBeLessThanOrEqual(end);
        expect(head.end).toBe(outcome);
        expectInside(head, outcome);
      }),
      { numRuns: RUNS },
    );
  });
});

test('a whole head is never missed by parsing only after a line end came', () => {
  for (const { raw } of SMUGGLING_FORMS) {
    const end = put(raw);
    const whole = endOf(parseRequestHead(AT, end, new HeadTable()));
    if (whole > 0) expect(holdsLineEnd(whole - 1, whole)).toBe(true);
  }
  expect(holdsLineEnd(AT, put('Host: a\r'))).toBe(false);
});

describe('a chunked body', () => {
  interface Outcome {
    data: string;
    used: number;
    fault: number;
    trailers: string;
  }

  function decode(reads: string[]): Outcome {
    const decoder = new ChunkDecoder();
    const outcome: Outcome = { data: '', used: 0, fault: 0, trailers: '' };
    const sink = {
      onData(start: number, end: number): void {
        outcome.data += ARENA.latin1Slice(start, end);
      },
    };
    for (const read of reads) {
      const end = put(read);
      const used = decoder.feed(AT, end, sink);
      expect(used).toBeLessThanOrEqual(read.length);
      if (used < 0) return { ...outcome, used: 0, fault: used };
      outcome.used += used;
      if (decoder.done) break;
      expect(used).toBe(read.length);
    }
    return { ...outcome, trailers: decoder.trailers };
  }

  const parts = [
    '3\r\nabc\r\n',
    'a;x=y;z="\\"q"\r\n0123456789\r\n',
    '0\r\n',
    'X: y\r\n',
    '\r\n',
    '\r',
    '\n',
    'f',
    ';',
    '0\r\n\r\n',
  ];
  const bodies = fc.oneof(
    fc.array(fc.constantFrom(...parts), { maxLength: 8 }).map((each) => each.join('')),
    octets,
  );

  test('has the same outcome however it is cut', () => {
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(60), { maxLength: 6 }), (text, cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const reads = at.slice(1).map((to, i) => text.slice(at[i], to));
        const whole = decode([text]);
        expect(decode(reads)).toEqual(whole);
        expect(decode(Array.from(text))).toEqual(whole);
      }),
      { numRuns: RUNS },
    );
  });
});
