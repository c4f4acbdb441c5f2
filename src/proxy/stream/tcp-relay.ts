import type { StreamPass } from '../filter/index.ts';
import type { Link } from '../ground/driver.ts';
import type { Arrival, TcpRelayOptions } from './relayed-arrival.ts';
import { RelayedConnection } from './relayed-connection.ts';
import type { StreamPlan } from './stream-plan.ts';

export class TcpRelay {
  readonly options: TcpRelayOptions;
  #active = 0;

  constructor(options: TcpRelayOptions) {
    this.options = options;
  }

  /** Connections under way. */
  get active(): number {
    return this.#active;
  }

  /** Takes the connection over, sets its sink, and never throws. Without a plan it is refused. */
  accept(link: Link, plan: StreamPlan | undefined, arrival: Arrival): void {
    const connection = new RelayedConnection(this.options, link, arrival);
    const { live, limits } = this.options;
    if (live.draining) connection.refuse('drained');
    else if (plan === undefined) connection.refuse('no_route');
    else if (this.#active >= limits.maxConnections) connection.refuse('limit');
    else {
      const pass = this.#judge(connection, plan);
      if (pass !== null && pass.refusal !== '') return connection.refuse(pass.refusal);
      this.#active++;
      live.add(connection);
      connection.begin(plan, () => this.#gone(connection, pass));
    }
  }

  /** What policies say of it; null: none acts there. */
  #judge(connection: RelayedConnection, { listener, route }: StreamPlan): StreamPass | null {
    const chain = this.options.policies?.streamChain(listener, route) ?? null;
    if (chain === null) return null;
    const pass = chain.judge({ clientAddress: connection.clientAddress, listener, route });
    connection.note(route, pass.noted);
    return pass;
  }

  #gone(connection: RelayedConnection, pass: StreamPass | null): void {
    this.#active--;
    this.options.live.delete(connection);
    pass?.end();
  }
}

export function createTcpRelay(options: TcpRelayOptions): TcpRelay {
  return new TcpRelay(options);
}
