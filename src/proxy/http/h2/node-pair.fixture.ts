/** For tests: node:http2 as client and as backend, with a relay of ours between them. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Relay } from './relay.fixture.ts';

type Handler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

export class NodePair {
  /** By path, without query. */
  readonly handlers: Map<string, Handler> = new Map();
  readonly backend: http2.Http2Server = http2.createServer({ settings: { enableConnectProtocol: true } });
  relay!: Relay;
  client!: http2.ClientHttp2Session;

  async start(): Promise<void> {
    this.backend.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
      stream.on('error', () => undefined);
      this.handlers.get(String(headers[':path']).split('?')[0]!)!(stream, headers);
    });
    await new Promise<void>((resolve) => this.backend.listen(0, '127.0.0.1', resolve));
    const { port } = this.backend.address() as AddressInfo;
    this.relay = new Relay({ address: '127.0.0.1', port, tls: undefined });
    await this.relay.listen();
    this.client = this.connect();
    await once(this.client, 'connect');
  }

  connect(settings: http2.Settings = {}): http2.ClientHttp2Session {
    return http2.connect(`http://127.0.0.1:${this.relay.port}`, { settings });
  }

  stop(): void {
    this.client.destroy();
    this.relay.close();
    this.backend.close();
  }
}

export interface Answer {
  headers: http2.IncomingHttpHeaders;
  trailers: http2.IncomingHttpHeaders;
  body: Buffer;
}

export async function answerOf(stream: http2.ClientHttp2Stream): Promise<Answer> {
  const answer: Answer = { headers: {}, trailers: {}, body: Buffer.alloc(0) };
  const chunks: Buffer[] = [];
  stream.on('response', (headers) => {
    answer.headers = headers;
  });
  stream.on('trailers', (trailers) => {
    answer.trailers = trailers;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  answer.body = Buffer.concat(chunks);
  return answer;
}

/** Bytes whose order matters. */
export function pattern(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255));
}
