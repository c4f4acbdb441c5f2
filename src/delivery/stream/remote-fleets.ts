/** All fleets of a controller: where it opens them, and where the stream finds them. */
import type { FleetEvents } from '../fleet.ts';
import { AWAY_GRACE, RemoteFleet } from './remote-fleet.ts';

export class RemoteFleets {
  readonly #fleets = new Map<string, RemoteFleet>();
  readonly #awayGrace: number;

  constructor({ awayGrace = AWAY_GRACE } = {}) {
    this.#awayGrace = awayGrace;
  }

  /** As Control asks: one for each Gateway (`namespace/name`). */
  open(gateway: string, events: FleetEvents): RemoteFleet {
    const onEnd = (): void => {
      if (this.#fleets.get(gateway) === fleet) this.#fleets.delete(gateway);
    };
    const fleet = new RemoteFleet(gateway, events, { awayGrace: this.#awayGrace, onEnd });
    this.#fleets.set(gateway, fleet);
    return fleet;
  }

  at(gateway: string): RemoteFleet | undefined {
    return this.#fleets.get(gateway);
  }

  [Symbol.iterator](): IterableIterator<RemoteFleet> {
    return this.#fleets.values();
  }
}
