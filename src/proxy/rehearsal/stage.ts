/** What the filters of a request that is not there see of an exchange: nothing is sent, and what they ask is noted. */
import type { SubRequest } from '../filter/index.ts';
import type { ClientConnection } from '../ground/codec.ts';
import type { FilterHost, SubExchange, Wait } from '../http/index.ts';
import type { DecisionCounter, PolicyDecision } from '../state/index.ts';
import type { RehearsedRequest } from './rehearsed-request.ts';

/** Of a client whose address nobody said: of no network that anybody has (RFC 5737). */
const NOBODY = '192.0.2.1';

export class Stage implements FilterHost {
  readonly client: ClientConnection;
  readonly requestId = '00000000-0000-0000-0000-000000000000';
  readonly listener: string;
  readonly route: string;
  backend = '';
  user = '';
  /** Undefined: nobody said it. */
  address: string | undefined;
  // Of the filter that is looked at.
  addressRead = false;
  told: DecisionCounter[] = [];
  asked: string[] = [];
  #decided: ((wait: Wait) => void) | null = null;

  constructor(request: RehearsedRequest, at: { listener: string; route: string }) {
    this.listener = at.listener;
    this.route = at.route;
    this.client = clientOf(request);
  }

  /** The next filter is looked at. */
  begin(): void {
    this.addressRead = false;
    this.told = [];
    this.asked = [];
  }

  get clientAddress(): string {
    this.addressRead = true;
    return this.address ?? NOBODY;
  }

  get isGuess(): boolean {
    return this.addressRead && this.address === undefined;
  }

  /** A text in which the address may stand that nobody said. */
  withoutGuess(text: string): string {
    return this.isGuess ? text.replaceAll(NOBODY, 'not said') : text;
  }

  tell(decision: DecisionCounter): void {
    this.told.push(decision);
  }

  tellOwn(filter: string, decision: PolicyDecision): void {
    this.tell({ policy: this.route, rule: filter, decision, value: 0 });
  }

  /** Of the body no more is known than its length, which filters have read. */
  limitBody(): void {}

  conceal(): void {}

  unlog(): void {}

  identify(user: string): void {
    if (this.user === '') this.user = user;
  }

  ask({ backend, method, target }: SubRequest): SubExchange {
    this.asked.push(`${method} ${target} at ${backend}`);
    return { abort() {} } as SubExchange;
  }

  /** Nobody is asked, so that nothing is written that the choice of the route would see. */
  write(): undefined {}

  /** Resolves when the filter that waits has decided. */
  decision(): Promise<Wait> {
    return new Promise((resolve) => {
      this.#decided = resolve;
    });
  }

  decided(wait: Wait): void {
    this.#decided?.(wait);
  }
}

function clientOf({ secure, serverName, peer = NOBODY, certificate }: RehearsedRequest): ClientConnection {
  return {
    remoteAddress: peer,
    remotePort: 0,
    localAddress: '',
    localPort: 0,
    scheme: secure ? 'https' : 'http',
    tls: secure
      ? {
          serverName,
          alpn: '',
          version: 'TLSv1.3',
          cipher: '',
          peerVerified: certificate !== undefined,
          ...(certificate && { peerCertificate: certificate }),
        }
      : undefined,
    protocol: 'HTTP/1.1',
    forwardedText: '',
    forwardedPort: 0,
  };
}
