/** How many connections there may be at a time, whoever they are of. */
import type { ConnectionFilter, ConnectionRefusal } from './connection.ts';

const TOO_MANY: ConnectionRefusal = {
  reason: 'limit',
  status: 503,
  message: 'There are too many connections; try again later.',
};

export class ConnectionLimit implements ConnectionFilter {
  readonly type = 'ConnectionLimit';
  readonly step = 'connection-limits';
  readonly #limit: number;
  readonly #count: () => number;

  /** `count`: those that there are, without the one that comes. */
  constructor(limit: number, count: () => number) {
    this.#limit = limit;
    this.#count = count;
  }

  onConnection(): ConnectionRefusal | null {
    return this.#count() >= this.#limit ? TOO_MANY : null;
  }
}
