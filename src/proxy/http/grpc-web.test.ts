import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ARENA, JOIN_START, SEND_END, SEND_START } from '../ground/arena.ts';
import { BODY_LENGTH, BODY_NONE, BODY_OPEN, type BodyFraming, type Downstream } from '../ground/codec.ts';
import { type Composed, Cursor } from '../ground/cursor.ts';
import { GrpcWeb, type WebForm } from './grpc-web.ts';

const BINARY: WebForm = { suffix: '+proto', requestText: false, answerText: false };
const TEXT: WebForm = { suffix: '', requestText: true, answerText: true };
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/grpc+proto\r\nx-own: 1\r\n';

/** A client that keeps what it is told. */
class Listener implements Partial<Downstream> {
  head = '';
  framing: BodyFraming = BODY_NONE;
  body = '';
  ended = '';

  readonly #cursor = new Cursor(SEND_START, SEND_END);

  beginHead(): Cursor {
    return this.#cursor.begin();
  }
  sendHead({ start, end }: Composed, framing: BodyFraming): void {
    this.head = ARENA.latin1Slice(start, end);
    this.framing = framing;
  }
  sendBody(start: number, end: number): boolean {
    this.body += ARENA.latin1Slice(start, end);
    return true;
  }
  sendEnd(start: number, end: number): void {
    this.ended = `end ${ARENA.latin1Slice(start, end)}`;
  }
  flush(): void {}
}

interface Said {
  head?: string;
  framing?: BodyFraming;
  /** '|' between them stands for a flush. */
  pieces?: string[];
  trailers?: string;
}

function answered(form: WebForm, { head = HEAD, framing = BODY_OPEN, pieces = [], trailers = '' }: Said): Listener {
  const listener = new Listener();
  const web = new GrpcWeb(listener as unknown as Downstream, form);
  const to = web.beginHead();
  to.text(head);
  web.sendHead(to.finish()!, framing);
  for (const piece of pieces) {
    if (piece === '|') web.flush();
    else web.sendBody(JOIN_START, JOIN_START + ARENA.latin1Write(piece, JOIN_START));
  }
  web.sendEnd(JOIN_START, JOIN_START + ARENA.latin1Write(trailers, JOIN_START));
  return listener;
}

function trailerMessage(lines: string): string {
  const prefix = Buffer.from([0x80, 0, 0, 0, 0]);
  prefix.writeUInt32BE(lines.length, 1);
  return prefix.toString('latin1') + lines;
}

test('the content type changes, the body passes, and trailers become the last message', () => {
  const trailers = 'grpc-status: 0\r\nX-Last: a\r\n';
  const listener = answered(BINARY, { pieces: ['\0\0\0\0\x02hi', '|', 'more'], trailers });
  expect(listener.head).toBe('HTTP/1.1 200 OK\r\nx-own: 1\r\nContent-Type: application/grpc-web+proto\r\n');
  expect(listener.framing).toBe(BODY_OPEN);
  expect(listener.body).toBe(`\0\0\0\0\x02himore${trailerMessage('grpc-status: 0\r\nx-last: a\r\n')}`);
  expect(listener.ended).toBe('end ');
});

test('an answer of trailers alone has its status in the last message', () => {
  const head = `${HEAD}grpc-status: 5\r\ngrpc-message: no\r\ncontent-length: 0\r\n`;
  const listener = answered(BINARY, { head, framing: BODY_LENGTH });
  expect(listener.head).not.toMatch(/grpc-status|content-length/);
  expect(listener.framing).toBe(BODY_OPEN);
  expect(listener.body).toBe(trailerMessage('grpc-status: 5\r\ngrpc-message: no\r\n'));
});

test('a backend that ends without a status is UNKNOWN', () => {
  expect(answered(BINARY, { pieces: ['x'] }).body).toContain('grpc-status: 2\r\n');
});

test('an answer that is not of gRPC stays as it is', () => {
  const head = 'HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n';
  const listener = answered(TEXT, { head, framing: BODY_LENGTH, pieces: ['no'], trailers: 'x: y\r\n' });
  expect(listener).toMatchObject({ head, framing: BODY_LENGTH, body: 'no', ended: 'end x: y\r\n' });
});

test('text, flushed anywhere, decodes to messages and trailers', () => {
  const pieces = fc.array(fc.oneof(fc.constant('|'), fc.uint8Array({ maxLength: 9 }).map(latin1)));
  fc.assert(
    fc.property(pieces, (said) => {
      const { head, body } = answered(TEXT, { pieces: said, trailers: 'grpc-status: 0\r\n' });
      expect(head).toContain('Content-Type: application/grpc-web-text\r\n');
      const groups = body.match(/.{4}/gs) ?? [];
      const bytes = groups.map((group) => Buffer.from(group, 'base64').toString('latin1')).join('');
      expect(bytes).toBe(said.filter((piece) => piece !== '|').join('') + trailerMessage('grpc-status: 0\r\n'));
    }),
  );
  function latin1(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString('latin1').replaceAll('|', '!');
  }
});

test('every message can be decoded once it is flushed', () => {
  expect(answered(TEXT, { pieces: ['a', '|'], trailers: 'grpc-status: 0\r\n' }).body).toMatch(/^YQ==/);
  expect(answered(TEXT, { pieces: ['a', 'bc', '|'] }).body).toMatch(/^YWJj/);
});
