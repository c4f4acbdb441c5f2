/** TCP, TLS that is passed through, and UDP: what comes back is what was sent. */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { buffer } from 'node:stream/consumers';
import tls from 'node:tls';
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

const SIZES = [1, 1_000, 200_000] as const;
const DATAGRAMS = [1, 100, 1_400] as const;
const KEPT_MESSAGE = 1_000;
/** A datagram without an answer is lost, which does not happen on loopback at this pace. */
const DATAGRAM_PATIENCE = 5_000;

function tcp({ ports }: Place): net.Socket {
  return net.connect({ host: nextHost(), port: ports.tcp, allowHalfOpen: true });
}

function passthrough({ ports, ca }: Place): net.Socket {
  return tls.connect({ host: nextHost(), port: ports.passthrough, ca, servername: HOSTS.passthrough });
}

/** All at once, then the end; and back comes the same, then the end. */
async function conversation(socket: net.Socket): Promise<void> {
  const message = pattern(oneOf(SIZES), 9);
  socket.end(message);
  mustEqual(await buffer(socket), message);
}

/** The client leaves while bytes are on their way. */
async function brokenOff(socket: net.Socket): Promise<void> {
  socket.on('error', () => {});
  socket.write(pattern(200_000));
  await once(socket, 'data');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  if (oneOf([false, true])) socket.resetAndDestroy();
  else socket.destroy();
  await closed;
}

class Kept implements SoakClient {
  readonly #socket: net.Socket;
  #ended = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => (this.#ended = true));
  }

  async exchange(): Promise<void> {
    if (this.#ended) throw new Error('the connection has ended');
    const message = pattern(KEPT_MESSAGE, 11);
    const parts: Buffer[] = [];
    let size = 0;
    this.#socket.write(message);
    while (size < message.length) {
      const [part] = (await inTime(once(this.#socket, 'data'))) as [Buffer];
      parts.push(part);
      size += part.length;
    }
    mustEqual(Buffer.concat(parts), message);
  }

  close(): void {
    this.#socket.end();
    this.#socket.resume();
  }
}

async function roundTrip(socket: Datagrams): Promise<void> {
  const message = pattern(oneOf(DATAGRAMS), oneOf([1, 2, 3, 4, 5, 6, 7]));
  const answered = once(socket, 'message') as Promise<[Buffer]>;
  socket.send(message);
  mustEqual((await inTime(answered, DATAGRAM_PATIENCE))[0], message);
}

async function connected({ ports }: Place): Promise<Datagrams> {
  const host = nextHost();
  const socket = createSocket(net.isIPv6(host) ? 'udp6' : 'udp4');
  socket.connect(ports.udp, host);
  await once(socket, 'connect');
  return socket;
}

function single(name: string, pace: number, exchange: (place: Place) => Promise<void>): TrafficKind {
  return {
    name,
    pace,
    open(place) {
      return { exchange: () => inTime(exchange(place)), close: () => {} };
    },
  };
}

export const STREAM: readonly TrafficKind[] = [
  single('TCP', 60, (place) => conversation(tcp(place))),
  single('TCP broken off', 150, (place) => brokenOff(tcp(place))),
  { name: 'TCP kept', pace: 50, open: (place) => new Kept(tcp(place)) },
  single('TLS passed through', 200, (place) => conversation(passthrough(place))),
  { name: 'TLS passed through, kept', pace: 100, open: (place) => new Kept(passthrough(place)) },
  {
    name: 'UDP',
    pace: 30,
    async open(place) {
      const socket = await connected(place);
      return { exchange: () => roundTrip(socket), close: () => void socket.close() };
    },
  },
  single('UDP new client', 300, async (place) => {
    const socket = await connected(place);
    try {
      await roundTrip(socket);
    } finally {
      socket.close();
    }
  }),
];
