/** One proxy in this process. */
import type { CachePurge, Delta } from '../config/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';
import type { FleetEvents, FleetPurged, OpenReceiver, OwnFleet } from './fleet.ts';
import { Intake } from './intake.ts';

export class MemoryFleet implements OwnFleet {
  readonly names: ReadonlyArray<string>;
  readonly #intake: Intake;

  constructor(name: string, open: OpenReceiver, events: Pick<FleetEvents, 'onAck' | 'onTroubles' | 'log'>) {
    const { onAck, log } = events;
    this.names = [name];
    this.#intake = new Intake({
      name,
      open,
      onAck,
      onTroubles: (troubles) => events.onTroubles?.(name, troubles),
      onError: ({ stack }, { version }) => log.error({ version, error: stack }, 'config not applied'),
    });
  }

  send(delta: Delta): void {
    this.#intake.take(delta);
  }

  async metrics(): Promise<MetricsSnapshot[]> {
    return this.#intake.metrics();
  }

  async purge(purge: CachePurge): Promise<FleetPurged> {
    return { proxies: [{ name: this.names[0]!, ...(await this.#intake.purge(purge)) }], unanswered: [] };
  }

  async drain(timeout: number): Promise<void> {
    await this.#intake.drain(timeout);
  }

  async end(): Promise<void> {
    await this.#intake.drain(0);
  }
}
