/** One proxy a worker process; the workers share the ports. */
import { randomBytes } from 'node:crypto';
import type { Delta } from '../../config/index.ts';
import { Metrics, type MetricsSnapshot } from '../../observe/index.ts';
import type { DataPlane, PlaneEvents, PlaneSetup } from './data-plane.ts';
import { WorkerProcess } from './worker-process.ts';

/** Of the keys of TLS session tickets, which live as long as the run. */
const TICKET_KEY_BYTES = 48;

export class WorkerPlane implements DataPlane {
  readonly names: ReadonlyArray<string>;
  readonly #workers: WorkerProcess[];
  readonly #metrics = new Metrics();

  constructor(count: number, setup: PlaneSetup, events: PlaneEvents) {
    this.names = Array.from({ length: count }, (_, i) => `worker-${i}`);
    const shared = { ...setup, ticketKeys: randomBytes(TICKET_KEY_BYTES).toString('base64') };
    this.#workers = this.names.map((name) => new WorkerProcess(name, shared, events));
  }

  send(delta: Delta): void {
    for (const worker of this.#workers) worker.send(delta);
  }

  async metrics(): Promise<MetricsSnapshot[]> {
    const restarts = this.#metrics.counter('daemun_worker_restarts_total', 'Workers started again after a crash.');
    restarts.value = this.#workers.reduce((sum, worker) => sum + worker.restarts, 0);
    const answers = await Promise.all(this.#workers.map((worker) => worker.metrics()));
    return [...answers.flat(), this.#metrics.snapshot()];
  }

  async drain(timeout: number): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.drain(timeout)));
  }
}
