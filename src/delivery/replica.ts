/**
 * What a data plane holds of the config that its controller sends, and its workers' acknowledgements as one.
 */
import { type Ack, type ConfigRef, type Delta, refKey, type Snapshot } from '../config/index.ts';
import { HeldConfig } from './held-config.ts';
import { mergedAck } from './merged-ack.ts';
import { merged } from './piece.ts';
import type { Rejection } from './rejections.ts';

/** A delta that some worker has not answered. */
interface Open {
  delta: Delta;
  /** Workers that have answered. */
  answered: Set<string>;
  /** What any of them could not use, by reference. */
  refused: Map<string, Rejection>;
}

export interface Settled {
  /** For the controller: the worst of all workers' answers. */
  ack: Ack;
  /** Deltas that every worker has answered since now. */
  reached: Delta[];
}

export class Replica {
  readonly #name: string;
  readonly #workers: ReadonlyArray<string>;
  readonly #acks = new Map<string, Ack>();
  readonly #open: Open[] = [];
  /** Objects whose newest form some worker refused; they are served in their last good form, if they had one. */
  readonly #rejected = new Map<string, Rejection>();
  /** What every worker serves: no form is in it that one of them refused. */
  readonly good: HeldConfig = new HeldConfig();

  constructor(name: string, workers: ReadonlyArray<string>) {
    this.#name = name;
    this.#workers = workers;
  }

  /** Listeners and certificates that the workers were told of. */
  get told(): Snapshot {
    return this.#open.reduce((snapshot, { delta }) => snapshot.apply(delta), this.good.objects);
  }

  /** What the workers were told, but for what they are known to refuse: for one that starts anew. */
  full(): Delta {
    return this.#open.reduce((before, { delta }) => merged(before, delta), this.good.full());
  }

  /** Notes a delta that goes to the workers. */
  take(delta: Delta): void {
    this.#open.push({ delta, answered: new Set(), refused: new Map() });
  }

  /** Takes a worker's answer in; undefined until every worker has answered once. */
  acknowledge(ack: Ack): Settled | undefined {
    this.#acks.set(ack.proxy, ack);
    const refused = new Map(ack.rejected.map((one) => [refKey(one), one]));
    for (const open of this.#open) {
      // Of several forms that came together only the last was tried, and a later answer speaks of a later form.
      if (open.delta.version > ack.version || open.answered.has(ack.proxy)) continue;
      open.answered.add(ack.proxy);
      for (const ref of open.delta.upserts) {
        const rejection = refused.get(refKey(ref));
        if (rejection !== undefined) open.refused.set(refKey(ref), rejection);
      }
    }
    const reached = this.#settle();
    const { version } = this.good;
    if (version === 0) return undefined;
    const acks = this.#workers.map((name) => this.#acks.get(name)!);
    const about = { proxy: this.#name, version, rejected: [...this.#rejected.values()] };
    return { ack: mergedAck(acks, about), reached };
  }

  /** Deltas become good in the order in which they came. */
  #settle(): Delta[] {
    const reached: Delta[] = [];
    while (this.#open.length > 0 && this.#open[0]!.answered.size === this.#workers.length) {
      const { delta, refused } = this.#open.shift()!;
      for (const ref of [...delta.removals, ...delta.upserts] as ConfigRef[]) this.#rejected.delete(refKey(ref));
      for (const [key, rejection] of refused) this.#rejected.set(key, rejection);
      const upserts = delta.upserts.filter((object) => !refused.has(refKey(object)));
      this.good.apply({ ...delta, upserts });
      reached.push(delta);
    }
    return reached;
  }
}
