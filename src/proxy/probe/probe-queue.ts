/** Whose look comes next. No backend waits for another's: who never answers holds up its own endpoints only. */

import { type Deadline, type DeadlineOwner, type DeadlineWheel, WHEEL_TICK } from '../ground/deadline.ts';

/** Looks that begin within a turn of the wheel (50 ms), in a worker: whatever policies ask for, requests come first. */
export const MAX_PROBES_OF_TURN = 100;
/** Looks under way at a time, in a worker. */
export const MAX_PROBES = 512;
/** And of one backend. */
export const MAX_PROBES_OF_BACKEND = 64;

interface Lane {
  underway: number;
  waiting: Array<() => void>;
}

export class ProbeQueue implements DeadlineOwner {
  readonly #wheel: DeadlineWheel;
  /** When the next ones may begin. */
  readonly #next: Deadline;
  #turn = { at: 0, begun: 0 };
  /** Those with looks that wait or are under way. */
  readonly #lanes = new Map<string, Lane>();
  /** Names of lanes with looks that could begin, in turn. */
  readonly #turns = new Set<string>();
  #underway = 0;

  constructor(wheel: DeadlineWheel) {
    this.#wheel = wheel;
    this.#next = wheel.borrow(this);
  }

  onDeadline(): void {
    this.#go();
  }

  /** `begin` is called now or later; `done` is owed for each. */
  ask(lane: string, begin: () => void): void {
    let own = this.#lanes.get(lane);
    if (own === undefined) this.#lanes.set(lane, (own = { underway: 0, waiting: [] }));
    own.waiting.push(begin);
    if (own.underway < MAX_PROBES_OF_BACKEND) this.#turns.add(lane);
    this.#go();
  }

  done(lane: string): void {
    const own = this.#lanes.get(lane)!;
    own.underway--;
    this.#underway--;
    if (own.waiting.length > 0) this.#turns.add(lane);
    else if (own.underway === 0) this.#lanes.delete(lane);
    this.#go();
  }

  #mayBegin(): boolean {
    const { now } = this.#wheel;
    if (this.#turn.at !== now) this.#turn = { at: now, begun: 0 };
    if (this.#turn.begun < MAX_PROBES_OF_TURN) return this.#underway < MAX_PROBES;
    this.#wheel.set(this.#next, WHEEL_TICK);
    return false;
  }

  #go(): void {
    for (const name of this.#turns) {
      if (!this.#mayBegin()) return;
      const lane = this.#lanes.get(name)!;
      const begin = lane.waiting.shift()!;
      this.#turns.delete(name);
      lane.underway++;
      this.#underway++;
      this.#turn.begun++;
      // At the end of the line: a set goes in the order in which names came.
      if (lane.waiting.length > 0 && lane.underway < MAX_PROBES_OF_BACKEND) this.#turns.add(name);
      begin();
    }
  }
}
