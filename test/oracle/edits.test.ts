/**
 * Edits of a world by chance while requests run: each answer is that of a world which was served while it was asked, and
 * what two worlds answer the same neither fails nor changes. ORACLE_SEED and ORACLE_EDITS as in routing.test.ts.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { edited, edits, writtenAfter } from './random-edit.ts';
import { requests } from './random-request.ts';
import { worlds } from './random-world.ts';
import type { Request, World } from './resource.ts';
import { ServedWorld } from './served-world.ts';

const SEED = Number(process.env.ORACLE_SEED ?? 20_261_130);
const EDITS = Number(process.env.ORACLE_EDITS ?? 40);
const CLIENTS = 3;
/** Of one world on, until the next takes its place. */
const EDITS_OF_A_WORLD = 20;
const QUESTIONS = 100;
const HOUR = 3_600_000;

let served: ServedWorld;
beforeAll(async () => {
  served = await ServedWorld.start();
});
afterAll(() => served.close());

class Askers {
  /** Those that may be served: the last is the newest. */
  readonly #states: World[];
  readonly faults: string[] = [];
  asked = 0;
  #stopped = false;
  readonly #running: Array<Promise<void>>;

  constructor(first: World, questions: readonly Request[]) {
    this.#states = [first];
    this.#running = Array.from({ length: CLIENTS }, (_, at) => this.#run(at, questions));
  }

  async #run(start: number, questions: readonly Request[]): Promise<void> {
    for (let at = start; !this.#stopped; at += CLIENTS) {
      // It grows while the answer is under way, and each of them may be what answers.
      const states = [...this.#states];
      this.#open.add(states);
      const fault = await served.fault(states, questions[at % questions.length]!);
      this.#open.delete(states);
      this.asked++;
      if (fault !== undefined) this.faults.push(fault);
    }
  }

  readonly #open = new Set<World[]>();

  begins(next: World): void {
    this.#states.push(next);
    for (const states of this.#open) states.push(next);
  }

  /** All before the newest are served no more. */
  ended(): void {
    this.#states.splice(0, this.#states.length - 1);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }
}

async function edit(world: World, list: readonly Edit[], questions: readonly Request[]): Promise<void> {
  await served.show(world);
  const askers = new Askers(world, questions);
  try {
    let now = world;
    for (const one of list) {
      const next = edited(now, one);
      askers.begins(next);
      await served.show(writtenAfter(now, one));
      askers.ended();
      now = next;
      expect(askers.faults.slice(0, 3), one.what).toEqual([]);
      if (one.what !== 'break') expect(served.statusFaults(now)).toEqual([]);
    }
  } finally {
    await askers.stop();
  }
  expect(askers.faults.slice(0, 3)).toEqual([]);
  expect(askers.asked).toBeGreaterThan(list.length);
}

type Edit = typeof edits extends fc.Arbitrary<infer E> ? E : never;

test(`no edit costs an answer that it does not mean (seed ${SEED})`, { timeout: HOUR }, async () => {
  const rounds = Math.ceil(EDITS / EDITS_OF_A_WORLD);
  const of = { seed: SEED, numRuns: rounds };
  const lists = fc.sample(fc.array(edits, { minLength: EDITS_OF_A_WORLD, maxLength: EDITS_OF_A_WORLD }), of);
  const questions = fc.sample(requests, { seed: SEED, numRuns: QUESTIONS });
  for (const [at, world] of fc.sample(worlds, of).entries()) await edit(world, lists[at]!, questions);
});
