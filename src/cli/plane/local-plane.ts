/** One proxy in this process. */
import type { Delta } from '../../config/index.ts';
import { Metrics, type MetricsSnapshot } from '../../observe/index.ts';
import { createProxy, type Proxy as ServedProxy } from '../../proxy/index.ts';
import { type AccessTap, accessTap } from './access-tap.ts';
import { type DataPlane, type PlaneEvents, type PlaneSetup, proxyOptions } from './data-plane.ts';
import { Rejections } from './rejections.ts';

const NAME = 'worker-0';

export class LocalPlane implements DataPlane {
  readonly names = [NAME];
  readonly #events: PlaneEvents;
  readonly #proxy: ServedProxy;
  readonly #metrics = new Metrics();
  readonly #rejections = new Rejections();
  readonly #access: AccessTap;
  #last: Promise<void> = Promise.resolve();

  constructor(setup: PlaneSetup, events: PlaneEvents) {
    this.#events = events;
    this.#access = accessTap(setup, this.#metrics, { shared: false });
    this.#proxy = createProxy({
      ...proxyOptions(setup, NAME),
      reusePort: false,
      onAck: (ack) => events.onAck(this.#rejections.complete(ack)),
      ...(this.#access.onAccess ? { onAccess: this.#access.onAccess } : {}),
    });
  }

  send(delta: Delta): void {
    this.#last = this.#last
      .then(() => this.#apply(delta))
      .catch((error: Error) =>
        this.#events.log.error({ version: delta.version, error: error.stack }, 'config not applied'),
      );
  }

  async #apply(delta: Delta): Promise<void> {
    const ack = await this.#proxy.apply(delta);
    this.#rejections.replaced(delta);
    this.#events.onAck(this.#rejections.complete(ack));
  }

  async metrics(): Promise<MetricsSnapshot[]> {
    return [this.#proxy.metrics(), this.#metrics.snapshot()];
  }

  async drain(timeout: number): Promise<void> {
    await this.#last;
    await this.#proxy.drain(timeout);
    await this.#access.close();
  }
}
