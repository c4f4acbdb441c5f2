/**
 * Whose look comes next. Who never answers holds up his own endpoints only: a namespace takes no more of the places for
 * looks than it leaves free, and a backend a quarter of that, so that whoever comes finds one.
 */

import { type Deadline, type DeadlineOwner, type DeadlineWheel, WHEEL_TICK } from '../ground/deadline.ts';

/** Looks that begin within a turn of the wheel (50 ms), in a worker: whatever policies ask for, requests come first. */
export const MAX_PROBES_OF_TURN = 100;
/** Looks under way at a time, in a worker. */
export const MAX_PROBES = 512;
/** And of one backend. */
export const MAX_PROBES_OF_BACKEND = 64;

interface Lane {
  readonly name: string;
  readonly owner: Owner;
  underway: number;
  waiting: Array<() => void>;
}

interface Owner {
  readonly name: string;
  underway: number;
  lanes: number;
  /** Those with looks that wait, in turn. */
  readonly turns: Set<Lane>;
}

export class ProbeQueue implements DeadlineOwner {
  readonly #wheel: DeadlineWheel;
  /** When the next ones may begin. */
  readonly #next: Deadline;
  #turn = { at: 0, begun: 0 };
  /** Those with looks that wait or are under way. */
  readonly #lanes = new Map<string, Lane>();
  /** Namespaces of lanes. */
  readonly #owners = new Map<string, Owner>();
  /** Those with looks that wait, in turn. */
  readonly #turns = new Set<Owner>();
  #underway = 0;

  constructor(wheel: DeadlineWheel) {
    this.#wheel = wheel;
    this.#next = wheel.borrow(this);
  }

  onDeadline(): void {
    this.#go();
  }

  /** `begin` is called now or later; `done` is owed for each. A lane is `namespace/backend`. */
  ask(lane: string, begin: () => void): void {
    const own = this.#lanes.get(lane) ?? this.#open(lane);
    own.waiting.push(begin);
    own.owner.turns.add(own);
    this.#turns.add(own.owner);
    this.#go();
  }

  done(lane: string): void {
    const own = this.#lanes.get(lane)!;
    own.underway--;
    own.owner.underway--;
    this.#underway--;
    if (own.waiting.length === 0 && own.underway === 0) this.#close(own);
    this.#go();
  }

  #open(name: string): Lane {
    const namespace = name.slice(0, Math.max(name.indexOf('/'), 0)) || name;
    let owner = this.#owners.get(namespace);
    if (owner === undefined) {
      this.#owners.set(namespace, (owner = { name: namespace, underway: 0, lanes: 0, turns: new Set() }));
    }
    owner.lanes++;
    const lane: Lane = { name, owner, underway: 0, waiting: [] };
    this.#lanes.set(name, lane);
    return lane;
  }

  #close({ name, owner }: Lane): void {
    this.#lanes.delete(name);
    if (--owner.lanes === 0) this.#owners.delete(owner.name);
  }

  #mayBegin(): boolean {
    const { now } = this.#wheel;
    if (this.#turn.at !== now) this.#turn = { at: now, begun: 0 };
    if (this.#turn.begun < MAX_PROBES_OF_TURN) return this.#underway < MAX_PROBES;
    this.#wheel.set(this.#next, WHEEL_TICK);
    return false;
  }

  /** A backend has a quarter of what it leaves free, or one: those that are passed over are few, since all of them have. */
  #nextOf(owner: Owner): Lane | undefined {
    const room = MAX_PROBES - this.#underway - owner.underway;
    if (room <= 0) return undefined;
    for (const lane of owner.turns) {
      if (lane.underway < MAX_PROBES_OF_BACKEND && 4 * lane.underway < room) return lane;
    }
    return undefined;
  }

  /** Who has begun stands at the end of the line: a set goes in the order in which its members came. */
  #go(): void {
    for (const owner of this.#turns) {
      if (!this.#mayBegin()) return;
      const lane = this.#nextOf(owner);
      if (lane === undefined) continue;
      const begin = lane.waiting.shift()!;
      owner.turns.delete(lane);
      if (lane.waiting.length > 0) owner.turns.add(lane);
      this.#turns.delete(owner);
      if (owner.turns.size > 0) this.#turns.add(owner);
      lane.underway++;
      owner.underway++;
      this.#underway++;
      this.#turn.begun++;
      begin();
    }
  }
}
