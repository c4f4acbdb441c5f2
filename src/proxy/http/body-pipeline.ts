/** Transforms of one body, one behind the other, between where it comes from and where it goes. */
import type { BodyOutput, BodyTransform, Denial, MakeTransform } from '../filter/index.ts';
import { MADE } from '../ground/region.ts';
import { FILTER_FAILED } from './filter-run.ts';

export interface BodyTarget {
  /** False: it is slow, and calls `drained` of the pipeline. */
  sendBody(start: number, end: number): boolean;
  passEnd(): void;
  passFlush(): void;
  /** The source may send more, after `write` said false. */
  ready(): void;
  failed(denial: Denial): void;
}

/** In the place of a transform that could not be made: the pipeline is closed then. */
const NONE: BodyTransform = { write: () => true, end() {}, drained() {}, close() {} };

/** A transform that throws has not said that the body may pass: it is treated as one that calls `fail`. */
export class BodyPipeline {
  readonly #target: BodyTarget;
  readonly #stages: Stage[] = [];
  /** The source is in the middle of a call, and will say itself when what came of it is to leave. */
  #feeding = false;
  #closed = false;

  constructor(transforms: ReadonlyArray<MakeTransform>, target: BodyTarget) {
    this.#target = target;
    for (let i = 0; i < transforms.length; i++) this.#stages.push(new Stage(this, i));
    for (const [i, make] of transforms.entries()) {
      if (this.#closed) return;
      const stage = this.#stages[i]!;
      stage.transform = this.#guarded(() => make(stage), NONE);
    }
  }

  /** False: no more before `ready` of the target. */
  write(bytes: Buffer): boolean {
    return this.#feed(() => this.#stages[0]!.transform.write(bytes));
  }

  end(): void {
    this.#feed(() => {
      this.#stages[0]!.transform.end();
      return true;
    });
  }

  /** The target takes bytes again. */
  drained(): void {
    if (!this.#closed) this.#guarded(() => this.#stages.at(-1)!.transform.drained(), undefined);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Whatever one of them throws, the others give back what they hold.
    for (const { transform } of this.#stages) this.#guarded(() => transform.close(), undefined);
  }

  #feed(call: () => boolean): boolean {
    if (this.#closed) return true;
    this.#feeding = true;
    const flowing = this.#guarded(call, true);
    this.#feeding = false;
    return flowing;
  }

  #guarded<T>(call: () => T, otherwise: T): T {
    try {
      return call();
    } catch {
      this.fail(FILTER_FAILED);
      return otherwise;
    }
  }

  // ── the stages' calls

  passOn(from: number, bytes: Buffer): boolean {
    if (this.#closed) return true;
    const next = this.#stages[from + 1];
    if (next !== undefined) return next.transform.write(bytes);
    const flowing = MADE.pass(bytes, this.#target);
    if (!this.#feeding && !this.#closed) this.#target.passFlush();
    return flowing;
  }

  passEnd(from: number): void {
    if (this.#closed) return;
    const next = this.#stages[from + 1];
    if (next !== undefined) return next.transform.end();
    this.#closed = true;
    this.#target.passEnd();
  }

  ready(from: number): void {
    if (this.#closed) return;
    if (from === 0) this.#target.ready();
    else this.#guarded(() => this.#stages[from - 1]!.transform.drained(), undefined);
  }

  /** Told only after the source has returned: it may be in the middle of a read from what is to be closed then. */
  fail(denial: Denial): void {
    if (this.#closed) return;
    this.close();
    queueMicrotask(() => this.#target.failed(denial));
  }
}

class Stage implements BodyOutput {
  transform: BodyTransform = NONE;
  readonly #pipeline: BodyPipeline;
  readonly #index: number;

  constructor(pipeline: BodyPipeline, index: number) {
    this.#pipeline = pipeline;
    this.#index = index;
  }

  write(bytes: Buffer): boolean {
    return this.#pipeline.passOn(this.#index, bytes);
  }

  end(): void {
    this.#pipeline.passEnd(this.#index);
  }

  ready(): void {
    this.#pipeline.ready(this.#index);
  }

  fail(denial: Denial): void {
    this.#pipeline.fail(denial);
  }
}
