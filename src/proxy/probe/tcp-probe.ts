/** A look that only opens a connection, with its TLS where the backend has it, and says nothing. */
import { connectFailure } from '../ground/connect-failure.ts';
import type { Deadline, DeadlineOwner } from '../ground/deadline.ts';
import type { Link, Sink } from '../ground/driver.ts';
import { FINE, failureFinding, NOTHING } from './finding.ts';
import type { Probe, ProbeOrder } from './probe.ts';

export class TcpProbe implements Probe, Sink, DeadlineOwner {
  readonly #order: ProbeOrder;
  readonly #link: Link;
  readonly #deadline: Deadline;
  #over = false;

  constructor(order: ProbeOrder) {
    this.#order = order;
    const { driver, wheel } = order.site.world;
    this.#deadline = wheel.borrow(this);
    wheel.set(this.#deadline, order.timeout);
    this.#link = driver.connect(order.site.target, this);
  }

  abort(): void {
    if (!this.#over) this.#release('reset');
  }

  onOpen(): void {
    this.#finish(FINE, 'leave');
  }

  onClose(error: NodeJS.ErrnoException | undefined): void {
    const why = connectFailure(error);
    this.#finish(why === 'limit' ? NOTHING : failureFinding(why), 'reset');
  }

  onEnd(): void {
    this.#finish(failureFinding('closed_early'), 'reset');
  }

  onDeadline(): void {
    this.#finish(failureFinding('connect_timeout'), 'reset');
  }

  onBytes(): void {}
  onDrain(): void {}

  #release(how: 'leave' | 'reset'): void {
    this.#over = true;
    this.#order.site.world.wheel.giveBack(this.#deadline);
    this.#link.close(how);
  }

  #finish(finding: number, how: 'leave' | 'reset'): void {
    if (this.#over) return;
    this.#release(how);
    queueMicrotask(() => this.#order.done(finding));
  }
}
