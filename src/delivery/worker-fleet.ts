/** One proxy a worker process; the workers share the ports. */
import type { CachePurge, Delta } from '../config/index.ts';
import { Metrics, type MetricsSnapshot } from '../observe/index.ts';
import type { FleetPurged, OwnFleet, WorkerEvents } from './fleet.ts';
import { WorkerProcess, type WorkerProgram } from './worker-process.ts';

export class WorkerFleet implements OwnFleet {
  readonly names: ReadonlyArray<string>;
  readonly #workers: WorkerProcess[];
  readonly #metrics = new Metrics();

  constructor(count: number, program: WorkerProgram, events: WorkerEvents) {
    this.names = Array.from({ length: count }, (_, i) => `worker-${i}`);
    const onInvalidate = (worker: string, purges: CachePurge[]): void => {
      for (const other of this.#workers) if (other.name !== worker) other.invalidate(purges);
    };
    this.#workers = this.names.map((name) => new WorkerProcess(name, program, { ...events, onInvalidate }));
  }

  get silent(): ReadonlyArray<string> {
    return this.#workers.filter(({ isSilent }) => isSilent).map(({ name }) => name);
  }

  send(delta: Delta): void {
    for (const worker of this.#workers) worker.send(delta);
  }

  async metrics(): Promise<MetricsSnapshot[]> {
    const restarts = this.#metrics.counter('daemun_worker_restarts_total', 'Workers started again after a crash.');
    restarts.value = this.#workers.reduce((sum, worker) => sum + worker.restarts, 0);
    const frozen = this.#metrics.counter('daemun_worker_frozen_total', 'Workers ended since they did not answer.');
    frozen.value = this.#workers.reduce((sum, worker) => sum + worker.frozen, 0);
    const answers = await Promise.all(this.#workers.map((worker) => worker.metrics()));
    return [...answers.flat(), this.#metrics.snapshot()];
  }

  async purge(purge: CachePurge): Promise<FleetPurged> {
    const answers = await Promise.all(
      this.#workers.map(async (worker) => ({ name: worker.name, purged: await worker.purge(purge) })),
    );
    return {
      proxies: answers.flatMap(({ name, purged }) => (purged === undefined ? [] : [{ name, ...purged }])),
      unanswered: answers.flatMap(({ name, purged }) => (purged === undefined ? [name] : [])),
    };
  }

  async drain(timeout: number): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.drain(timeout)));
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.end()));
  }
}
