/** A port of HTTP listeners. */
import { type HttpService, serveHttp } from '../http/index.ts';
import { adoptSocket, deliver, type Handle, linkOf } from '../listen/index.ts';
import { AcceptingPort } from './accepting-port.ts';
import { Entrance } from './entrance.ts';
import type { PortContent, Swap } from './port.ts';
import type { World } from './world.ts';

export class HttpPort extends AcceptingPort {
  readonly #service: HttpService;
  readonly #entrance: Entrance;

  constructor(world: World, content: PortContent) {
    super();
    this.#service = world.httpService(content.table, this.live);
    this.#entrance = new Entrance(world, this.live, (link, firstBytes) => {
      serveHttp(link, this.#service);
      if (firstBytes !== undefined) deliver(link, firstBytes);
    });
    this.#entrance.prepare(content)();
  }

  prepare(content: PortContent): Swap {
    const swapEntrance = this.#entrance.prepare(content);
    return () => {
      this.#service.table = content.table;
      swapEntrance();
    };
  }

  protected accept(handle: Handle): void {
    if (this.#entrance.guarded) this.#entrance.accept(handle);
    else serveHttp(linkOf(adoptSocket(handle)), this.#service);
  }
}
