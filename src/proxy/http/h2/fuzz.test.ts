import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARENA, DECODE_END, DECODE_START, JOIN_START } from '../../ground/arena.ts';
import { BODY_OPEN } from '../../ground/codec.ts';
import { RawBackend, Waiter } from './backend.fixture.ts';
import { RawClient, respond } from './client.fixture.ts';
import { HpackDecoder } from './decoder.ts';
import { REQUEST_SECTION, RESPONSE_SECTION, TRAILER_SECTION } from './field-section.ts';
import * as frame from './frame.ts';
import { head, section } from './hpack.fixture.ts';
import { block, GET, POST, turn } from './wire.fixture.ts';

/** Frames that are nearly right: known types, few streams, payloads that begin like real ones. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(
    block(GET),
    block(POST),
    block([...POST, ['content-length', '3']]),
    block([[':status', '200']]),
    block([['x-trailer', 'y']]),
    Buffer.from('abc'),
    Buffer.from([0, 0, 0, 1]),
    Buffer.from([0, 4, 0, 0, 0, 9]),
    Buffer.alloc(0),
  ),
);
const anyFrame = fc.tuple(fc.nat(10), fc.constantFrom(0, 1, 4, 5, 8, 13, 37, 255), fc.nat(6), payload);
const session = fc.array(anyFrame, { maxLength: 40 });

describe('whatever comes', () => {
  test('a server throws nothing, and each exchange hears one end at most', async () => {
    await fc.assert(
      fc.asyncProperty(session, async (frames) => {
        const client = await new RawClient().begin();
        client.onEvent = (event, down) => {
          if (event.startsWith('head')) respond(down, 'HTTP/1.1 200 OK\r\n', BODY_OPEN, 'x');
        };
        for (const [type, flags, id, bytes] of frames) client.send(type, flags, id, bytes);
        await client.frames();
        client.connection.onClose(undefined);
        for (const { events } of client.exchanges) {
          expect(events.filter((event) => event.startsWith('head'))).toHaveLength(1);
          expect(events.filter((event) => event.startsWith('end')).length).toBeLessThan(2);
          expect(events.filter((event) => event.startsWith('aborted')).length).toBe(1);
          expect(events.at(-1)).toMatch(/^aborted/);
        }
        expect(client.connection.streams.size).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  test('a client throws nothing, and each exchange hears exactly one end', async () => {
    await fc.assert(
      fc.asyncProperty(session, async (frames) => {
        const backend = new RawBackend();
        const waiters = ['GET', 'POST'].map((method) =>
          new Waiter(`${method} / HTTP/1.1\r\nHost: b\r\n`, BODY_OPEN, 'body').open(backend.pool),
        );
        await turn();
        backend.send(frame.SETTINGS, 0, 0);
        const link = backend.link(0);
        for (const [type, flags, id, bytes] of frames) backend.send(type, flags, id, bytes);
        await turn();
        link.sink.onClose(undefined);
        for (const { events } of waiters) {
          expect(events.filter((event) => /^(end|failed)/.test(event))).toHaveLength(1);
          expect(events.at(-1)).toMatch(/^(end|failed)/);
          expect(events.filter((event) => event.startsWith('head')).length).toBeLessThan(2);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('HPACK stays in its region and within its table', () => {
    const decoder = new HpackDecoder();
    const role = fc.constantFrom(REQUEST_SECTION, RESPONSE_SECTION, TRAILER_SECTION);
    const octets = fc.oneof(fc.uint8Array({ maxLength: 3000 }), payload);
    fc.assert(
      fc.property(octets, role, fc.integer({ min: 0, max: 50_000 }), fc.boolean(), (bytes, kind, limit, complete) => {
        ARENA.fill(0x5a, DECODE_START - 64, DECODE_START);
        ARENA.fill(0x5a, DECODE_END, DECODE_END + 64);
        ARENA.set(bytes, JOIN_START);
        section.begin(kind, limit);
        if (decoder.decode(JOIN_START, JOIN_START + bytes.length, section)) section.finish(complete);
        const guard = Buffer.alloc(64, 0x5a);
        expect(ARENA.subarray(DECODE_START - 64, DECODE_START).equals(guard)).toBe(true);
        expect(ARENA.subarray(DECODE_END, DECODE_END + 64).equals(guard)).toBe(true);
        expect(decoder.table.size).toBeLessThanOrEqual(4096);
        expect(head.end).toBeLessThanOrEqual(DECODE_END);
      }),
      { numRuns: 1000 },
    );
  });
});
