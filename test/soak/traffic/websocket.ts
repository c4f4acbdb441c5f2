/** WebSocket: whole conversations, and connections that are kept through the edits. */
import { once } from 'node:events';
import { Agent } from 'node:https';
import { WebSocket } from 'ws';
import { socketName } from '../../../src/value/socket-name.ts';
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

const SIZES = [0, 10, 1_000, 70_000] as const;
const MESSAGES = 20;

async function connect({ ports, ca }: Place, secure: boolean): Promise<WebSocket> {
  const url = secure
    ? `wss://${socketName(nextHost(), ports.https)}/h1/socket`
    : `ws://${socketName(nextHost(), ports.http)}/h1/socket`;
  const agent = secure ? { agent: new Agent({ ca, servername: HOSTS.web }) } : {};
  const socket = new WebSocket(url, { headers: { host: HOSTS.web }, ...agent });
  await once(socket, 'open');
  return socket;
}

async function echo(socket: WebSocket, message: Buffer): Promise<void> {
  if (socket.readyState !== WebSocket.OPEN) throw new Error('the connection has ended');
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const ended = (code: number): void => reject(new Error(`closed with ${code}`));
  socket.once('message', resolve);
  socket.once('close', ended);
  socket.send(message);
  mustEqual(await promise, message);
  socket.off('close', ended);
}

async function conversation(place: Place): Promise<void> {
  const socket = await connect(place, oneOf([false, true]));
  for (let i = 0; i < MESSAGES; i++) await echo(socket, pattern(oneOf(SIZES), i));
  socket.close(4001, 'enough');
  const [code] = (await once(socket, 'close')) as [number];
  if (code !== 4001) throw new Error(`closed with ${code}`);
}

/** One connection as long as the client lives. */
class Kept implements SoakClient {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  async exchange(): Promise<void> {
    await inTime(echo(this.#socket, pattern(oneOf(SIZES), 3)));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.close();
    await closed;
  }
}

export const WEBSOCKET: readonly TrafficKind[] = [
  {
    name: 'WebSocket',
    pace: 200,
    open(place) {
      return { exchange: () => inTime(conversation(place)), close: () => {} };
    },
  },
  { name: 'WebSocket kept', pace: 100, open: async (place) => new Kept(await connect(place, false)) },
  { name: 'WebSocket kept over TLS', pace: 100, open: async (place) => new Kept(await connect(place, true)) },
];
