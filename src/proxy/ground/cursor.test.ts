import { describe, expect, test } from 'vitest';
import { MAX_ADDED_BYTES } from '../../config/head-addition.ts';
import { MAX_REQUEST_HEAD_BYTES } from '../http/h1/parse.ts';
import { MAX_RESPONSE_HEAD_BYTES } from '../http/h1/response.ts';
import { MAX_TRAILER_BYTES } from '../http/h1/trailer.ts';
import { MAX_BLOCK_BYTES } from '../http/h2/decoder.ts';
import { MAX_FRAME_SIZE } from '../http/h2/frame.ts';
import { MAX_SECTION_BYTES } from '../http/h2/settings.ts';
import * as arena from './arena.ts';
import { LEAST_HEAD_ROOM } from './codec.ts';
import { Cursor } from './cursor.ts';
import { KEPT, Region } from './region.ts';

const { ARENA, KEPT_START } = arena;
const END = KEPT_START + 100;

function cursor(): Cursor {
  ARENA.fill(0x2e, KEPT_START, END + 10);
  return new Cursor(KEPT_START, END).begin();
}

const WRITES: Array<[name: string, write: (to: Cursor) => void, bytes: number]> = [
  ['a short text', (to) => to.text('x'.repeat(10)), 10],
  ['a long text', (to) => to.text('x'.repeat(60)), 60],
  ['a few bytes', (to) => to.bytes(0, 10), 10],
  ['many bytes', (to) => to.bytes(0, 60), 60],
  ['one byte', (to) => to.byte(0x78), 1],
  ['a number', (to) => to.hex(0x1234_5678), 8],
];

describe.each(WRITES)('%s', (_, write, bytes) => {
  test('that just fits is written, and one byte more is not, nor anything after it', () => {
    ARENA.fill(0x78, 0, 100);
    const to = cursor();
    to.text('.'.repeat(100 - bytes));
    write(to);
    expect(to.finish()).toMatchObject({ start: KEPT_START, end: END });
    expect(ARENA.latin1Slice(END, END + 10)).toBe('.'.repeat(10));
    const full = cursor();
    full.text('y'.repeat(101 - bytes));
    write(full);
    full.text('');
    full.text('z');
    full.byte(0x7a);
    full.bytes(0, 1);
    expect(ARENA.latin1Slice(END, END + 10)).toBe('.'.repeat(10));
    expect(ARENA.latin1Slice(KEPT_START, END)).toBe('y'.repeat(101 - bytes).padEnd(100, '.'));
    expect(full.finish()).toBe(null);
    expect(full.end).toBe(KEPT_START);
    full.text('again');
    expect(full.finish()).toMatchObject({ end: KEPT_START + 5 });
  });
});

/** Around what is written by a loop, and what in one go. */
test.each([0, 1, 2, 15, 16, 17, 20, 21, 40])('%d bytes are those that were given, behind what was there', (length) => {
  const given = Array.from({ length }, (_, i) => String.fromCharCode(0xa0 + i)).join('');
  ARENA.latin1Write(`<<<${given}>>>`, 0);
  const to = cursor();
  to.byte(0x7c);
  to.text(given);
  to.byte(0x7c);
  to.bytes(3, 3 + length);
  to.byte(0x7c);
  expect(to.room).toBe(97 - 2 * length);
  const { start, end } = to.finish()!;
  expect(ARENA.latin1Slice(start, end)).toBe(`|${given}|${given}|`);
  // Nothing beside it.
  expect(ARENA.latin1Slice(end, END + 10)).toBe('.'.repeat(END + 10 - end));
});

test.each([0, 1, 0x0123_4567, 0x89ab_cdef, 0xffff_ffff, 0xf0_00_0f_00])('a number has eight digits: %d', (number) => {
  const to = cursor();
  to.byte(0x7c);
  to.hex(number);
  to.byte(0x7c);
  const { start, end } = to.finish()!;
  expect(ARENA.latin1Slice(start, end)).toBe(`|${number.toString(16).padStart(8, '0')}|`);
});

test.each<[name: string, write: (to: Cursor) => void]>([
  ['a text', (to) => to.text('yy')],
  ['bytes', (to) => to.bytes(0, 2)],
  [
    'a byte',
    (to) => {
      to.byte(0x79);
      to.byte(0x79);
    },
  ],
  ['a number', (to) => to.hex(0)],
])('where %s did not fit, no room that is left or given makes a text of the rest', (_, write) => {
  for (const after of [(to: Cursor) => to.leave(1), (to: Cursor) => to.useSpare()]) {
    const to = cursor();
    to.text('x'.repeat(99));
    write(to);
    after(to);
    expect(to.finish()).toBe(null);
  }
});

