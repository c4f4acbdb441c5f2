/** What is known of the client at the other end of a link. */

import type { ClientConnection } from '../../ground/codec.ts';
import type { Link, LinkTls } from '../../ground/driver.ts';

export abstract class LinkedClient implements ClientConnection {
  protected readonly link: Link;
  #remoteAddress = '';
  readonly protocol = 'HTTP/1.1';
  forwardedText = '';
  forwardedPort = 0;
  ownPools: ClientConnection['ownPools'] = undefined;

  constructor(link: Link) {
    this.link = link;
  }

  get client(): ClientConnection {
    return this;
  }
  /** Kept, since a socket forgets it when it closes. */
  get remoteAddress(): string {
    return this.#remoteAddress === '' ? (this.#remoteAddress = this.link.remoteAddress) : this.#remoteAddress;
  }
  get remotePort(): number {
    return this.link.remotePort;
  }
  get localAddress(): string {
    return this.link.localAddress;
  }
  get localPort(): number {
    return this.link.localPort;
  }
  get tls(): LinkTls | undefined {
    return this.link.tls;
  }
  get scheme(): string {
    return this.link.tls === undefined ? 'http' : 'https';
  }
}
