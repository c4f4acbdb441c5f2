/** WebSocket messages back as they came (RFC 6455): frame by frame, so that none is held however large it is. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const FIN = 0x80;
const RESERVED = 0x70;
const OPCODE = 0x0f;
const MASKED = 0x80;
const CONTROL = 0x08;
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa];
const PROTOCOL_ERROR = 1002;
/** The longest payload of a control frame, and of one whose length stands in its second byte. */
const SHORT = 125;
const MASK_BYTES = 4;

/** Takes over the connection of an upgrade request; `head` are bytes that came after it. */
export function echoWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy());
  const key = request.headers['sec-websocket-key'];
  if (request.headers.upgrade?.toLowerCase() !== 'websocket' || key === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  const accept = createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64');
  const [protocol = ''] = (request.headers['sec-websocket-protocol'] ?? '').split(',');
  const chosen = protocol === '' ? '' : `Sec-WebSocket-Protocol: ${protocol.trim()}\r\n`;
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${chosen}\r\n`,
  );
  const echo = new FrameEcho(socket);
  socket.on('data', (bytes: Buffer) => echo.take(bytes));
  socket.on('end', () => socket.end());
  socket.on('drain', () => socket.resume());
  if (head.length > 0) echo.take(head);
}

interface Frame {
  opcode: number;
  mask: Buffer;
  left: number;
  /** Bytes of the payload so far. */
  done: number;
  /** Of a control frame: its payload, answered when it is whole. */
  control: Buffer[];
}

class FrameEcho {
  readonly #socket: Duplex;
  /** The beginning of a frame's head that is not whole yet. */
  #pending: Buffer = Buffer.alloc(0);
  #frame: Frame | undefined;
  /** A message has begun whose last frame has not come. */
  #open = false;
  #ended = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  take(bytes: Buffer): void {
    let rest = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    this.#pending = Buffer.alloc(0);
    while (!this.#ended) {
      if (this.#frame) {
        rest = this.#payload(this.#frame, rest);
        if (this.#frame) break;
      }
      const size = headSize(rest);
      if (size === undefined) {
        this.#pending = Buffer.from(rest);
        break;
      }
      this.#head(rest.subarray(0, size));
      rest = rest.subarray(size);
    }
  }

  #head(head: Buffer): void {
    const opcode = head[0]! & OPCODE;
    const length = lengthOf(head);
    const fin = (head[0]! & FIN) !== 0;
    if (this.#isWrong({ head, opcode, length, fin })) {
      this.#close(closePayload(PROTOCOL_ERROR));
      return;
    }
    this.#frame = { opcode, mask: head.subarray(head.length - MASK_BYTES), left: length, done: 0, control: [] };
    if (opcode >= CONTROL) return;
    this.#open = !fin;
    this.#send(frameHead(head[0]!, length));
  }

  #isWrong({ head, opcode, length, fin }: { head: Buffer; opcode: number; length: number; fin: boolean }): boolean {
    if ((head[0]! & RESERVED) !== 0 || (head[1]! & MASKED) === 0) return true;
    if (opcode >= CONTROL) return !fin || length > SHORT || ![CLOSE, PING, PONG].includes(opcode);
    if (!Number.isSafeInteger(length)) return true;
    return this.#open ? opcode !== CONTINUATION : opcode !== TEXT && opcode !== BINARY;
  }

  /** Answers what is left of the bytes. */
  #payload(frame: Frame, bytes: Buffer): Buffer {
    const own = Buffer.from(bytes.subarray(0, frame.left));
    for (let i = 0; i < own.length; i++) own[i]! ^= frame.mask[(frame.done + i) % MASK_BYTES]!;
    frame.done += own.length;
    frame.left -= own.length;
    if (frame.opcode >= CONTROL) frame.control.push(own);
    else if (own.length > 0) this.#send(own);
    if (frame.left === 0) {
      this.#frame = undefined;
      const payload = Buffer.concat(frame.control);
      if (frame.opcode === PING) this.#send(frameHead(FIN | PONG, payload.length), payload);
      else if (frame.opcode === CLOSE) this.#close(payload);
    }
    return bytes.subarray(own.length);
  }

  #close(payload: Buffer): void {
    this.#ended = true;
    this.#send(frameHead(FIN | CLOSE, payload.length), payload);
    this.#socket.end();
  }

  #send(...parts: Buffer[]): void {
    // A client that does not read is not read from.
    if (!this.#socket.write(parts.length === 1 ? parts[0]! : Buffer.concat(parts))) this.#socket.pause();
  }
}

/** Of a frame's head with its mask; undefined while it is not whole. */
function headSize(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const length = bytes[1]! & ~MASKED;
  const size = 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + ((bytes[1]! & MASKED) === 0 ? 0 : MASK_BYTES);
  return bytes.length < size ? undefined : size;
}

function lengthOf(head: Buffer): number {
  const length = head[1]! & ~MASKED;
  if (length === 127) return Number(head.readBigUInt64BE(2));
  return length === 126 ? head.readUInt16BE(2) : length;
}

/** A server's frames have no mask. */
function frameHead(first: number, length: number): Buffer {
  if (length <= SHORT) return Buffer.from([first, length]);
  if (length < 0x10000) return Buffer.from([first, 126, length >> 8, length & 0xff]);
  const head = Buffer.alloc(10);
  head[0] = first;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

function closePayload(code: number): Buffer {
  return Buffer.from([code >> 8, code & 0xff]);
}