test('what is left free is used when it is time to', () => {
  const to = cursor();
  to.leave(4);
  to.text('x'.repeat(96));
  expect(to.finish()).not.toBe(null);
  to.useSpare();
  to.text('tail');
  expect(to.finish()).toMatchObject({ end: END });
  const over = cursor();
  over.leave(4);
  over.text('x'.repeat(97));
  over.useSpare();
  expect(over.finish()).toBe(null);
});

test('a text has its place within its region', () => {
  const to = cursor();
  expect(() => to.begin(KEPT_START - 1)).toThrow('within its region');
  expect(() => to.within(KEPT_START, END + 1)).toThrow('within its region');
});

test('what is loaded fits its region', () => {
  const region = new Region(KEPT_START, END);
  expect(region.load(Buffer.alloc(100))).toBe(END);
  expect(() => region.load(Buffer.alloc(101))).toThrow('fits its region');
  expect(() => region.loadText('x'.repeat(101))).toThrow('fits its region');
});

test('what is longer than a region passes through it in pieces', () => {
  const region = new Region(KEPT_START, END);
  const source = Buffer.from(Array.from({ length: 250 }, (_, i) => i));
  const got: Buffer[] = [];
  const flowing = region.pass(source, {
    sendBody: (start, end) => got.push(Buffer.from(ARENA.subarray(start, end))) < 3,
  });
  expect(got.map(({ length }) => length)).toEqual([100, 100, 50]);
  expect(Buffer.concat(got).equals(source)).toBe(true);
  expect(flowing).toBe(false);
});

describe('regions', () => {
  /** What the gateway's own lines take, with a request id, an address and the like. */
  const OWN_LINES = 4 * 1024;
  /** OpenSSL takes certificates of 100 KiB; they go on in base64. */
  const CERTIFICATE = Math.ceil((100 * 1024) / 3) * 4;
  const REQUEST_HEAD = Math.max(MAX_REQUEST_HEAD_BYTES, MAX_SECTION_BYTES);

  test('hold the largest head that is parsed with the most that filters add', () => {
    expect(REQUEST_HEAD + MAX_ADDED_BYTES + CERTIFICATE + OWN_LINES).toBeLessThanOrEqual(arena.COMPOSE_SIZE);
    // CORS repeats what a request asks for, and gRPC-Web its content type.
    const echoed = 2 * REQUEST_HEAD;
    expect(MAX_RESPONSE_HEAD_BYTES + MAX_ADDED_BYTES + echoed + OWN_LINES).toBeLessThanOrEqual(LEAST_HEAD_ROOM);
    // A redirect escapes the path that it repeats.
    expect(3 * REQUEST_HEAD + MAX_ADDED_BYTES + OWN_LINES).toBeLessThanOrEqual(LEAST_HEAD_ROOM);
    expect(arena.COMPOSE_SIZE + OWN_LINES).toBeLessThanOrEqual(arena.ENCODE_SIZE);
    expect(LEAST_HEAD_ROOM + OWN_LINES).toBeLessThanOrEqual(Math.min(arena.ENCODE_SIZE, arena.SEND_SIZE));
  });

  test('hold what is loaded whole', () => {
    expect(MAX_TRAILER_BYTES).toBeLessThan(arena.TRAILER_SIZE);
    expect(Math.max(MAX_TRAILER_BYTES, MAX_SECTION_BYTES)).toBeLessThanOrEqual(arena.TRAILER_LINES_SIZE);
    expect(MAX_BLOCK_BYTES).toBeLessThanOrEqual(arena.BLOCK_SIZE);
    expect(MAX_FRAME_SIZE).toBeLessThan(Math.min(arena.JOIN_SIZE, KEPT.size));
    expect(MAX_RESPONSE_HEAD_BYTES + arena.RECV_SIZE).toBeLessThanOrEqual(arena.JOIN_SIZE);
    expect(MAX_SECTION_BYTES + OWN_LINES).toBeLessThanOrEqual(arena.SWITCH_SIZE);
    // With what of a head lies elsewhere, such as a path that was brought into another form.
    expect(2 * MAX_RESPONSE_HEAD_BYTES).toBeLessThanOrEqual(arena.HELD_SIZE);
  });
});
