/** What stands between a gateway and whoever it asks, so that each may be away, silent, resetting or babbling by itself. */
import { once } from 'node:events';
import net from 'node:net';

export type RelayMode = 'passing' | 'away' | 'silent' | 'resetting' | 'babbling';

const MOST_TRIES = 100;
/** Below those that a machine gives to whoever asks for any: while a relay is away, no other test gets its port. */
const PORTS = { first: 12_000, count: 18_000 };

function anyPort(): number {
  return PORTS.first + Math.floor(Math.random() * PORTS.count);
}

export class Relay {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #mode: RelayMode = 'passing';
  #hasListened = false;
  #port = anyPort();

  private constructor(target: number) {
    this.#server = net.createServer((socket) => this.#accept(socket, target));
  }

  static async to(target: number): Promise<Relay> {
    const relay = new Relay(target);
    await relay.#listen();
    return relay;
  }

  get port(): number {
    return this.#port;
  }

  async turn(mode: RelayMode): Promise<void> {
    if (mode === this.#mode) return;
    this.#mode = mode;
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening && mode === 'away') {
      this.#server.close();
      await once(this.#server, 'close');
    }
    if (!this.#server.listening && mode !== 'away') await this.#listen();
  }

  async close(): Promise<void> {
    await this.turn('away');
  }

  /** At the port of before, or at first at one that is free. */
  async #listen(): Promise<void> {
    for (let tries = 0; !this.#server.listening; tries++) {
      this.#server.listen(this.#port, '127.0.0.1');
      try {
        await once(this.#server, 'listening');
      } catch (error) {
        if (tries > MOST_TRIES) throw error;
        if (this.#hasListened) await new Promise((resolve) => setTimeout(resolve, 50));
        else this.#port = anyPort();
      }
    }
    this.#hasListened = true;
  }

  #accept(socket: net.Socket, target: number): void {
    this.#keep(socket);
    if (this.#mode === 'silent') return void socket.resume();
    if (this.#mode === 'resetting') return void socket.once('data', () => socket.resetAndDestroy());
    if (this.#mode === 'babbling')
      return void socket.once('data', () => socket.end('\u0000nothing that\r\nis known\r\n\r\n'));
    const onward = this.#keep(net.connect(target, '127.0.0.1'));
    socket.pipe(onward).pipe(socket);
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  }

  #keep(socket: net.Socket): net.Socket {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
