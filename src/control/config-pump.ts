/** Changes of the config on their way to the data planes: one batch at a time, through the overlay. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConfigChange, ConfigObject } from '../config/index.ts';
import type { Collection } from '../graph/index.ts';

/** Puts something else in the place of what was translated, such as an echo where a Service has no endpoints. */
export interface Overlay {
  /** What these changes come to, overlaid. Calls follow one another, each awaited. */
  apply(changes: ReadonlyArray<ConfigChange>): Promise<ConfigChange[]>;
}

/** Takes the next batch; `since`: when its first change came. */
export type TakeChanges = (changes: ReadonlyArray<ConfigChange>, since: number) => Promise<void> | void;

export interface ConfigPumpParts {
  config: Collection<ConfigObject>;
  publish: TakeChanges;
  /** All that there was at the beginning has been published. */
  onBegun?(): void;
  overlay?: Overlay | undefined;
  /** What there is at the beginning may go out in parts: nobody who serves has it yet. */
  inParts?: boolean;
}

/** Objects of the config that are published in a turn at the beginning: a quarter of a millisecond each, at most. */
const PART = 100;

export class ConfigPump {
  readonly #parts: ConfigPumpParts;
  readonly #unsubscribe: () => void;
  #pending: ConfigChange[] = [];
  #pendingSince = 0;
  #pumping = false;
  #hasBegun = false;
  #hasStopped = false;
  #waiting: Array<() => void> = [];

  /** All there is, and from then on every change. */
  constructor(parts: ConfigPumpParts) {
    const { config } = parts;
    this.#parts = parts;
    this.#unsubscribe = config.subscribe((changes) => this.#take(changes));
    this.#take(Array.from(config.values(), (after) => ({ after })));
  }

  stop(): void {
    this.#hasStopped = true;
    this.#unsubscribe();
  }

  /** Fulfilled when all that has come so far has been published. */
  published(): Promise<void> {
    return this.#pumping ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  #take(changes: ReadonlyArray<ConfigChange>): void {
    if (this.#pending.length === 0) this.#pendingSince = performance.now();
    // One by one: a call takes no more arguments than its stack has room for, and thousands of routes may come at once.
    for (const change of changes) this.#pending.push(change);
    if (!this.#pumping) void this.#pump();
  }

  // One batch at a time, since the overlay may have to start an echo; what comes meanwhile is the next batch.
  async #pump(): Promise<void> {
    const { overlay, publish, inParts, onBegun } = this.#parts;
    this.#pumping = true;
    do {
      const since = this.#pendingSince;
      const taken = this.#pending.splice(0);
      const waiting = this.#waiting.splice(0);
      const changes = (await overlay?.apply(taken)) ?? taken;
      if (this.#hasBegun) await publish(changes, since);
      else {
        this.#hasBegun = true;
        if (inParts) await this.#publishInParts(changes, since);
        else await publish(changes, since);
        onBegun?.();
      }
      for (const resolve of waiting) resolve();
    } while (this.#pending.length > 0);
    this.#pumping = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #publishInParts(changes: ReadonlyArray<ConfigChange>, since: number): Promise<void> {
    for (let at = 0; at === 0 || at < changes.length; at += PART) {
      if (this.#hasStopped) return;
      await this.#parts.publish(changes.slice(at, at + PART), since);
      await nextTurn();
    }
  }
}
