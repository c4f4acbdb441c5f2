/**
 * Whose look comes next. Who never answers holds up his own endpoints only: namespaces share the places for looks as tenants
 * do (turns/fair-places.ts), and so do the backends of one, where those that answer go before those that never do.
 */
import { type Deadline, type DeadlineOwner, type DeadlineWheel, WHEEL_TICK } from '../ground/deadline.ts';
import { FairPlaces, type Waiter } from '../turns/index.ts';

/** Looks that begin within a turn of the wheel (50 ms), in a worker: whatever policies ask for, requests come first. */
export const MAX_PROBES_OF_TURN = 100;
/** Looks under way at a time, in a worker. */
export const MAX_PROBES = 512;
/** And of one backend. */
export const MAX_PROBES_OF_BACKEND = 64;

export class ProbeQueue implements DeadlineOwner {
  readonly #wheel: DeadlineWheel;
  /** When the next ones may begin. */
  readonly #next: Deadline;
  readonly #places: FairPlaces;
  #turn = { at: 0, begun: 0 };

  constructor(wheel: DeadlineWheel) {
    this.#wheel = wheel;
    this.#next = wheel.borrow(this);
    this.#places = new FairPlaces({
      all: MAX_PROBES,
      ofLine: MAX_PROBES_OF_BACKEND,
      mayBegin: () => this.#mayBegin(),
    });
  }

  onDeadline(): void {
    this.#places.go();
  }

  /** `begin` is called now or later; `done` is owed for each. A lane is `namespace/backend`. */
  ask(lane: string, begin: () => void): void {
    this.#places.ask(waiterOf(lane), () => {
      this.#turn.begun++;
      begin();
    });
  }

  /** After so many milliseconds. */
  done(lane: string, milliseconds: number): void {
    this.#places.done(waiterOf(lane), milliseconds);
  }

  #mayBegin(): boolean {
    const { now } = this.#wheel;
    if (this.#turn.at !== now) this.#turn = { at: now, begun: 0 };
    if (this.#turn.begun < MAX_PROBES_OF_TURN) return true;
    this.#wheel.set(this.#next, WHEEL_TICK);
    return false;
  }
}

function waiterOf(lane: string): Waiter {
  return { tenant: lane.slice(0, Math.max(lane.indexOf('/'), 0)) || lane, line: lane };
}
