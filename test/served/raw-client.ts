/** A client that says exactly the bytes it is told to, and collects what comes back. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

export class RawClient {
  readonly socket: net.Socket;
  text = '';
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(socket: net.Socket) {
    this.socket = socket;
    const wake = (): void => {
      for (const look of [...this.#waiting]) look();
    };
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.latin1Slice();
      wake();
    });
    socket.on('end', () => {
      this.ended = true;
      wake();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.closed = this.ended = true;
      wake();
    });
  }

  /** Resolves once `done` holds; it is looked at whenever something arrives. Rejects where the connection ends before. */
  until(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!done() && !this.ended) return;
        this.#waiting.delete(look);
        if (done()) resolve();
        else reject(new Error(`the connection ended after: ${this.text.slice(0, 500)}`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Sends, and answers the next `count` whole responses. */
  async ask(text: string, count = 1): Promise<RawResponse[]> {
    this.send(text);
    return await this.responses(count, /^HEAD /.test(text));
  }

  async responses(count: number, bodyless = false): Promise<RawResponse[]> {
    const found: RawResponse[] = [];
    const take = (): boolean => {
      for (let next = nextResponse(this.text, bodyless, this.ended); next !== undefined; ) {
        this.text = this.text.slice(next.length);
        found.push(next.response);
        if (found.length === count) return true;
        next = nextResponse(this.text, bodyless, this.ended);
      }
      return found.length === count;
    };
    await this.until(() => found.length === count || take());
    return found;
  }

  /** Resolves when the server has closed its side. */
  async end(): Promise<void> {
    await this.until(() => this.ended);
  }

  close(): void {
    this.socket.destroy();
  }
}

export interface RawResponse {
  status: number;
  /** Lower-case names; of a repeated one all values, joined by commas. */
  headers: Map<string, string>;
  body: string;
  trailers: string;
}

export async function rawClient(port: number, options: net.NetConnectOpts | object = {}): Promise<RawClient> {
  const socket = net.connect({ host: '127.0.0.1', port, ...options });
  const client = new RawClient(socket);
  await once(socket, 'connect');
  return client;
}

export async function rawTlsClient(port: number, options: tls.ConnectionOptions = {}): Promise<RawClient> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return new RawClient(socket);
}

/** The first whole response of `text`, or undefined. */
function nextResponse(
  text: string,
  bodyless: boolean,
  ended: boolean,
): { response: RawResponse; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  const status = Number(statusLine.split(' ')[1]);
  const at = headEnd + 4;
  const whole = (length: number, body: string, trailers = '') => ({
    response: { status, headers, body, trailers },
    length,
  });
  if (bodyless || status < 200 || status === 204 || status === 304) return whole(at, '');
  if (headers.get('transfer-encoding') === 'chunked') {
    const chunks = dechunked(text, at);
    return chunks === undefined ? undefined : whole(chunks.end, chunks.body, chunks.trailers);
  }
  const length = headers.get('content-length');
  if (length === undefined) return ended ? whole(text.length, text.slice(at)) : undefined;
  const end = at + Number(length);
  return end <= text.length ? whole(end, text.slice(at, end)) : undefined;
}

/** A chunked body that begins at `start`, or undefined where it is not whole. */
export function dechunked(text: string, start: number): { body: string; trailers: string; end: number } | undefined {
  let body = '';
  let at = start;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (at + size + 2 > text.length) return undefined;
    body += text.slice(at, at + size);
    at += size + 2;
  }
  if (text.startsWith('\r\n', at)) return { body, trailers: '', end: at + 2 };
  const end = text.indexOf('\r\n\r\n', at);
  return end === -1 ? undefined : { body, trailers: text.slice(at, end + 2), end: end + 4 };
}
