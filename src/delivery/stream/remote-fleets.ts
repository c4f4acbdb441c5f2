/** All fleets of a controller: where it opens them, and where the stream finds them. */
import type { FleetEvents } from '../fleet.ts';
import { AWAY_GRACE, RemoteFleet, SIGNAL_PATIENCE } from './remote-fleet.ts';

export interface RemoteFleetsOptions {
  /** Milliseconds; absent: as a fleet has them. */
  awayGrace?: number;
  signalPatience?: number;
  /** Whether the pod of a Gateway (`namespace/name`) is being taken away, as far as is known. */
  isEnding?(gateway: string, name: string): boolean;
}

export class RemoteFleets {
  readonly #fleets = new Map<string, RemoteFleet>();
  readonly #options: Required<RemoteFleetsOptions>;

  constructor(options: RemoteFleetsOptions = {}) {
    this.#options = { awayGrace: AWAY_GRACE, signalPatience: SIGNAL_PATIENCE, isEnding: () => false, ...options };
  }

  /** As Control asks: one for each Gateway (`namespace/name`). */
  open(gateway: string, events: FleetEvents): RemoteFleet {
    const onEnd = (): void => {
      if (this.#fleets.get(gateway) === fleet) this.#fleets.delete(gateway);
    };
    const { isEnding, ...times } = this.#options;
    const fleet = new RemoteFleet(gateway, events, { ...times, isEnding: (name) => isEnding(gateway, name), onEnd });
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
