/** gRPC: calls of all four shapes, and a call that is kept through the edits. */
import { once } from 'node:events';
import { ChannelCredentials, type ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import { socketName } from '../../../src/value/socket-name.ts';
import { callUnary, type RawClient, rawClient } from '../../protocols/raw-service.ts';
import {
  HOSTS,
  inTime,
  mustEqual,
  nextHost,
  oneOf,
  type Place,
  pattern,
  type SoakClient,
  type TrafficKind,
} from './traffic.ts';

const PART = 20_000;
const PARTS = 8;
/** A Download comes in messages of 64 KiB. */
const DOWNLOAD = 3 * 65_536;

function connect({ ports, ca }: Place, secure: boolean): RawClient {
  const authority = { 'grpc.default_authority': HOSTS.grpc };
  if (!secure) return rawClient(socketName(nextHost(), ports.http), { channel: authority });
  return rawClient(socketName(nextHost(), ports.https), {
    credentials: ChannelCredentials.createSsl(Buffer.from(ca)),
    channel: { ...authority, 'grpc.ssl_target_name_override': HOSTS.web },
  });
}

async function unary(client: RawClient): Promise<void> {
  const message = pattern(500, 65);
  mustEqual(await callUnary(client, message), message);
}

async function upload(client: RawClient): Promise<void> {
  const answer = new Promise<Buffer>((resolve, reject) => {
    const call = client.Upload(new Metadata(), (error, got) => (error === null ? resolve(got!) : reject(error)));
    for (let i = 0; i < PARTS; i++) call.write(pattern(PART));
    call.end();
  });
  if ((await answer).toString() !== String(PART * PARTS)) throw new Error('not all messages arrived');
}

async function download(client: RawClient): Promise<void> {
  let bytes = 0;
  for await (const message of client.Download(Buffer.from(String(DOWNLOAD)), new Metadata())) {
    bytes += (message as Buffer).length;
  }
  if (bytes !== DOWNLOAD) throw new Error(`${bytes} of ${DOWNLOAD} bytes arrived`);
}

/** The client cancels in the middle. */
async function cancelled(client: RawClient): Promise<void> {
  const call = client.Download(Buffer.from('hang'), new Metadata());
  call.on('error', () => {});
  await once(call, 'data');
  const ended = new Promise((resolve) => call.once('status', resolve));
  call.cancel();
  await ended;
}

/** One call as long as the client lives. */
class Talk implements SoakClient {
  readonly #client: RawClient;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  #failure: Error | undefined;

  constructor(client: RawClient) {
    this.#client = client;
    this.#call = client.Talk(new Metadata());
    this.#call.on('error', (error) => (this.#failure = error));
  }

  async exchange(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const message = pattern(1_000, 5);
    const answered = once(this.#call, 'data') as Promise<[Buffer]>;
    this.#call.write(message);
    mustEqual((await inTime(answered))[0], message);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#call.once('status', resolve));
    this.#call.resume();
    this.#call.end();
    if (this.#failure === undefined) await inTime(ended);
    this.#client.close();
  }
}

function kind(name: string, pace: number, exchange: (client: RawClient) => Promise<void>): TrafficKind {
  return {
    name,
    pace,
    open(place) {
      const secure = connect(place, true);
      const plain = connect(place, false);
      return {
        exchange: () => inTime(exchange(oneOf([plain, secure]))),
        close: () => {
          plain.close();
          secure.close();
        },
      };
    },
  };
}

export const GRPC: readonly TrafficKind[] = [
  kind('gRPC unary', 30, unary),
  kind('gRPC stream', 80, (client) => oneOf([upload, download])(client)),
  kind('gRPC broken off', 200, cancelled),
  { name: 'gRPC stream kept', pace: 100, open: (place) => new Talk(connect(place, false)) },
  { name: 'gRPC stream kept over TLS', pace: 100, open: (place) => new Talk(connect(place, true)) },
];
