/** A port of HTTP listeners. */
import type { ConnectionRefusal } from '../filter/index.ts';
import { dateLine, type HttpService, reasonPhrase, serveHttp } from '../http/index.ts';
import { deliver, type NetLink } from '../listen/index.ts';
import { sayFarewell } from '../stream/index.ts';
import { AcceptingPort } from './accepting-port.ts';
import type { PortContent, Swap } from './port.ts';
import type { World } from './world.ts';

/** Clients that are told at a time why they are turned away; others are reset. */
const MAX_FAREWELLS = 256;

export class HttpPort extends AcceptingPort {
  readonly #service: HttpService;
  #farewells = 0;

  constructor(world: World, content: PortContent) {
    super(world, content);
    this.#service = world.httpService(content.table, this.live);
  }

  protected prepareContent(content: PortContent): Swap {
    return () => {
      this.#service.table = content.table;
    };
  }

  /** In words, as far as there is time for words. */
  protected override refuse(link: NetLink, refusal: ConnectionRefusal): void {
    if (this.#farewells >= MAX_FAREWELLS) return super.refuse(link, refusal);
    this.#farewells++;
    link.socket.once('close', () => this.#farewells--);
    sayFarewell(link, farewellOf(refusal), this.world.wheel);
  }

  protected admit(link: NetLink, firstBytes: Buffer | undefined): void {
    serveHttp(link, this.#service);
    if (firstBytes !== undefined) deliver(link, firstBytes);
  }
}

function farewellOf({ status, message }: ConnectionRefusal): string {
  const body = `${JSON.stringify({ message })}\n`;
  return [
    `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${dateLine()}Content-Type: application/json`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(status === 503 ? ['Retry-After: 1'] : []),
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
