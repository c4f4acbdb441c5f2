/** A port of HTTP listeners. */
import { type HttpService, serveHttp } from '../http/index.ts';
import { adoptSocket, deliver, type ListeningSocket, linkOf, openSocket } from '../listen/index.ts';
import { Entrance } from './entrance.ts';
import { drainHttp } from './http-drain.ts';
import type { Port, PortContent, PortTarget } from './port.ts';
import type { World } from './world.ts';

export class HttpPort implements Port {
  readonly #service: HttpService;
  readonly #entrance: Entrance;
  #socket: ListeningSocket | undefined;

  constructor(world: World, content: PortContent) {
    this.#service = world.httpService(content.table);
    this.#entrance = new Entrance(world, content, (link, firstBytes) => {
      serveHttp(link, this.#service);
      if (firstBytes !== undefined) deliver(link, firstBytes);
    });
  }

  get bound(): string[] {
    return this.#socket === undefined ? [] : [this.#socket.bound];
  }

  async open(target: PortTarget): Promise<void> {
    this.#socket = await openSocket(target, (handle) => {
      if (this.#entrance.guarded) this.#entrance.accept(handle);
      else serveHttp(linkOf(adoptSocket(handle)), this.#service);
    });
  }

  swap(content: PortContent): void {
    this.#service.table = content.table;
    this.#entrance.swap(content);
  }

  drain(timeout: number): Promise<void> {
    this.#socket?.close();
    this.#entrance.drain();
    return drainHttp(this.#service, timeout);
  }
}
