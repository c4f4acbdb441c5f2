/**
 * What reading and compiling leave behind is given back to the system once a process is at rest: V8 by itself keeps the
 * room that its heap has grown to for as long as nothing asks for it (docs/decisions/worker-processes.md).
 */
import v8 from 'node:v8';
import vm from 'node:vm';

/** Milliseconds without a change after which a process is at rest. */
export const REST = 5_000;
/** Objects of the config that must have changed: below this there is little to give back. */
export const LARGE_CHANGE = 1_000;

/** Stops everything for 30 ms, and 100 more where thousands of routes are held. */
export function returnMemory(): void {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc') as NodeJS.GCFunction;
  // Also what is kept for an allocation that may come: young generation, pages that are empty, code that ran once.
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' } as NodeJS.GCOptions);
}

/** Of a process that serves nothing, and may stop for a moment. */
export class MemoryReturn {
  readonly #collect: () => void;
  /** What the start has read is large. */
  #changed: number = LARGE_CHANGE;
  #timer: NodeJS.Timeout | undefined;

  constructor(collect: () => void = returnMemory) {
    this.#collect = collect;
  }

  /** So many objects have changed, and are served. */
  changed(objects: number): void {
    this.#changed += objects;
    if (this.#changed < LARGE_CHANGE) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rest(), REST).unref();
  }

  #rest(): void {
    this.#changed = 0;
    this.#collect();
  }
}
