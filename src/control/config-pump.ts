/** Changes of the config on their way to the data planes: one batch at a time, through the overlay. */
import type { ConfigChange, ConfigObject } from '../config/index.ts';
import type { Collection } from '../graph/index.ts';

/** Puts something else in the place of what was translated, such as an echo where a Service has no endpoints. */
export interface Overlay {
  /** What these changes come to, overlaid. Calls follow one another, each awaited. */
  apply(changes: ReadonlyArray<ConfigChange>): Promise<ConfigChange[]>;
}

/** Takes the next batch; `since`: when its first change came. */
export type TakeChanges = (changes: ReadonlyArray<ConfigChange>, since: number) => void;

export class ConfigPump {
  readonly #overlay: Overlay | undefined;
  readonly #publish: TakeChanges;
  readonly #unsubscribe: () => void;
  #pending: ConfigChange[] = [];
  #pendingSince = 0;
  #pumping = false;

  /** All there is, and from then on every change. */
  constructor(config: Collection<ConfigObject>, publish: TakeChanges, overlay?: Overlay) {
    this.#overlay = overlay;
    this.#publish = publish;
    this.#unsubscribe = config.subscribe((changes) => this.#take(changes));
    this.#take(Array.from(config.values(), (after) => ({ after })));
  }

  stop(): void {
    this.#unsubscribe();
  }

  #take(changes: ReadonlyArray<ConfigChange>): void {
    if (this.#pending.length === 0) this.#pendingSince = performance.now();
    this.#pending.push(...changes);
    if (!this.#pumping) void this.#pump();
  }

  // One batch at a time, since the overlay may have to start an echo; what comes meanwhile is the next batch.
  async #pump(): Promise<void> {
    this.#pumping = true;
    do {
      const since = this.#pendingSince;
      const taken = this.#pending.splice(0);
      this.#publish((await this.#overlay?.apply(taken)) ?? taken, since);
    } while (this.#pending.length > 0);
    this.#pumping = false;
  }
}
