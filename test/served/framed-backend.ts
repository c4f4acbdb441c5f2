/** A backend of HTTP/2 whose frames a test writes itself. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { frameBytes, setting } from '../../src/proxy/http/h2/wire.fixture.ts';

const HEADERS = 1;
const SETTINGS = 4;
const MAX_CONCURRENT_STREAMS = 3;

/** It takes so many streams at a time, and leaves the answers to the test. */
export class FramedBackend {
  readonly #server = net.createServer((socket) => this.#serve(socket));
  readonly #streams: number;
  socket!: net.Socket;
  /** Streams that requests came on. */
  readonly opened: number[] = [];
  #waiting: Array<() => void> = [];

  constructor(streams: number) {
    this.#streams = streams;
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(socket: net.Socket): void {
    this.socket = socket;
    let bytes: Buffer = Buffer.alloc(0);
    socket.write(frameBytes(SETTINGS, 0, 0, setting(MAX_CONCURRENT_STREAMS, this.#streams)));
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.subarray(0, 4).toString() === 'PRI ') bytes = bytes.subarray(24);
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        if (bytes[3] === SETTINGS && bytes[4] === 0) socket.write(frameBytes(SETTINGS, 1, 0));
        if (bytes[3] === HEADERS) this.opened.push(bytes.readUInt32BE(5));
        bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3));
      }
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.socket?.destroy();
    this.#server.close();
  }
}

/** A Service whose backends speak HTTP/2 without TLS. */
export function h2cService(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] },
  };
}
