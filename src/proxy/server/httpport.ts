/** A port of HTTP listeners. */
import { type HttpService, serveHttp } from '../http/index.ts';
import { adoptSocket, type ListeningSocket, linkOf, openSocket } from '../listen/index.ts';
import { compileTable } from '../route/index.ts';
import { drainHttp } from './httpdrain.ts';
import type { Port, PortContent, PortTarget } from './port.ts';
import type { World } from './world.ts';

export class HttpPort implements Port {
  readonly #service: HttpService;
  #socket: ListeningSocket | undefined;

  constructor(world: World, content: PortContent) {
    this.#service = world.httpService(compileTable(content));
  }

  get bound(): string[] {
    return this.#socket === undefined ? [] : [this.#socket.bound];
  }

  async open(target: PortTarget): Promise<void> {
    this.#socket = await openSocket(target, (handle) => serveHttp(linkOf(adoptSocket(handle)), this.#service));
  }

  swap(content: PortContent): void {
    this.#service.table = compileTable(content);
  }

  drain(timeout: number): Promise<void> {
    this.#socket?.close();
    return drainHttp(this.#service, timeout);
  }
}
