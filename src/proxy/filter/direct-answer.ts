import type { DirectAnswerFilter } from '../../config/index.ts';
import { ANSWERED, type CompiledFilter, type FilterScope, type HeaderPair, type Verdict } from './filter.ts';

const UPGRADE_REQUIRED = 426;
/** As Kong says it. */
const TO_TLS: ReadonlyArray<HeaderPair> = [
  ['Upgrade', 'TLS/1.2, HTTP/1.1'],
  ['Connection', 'Upgrade'],
];

/** DirectAnswer: the same answer to everybody, without a backend. */
export class DirectAnswer implements CompiledFilter {
  readonly type = 'DirectAnswer';
  readonly step = 'route-filters';
  readonly #status: number;
  readonly #headers: ReadonlyArray<HeaderPair>;
  readonly #body: string;

  constructor({ status, contentType, body }: DirectAnswerFilter) {
    this.#status = status;
    this.#headers = [['Content-Type', contentType]];
    this.#body = body;
  }

  onRequest(scope: FilterScope): Verdict {
    // RFC 9110 has it say to what; HTTP/2 has no such lines.
    const upgrades = this.#status === UPGRADE_REQUIRED && scope.client.protocol !== 'HTTP/2.0';
    scope.respond(this.#status, upgrades ? [...this.#headers, ...TO_TLS] : this.#headers, this.#body);
    return ANSWERED;
  }
}
