/** Bodies of gRPC-Web in any pieces, cut short and spoilt: what the backend gets is the body, a part of it or nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RouteRule } from '../../config/index.ts';
import type { MemoryLink } from '../listen/index.ts';
import { type MemoryRig, memoryService, settled } from './memory.suite.ts';

const RULE: Partial<RouteRule> = {
  key: 'GRPCRoute/d/r/0',
  route: { kind: 'GRPCRoute', namespace: 'd', name: 'r' },
};

interface Asked {
  text: boolean;
  answerText: boolean;
  chunked: boolean;
  /** Of the body, each padded for itself in text. */
  messages: Uint8Array[];
  /** What becomes of the encoded body. */
  fault: 'none' | 'cut' | 'junk' | 'bits' | 'late pad';
  /** Places where the bytes of the request are cut. */
  cuts: number[];
}

const asked = fc.record<Asked>({
  text: fc.boolean(),
  answerText: fc.boolean(),
  chunked: fc.boolean(),
  messages: fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 5 }),
  fault: fc.constantFrom<Asked['fault']>('none', 'none', 'cut', 'junk', 'bits', 'late pad'),
  cuts: fc.array(fc.nat(1_000), { maxLength: 12 }),
});

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).latin1Slice();

/** The body as it is sent, and whether it is one. */
function bodyOf({ text, messages, fault }: Asked): { body: string; sound: boolean } {
  if (!text) return { body: messages.map(latin1).join(''), sound: true };
  const parts = messages.map((bytes) => Buffer.from(bytes).toString('base64'));
  const body = parts.join('');
  if (body === '' || fault === 'none') return { body, sound: true };
  if (fault === 'cut') return { body: body.slice(0, -1), sound: false };
  if (fault === 'junk') return { body: `${body.slice(0, -2)}*${body.slice(-1)}`, sound: false };
  if (fault === 'late pad') return { body: `${body}=`, sound: false };
  // Bits that padding leaves over.
  return { body: `${body}QR==`, sound: false };
}

function requestText(one: Asked, body: string): string {
  const type = one.text ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto';
  const accept = one.answerText ? 'application/grpc-web-text' : 'application/grpc-web';
  const head = `POST /p.S/M HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nAccept: ${accept}\r\n`;
  if (!one.chunked) return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  const half = body.length >> 1;
  const chunks = [body.slice(0, half), body.slice(half)].filter((part) => part !== '');
  const framed = chunks.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
  return `${head}Transfer-Encoding: chunked\r\n\r\n${framed}0\r\n\r\n`;
}

function pieces(text: string, cuts: readonly number[]): string[] {
  const places = [0, ...cuts.map((cut) => cut % text.length).sort((a, b) => a - b), text.length];
  return places.slice(1).flatMap((end, i) => (end > places[i]! ? [text.slice(places[i]!, end)] : []));
}

/** Head and body so far; `whole`: the body has ended. */
function message(text: string): { head: string; body: string; whole: boolean } {
  const end = text.indexOf('\r\n\r\n');
  const head = text.slice(0, end);
  let at = end + 4;
  const length = /\r\ncontent-length: (\d+)/i.exec(head);
  if (length) return { head, body: text.slice(at), whole: text.length - at === Number(length[1]) };
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) return { head, body: text.slice(at), whole: true };
  let body = '';
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return { head, body, whole: false };
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (size === 0) return { head, body, whole: true };
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 4 + size;
  }
}

async function ask(one: Asked, text: string): Promise<{ rig: MemoryRig; client: MemoryLink; got: string }> {
  const rig = memoryService({ rule: RULE });
  const client = rig.connect();
  let got = '';
  for (const piece of pieces(text, one.cuts)) {
    if (client.closed === 'no') client.deliver(piece);
    await settled();
    got += rig.driver.opened[0]?.link.take() ?? '';
  }
  return { rig, client, got };
}

test('a request arrives whole, or its backend sees that it is not', async () => {
  await fc.assert(
    fc.asyncProperty(asked, async (one) => {
      const { body, sound } = bodyOf(one);
      const { rig, client, got } = await ask(one, requestText(one, body));
      const expected = one.messages.map(latin1).join('');
      if (got !== '') {
        const seen = message(got);
        expect(seen.head).toMatch(/^POST \/p.S\/M HTTP\/1.1/);
        expect(seen.head).toMatch(/content-type: application\/grpc\+proto/i);
        expect(`${expected}A`.startsWith(seen.body)).toBe(true);
        expect(seen.whole).toBe(sound);
        if (sound) expect(seen.body).toBe(expected);
      }
      if (sound) expect(got).not.toBe('');
      else expect(message(client.take()).head).toMatch(/^HTTP\/1.1 (200|400) /);
      client.sink.onClose(undefined);
      expect(rig.accesses).toHaveLength(1);
    }),
    { numRuns: 400 },
  );
});

const answer = fc.record({
  text: fc.boolean(),
  messages: fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }),
  status: fc.constantFrom('', 'grpc-status: 0\r\n', 'Grpc-Status: 5\r\ngrpc-message: no\r\n'),
  cuts: fc.array(fc.nat(1_000), { maxLength: 10 }),
});

test('an answer comes with its messages, and its trailers as the last one', async () => {
  await fc.assert(
    fc.asyncProperty(answer, async ({ text, messages, status, cuts }) => {
      const one: Asked = { text: false, answerText: text, chunked: false, messages: [], fault: 'none', cuts: [] };
      const { rig, client } = await ask(one, requestText(one, ''));
      const body = messages.map(latin1).join('');
      const framed = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
      const said = `HTTP/1.1 200 OK\r\nContent-Type: application/grpc+proto\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n${framed}0\r\n${status}\r\n`;
      for (const piece of pieces(said, cuts)) {
        rig.backend().deliver(piece);
        await settled();
      }
      const got = message(client.take());
      expect(got.whole).toBe(true);
      expect(got.head).toMatch(new RegExp(`content-type: application/grpc-web${text ? '-text' : ''}\\+proto`, 'i'));
      // Each flush is padded for itself.
      const bytes = text ? got.body.replace(/[^=]+=*/g, (part) => Buffer.from(part, 'base64').latin1Slice()) : got.body;
      expect(bytes.startsWith(body)).toBe(true);
      const last = Buffer.from(bytes.slice(body.length), 'latin1');
      expect(last[0]).toBe(0x80);
      expect(last.readUInt32BE(1)).toBe(last.length - 5);
      const lines = last.latin1Slice(5);
      if (status === '') expect(lines).toMatch(/^grpc-status: 2\r\n/);
      else expect(lines).toBe(status.replace('Grpc-Status', 'grpc-status'));
    }),
    { numRuns: 300 },
  );
});
