/** A port of HTTP listeners. */
import { dateLine, type HttpService, serveHttp } from '../http/index.ts';
import { adoptSocket, deliver, type Handle, linkOf } from '../listen/index.ts';
import { sayFarewell } from '../stream/index.ts';
import { AcceptingPort } from './accepting-port.ts';
import { Entrance } from './entrance.ts';
import type { PortContent, Swap } from './port.ts';
import type { World } from './world.ts';

/** Clients that are told at a time why they are turned away; others are reset. */
const MAX_FAREWELLS = 256;
const TOO_MANY_BODY = `${JSON.stringify({ message: 'There are too many connections; try again later.' })}\n`;
const TOO_MANY_LINES = [
  'Content-Type: application/json',
  `Content-Length: ${TOO_MANY_BODY.length}`,
  'Retry-After: 1',
  'Connection: close',
  '',
  TOO_MANY_BODY,
].join('\r\n');

export class HttpPort extends AcceptingPort {
  readonly #service: HttpService;
  readonly #entrance: Entrance;
  #farewells = 0;

  constructor(world: World, content: PortContent) {
    super(world);
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

  /** In words, as far as there is time for words. */
  protected override refuse(handle: Handle): void {
    if (this.#entrance.guarded || this.#farewells >= MAX_FAREWELLS) return super.refuse(handle);
    const link = linkOf(adoptSocket(handle));
    this.#farewells++;
    link.socket.once('close', () => this.#farewells--);
    sayFarewell(link, `HTTP/1.1 503 Service Unavailable\r\n${dateLine()}${TOO_MANY_LINES}`, this.world.wheel);
  }

  protected accept(handle: Handle): void {
    if (this.#entrance.guarded) this.#entrance.accept(handle);
    else serveHttp(linkOf(adoptSocket(handle)), this.#service);
  }
}
