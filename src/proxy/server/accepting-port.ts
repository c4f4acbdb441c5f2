/** What ports of connections have in common: a listening socket, and the set of all that lives on it. */
import { DrainSet } from '../ground/drain.ts';
import { type Handle, type ListeningSocket, openSocket } from '../listen/index.ts';
import type { Port, PortContent, PortTarget, Swap } from './port.ts';

export abstract class AcceptingPort implements Port {
  /** Connections, from accept until their last byte has left. */
  protected readonly live: DrainSet = new DrainSet();
  #socket: ListeningSocket | undefined;

  get bound(): readonly string[] {
    return this.#socket === undefined ? [] : [this.#socket.bound];
  }

  async open(target: PortTarget): Promise<void> {
    this.#socket = await openSocket(target, (handle) => this.accept(handle));
  }

  release(): ListeningSocket | undefined {
    const socket = this.#socket;
    this.#socket = undefined;
    return socket;
  }

  takeOver(socket: ListeningSocket): void {
    socket.onAccept = (handle) => this.accept(handle);
    this.#socket = socket;
  }

  drain(timeout: number): Promise<void> {
    this.release()?.close();
    return this.live.drain(timeout);
  }

  abstract prepare(content: PortContent): Swap;
  /** A connection came. */
  protected abstract accept(handle: Handle): void;
}
