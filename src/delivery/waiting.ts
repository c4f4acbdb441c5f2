/** Deltas that wait while another one is applied. */
import { setImmediate } from 'node:timers/promises';
import { type ConfigRef, type Delta, refKey } from '../config/index.ts';
import { Merge } from './piece.ts';
import type { Rejection } from './rejections.ts';

/** A delta, and what its reader set aside of it. */
interface Step {
  delta: Delta;
  refused: ReadonlyArray<Rejection>;
}

/** Objects that are put together in one turn: it takes a few tenths of a millisecond. */
export const TURN_OBJECTS = 256;

/** Steps that become one: of an object that several name, the last has the word. */
export class Waiting {
  readonly #steps: Step[] = [];

  /** Costs the same however much it holds. */
  add(step: Step): void {
    this.#steps.push(step);
  }

  /** One alone is given as it is. Several are put together a part at a time: requests get their turn between two parts. */
  async whole(): Promise<Step> {
    const [first, ...others] = this.#steps;
    if (first !== undefined && others.length === 0) return first;
    const merge = new Merge();
    const refused = new Map<string, Rejection>();
    let taken = 0;
    for (const step of this.#steps) {
      for (const part of partsOf(step.delta)) {
        merge.add(part);
        // What is said of an object's new form replaces what was said of an older one.
        if (refused.size > 0) for (const ref of refsOf(part)) refused.delete(refKey(ref));
        taken += 1 + part.upserts.length + part.removals.length;
        if (taken < TURN_OBJECTS) continue;
        taken = 0;
        await setImmediate();
      }
      for (const one of step.refused) refused.set(refKey(one), one);
    }
    return { delta: merge.delta, refused: [...refused.values()] };
  }
}

/** Of a bounded size, removals first, as they act. */
function* partsOf({ version, upserts, removals }: Delta): Generator<Delta, void> {
  yield { version, upserts: [], removals: removals.slice(0, TURN_OBJECTS) };
  for (let at = TURN_OBJECTS; at < removals.length; at += TURN_OBJECTS) {
    yield { version, upserts: [], removals: removals.slice(at, at + TURN_OBJECTS) };
  }
  for (let at = 0; at < upserts.length; at += TURN_OBJECTS) {
    yield { version, upserts: upserts.slice(at, at + TURN_OBJECTS), removals: [] };
  }
}

function refsOf({ upserts, removals }: Delta): ConfigRef[] {
  return [...upserts, ...removals];
}
