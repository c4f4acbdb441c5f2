/** A worker process: one proxy, told what to serve by its parent. */
import { type Delta, readDelta } from '../../config/index.ts';
import { Metrics } from '../../observe/index.ts';
import { createProxy, type Proxy as ServedProxy } from '../../proxy/index.ts';
import { type AccessTap, accessTap } from './access-tap.ts';
import { type PlaneSetup, proxyOptions } from './data-plane.ts';
import { Rejections } from './rejections.ts';
import type { FromWorker, ToWorker } from './worker-message.ts';

class Worker {
  readonly #proxy: ServedProxy;
  readonly #metrics = new Metrics();
  readonly #rejections = new Rejections();
  readonly #access: AccessTap;
  #last: Promise<void> = Promise.resolve();

  constructor(name: string, setup: PlaneSetup) {
    this.#access = accessTap(setup, this.#metrics, { shared: true });
    this.#proxy = createProxy({
      ...proxyOptions(setup, name),
      reusePort: true,
      onAck: (ack) => say({ type: 'ack', ack: this.#rejections.complete(ack) }),
      ...(this.#access.onAccess ? { onAccess: this.#access.onAccess } : {}),
    });
  }

  receive(message: Exclude<ToWorker, { type: 'start' }>): void {
    switch (message.type) {
      case 'delta':
        this.#last = this.#last.then(() => this.#apply(message.delta));
        return;
      case 'metrics':
        say({ type: 'metrics', id: message.id, snapshots: [this.#proxy.metrics(), this.#metrics.snapshot()] });
        return;
      case 'drain':
        void this.#drain(message.timeout);
        return;
    }
  }

  async #apply(received: Delta): Promise<void> {
    const { delta, refused } = readDelta(received);
    const ack = await this.#proxy.apply(delta);
    this.#rejections.replaced(received);
    const rejected = refused.map((object) => ({ ...object, code: 'DMN_CONFIG_INVALID' }));
    say({ type: 'ack', ack: this.#rejections.complete(ack, rejected) });
  }

  /** Writes what is left of the access log, and ends. */
  async abandon(): Promise<void> {
    await this.#access.close();
    process.exit(1);
  }

  async #drain(timeout: number): Promise<void> {
    await this.#last;
    await this.#proxy.drain(timeout);
    await this.#access.close();
    say({ type: 'drained' });
    process.exit(0);
  }
}

function say(message: FromWorker): void {
  process.send?.(message);
}

// A Ctrl-C reaches the whole process group; the parent decides how its workers end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
// Without a parent nobody keeps the config true, and a new parent needs the ports.
process.on('disconnect', () => void (worker?.abandon() ?? process.exit(1)));

let worker: Worker | undefined;
process.on('message', (message: ToWorker) => {
  if (message.type === 'start') worker = new Worker(message.name, message.setup);
  else worker?.receive(message);
});
