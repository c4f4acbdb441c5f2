/** What of a delta can be used: all of it, nearly always; else all but the objects that make it fail. */
import type { Ack, ConfigKind, ConfigObject, ConfigRef, Delta } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { inSlices } from '../ground/slice.ts';

export type Rejection = Ack['rejected'][number];

export interface SiftParts<C> {
  /** What of an object takes long, in small steps; nothing that serves changes by it. */
  beforehand?(object: ConfigObject): Generator<void, void, void>;
  /** Why the object cannot be used, whatever is around it. */
  fault(object: ConfigObject): DaemunError | undefined;
  /** What is used instead of an object that cannot be; undefined: the form that is held, or nothing. */
  standIn(object: ConfigObject, fault: DaemunError): ConfigObject | undefined;
  /** Rejects where the objects cannot be used together. */
  compile(delta: Delta): Promise<C>;
  /** Lets go of what was compiled only to see whether it can be. */
  discard(compiled: C): void;
}

type Step = { upsert: ConfigObject } | { removal: ConfigRef };

/** What others stand on comes first, so that of two that do not go together the one on top is at fault. */
const RANK: Readonly<Record<ConfigKind, number>> = {
  Listener: 0,
  Backend: 1,
  Endpoints: 2,
  RouteRule: 3,
  Certificate: 4,
  TrustBundle: 5,
  Challenge: 6,
  Credential: 7,
  Policy: 8,
};

/** Rejects only where not even an empty delta can be compiled. */
export async function sift<C>(delta: Delta, parts: SiftParts<C>): Promise<{ compiled: C; rejected: Rejection[] }> {
  const { upserts, rejected } = await inSlices(usable(delta.upserts, parts));
  const sound = { ...delta, upserts };
  try {
    return { compiled: await parts.compile(sound), rejected };
  } catch {
    const search = new Search(delta.version, parts, rejected);
    await search.take(sound.removals.map((removal) => ({ removal })));
    await search.take(upserts.sort((a, b) => RANK[a.kind] - RANK[b.kind]).map((upsert) => ({ upsert })));
    return { compiled: await parts.compile(deltaOf(delta.version, search.accepted)), rejected };
  }
}

function* usable<C>(
  objects: readonly ConfigObject[],
  parts: SiftParts<C>,
): Generator<void, { upserts: ConfigObject[]; rejected: Rejection[] }, void> {
  const upserts: ConfigObject[] = [];
  const rejected: Rejection[] = [];
  for (const object of objects) {
    if (parts.beforehand !== undefined) yield* parts.beforehand(object);
    const fault = parts.fault(object);
    if (fault !== undefined) rejected.push(rejectionOf(object, fault));
    const used = fault === undefined ? object : parts.standIn(object, fault);
    if (used !== undefined) upserts.push(used);
    yield;
  }
  return { upserts, rejected };
}

/** Halves what fails until it is a single object; each half stands on what was accepted before it. */
class Search<C> {
  readonly accepted: Step[] = [];
  readonly #version: number;
  readonly #parts: SiftParts<C>;
  readonly #rejected: Rejection[];

  constructor(version: number, parts: SiftParts<C>, rejected: Rejection[]) {
    this.#version = version;
    this.#parts = parts;
    this.#rejected = rejected;
  }

  async take(steps: readonly Step[]): Promise<void> {
    const [first] = steps;
    if (first === undefined) return;
    const error = await this.#try(steps);
    if (error === undefined) return;
    if (steps.length === 1) return this.#reject(first, error);
    const half = steps.length >> 1;
    await this.take(steps.slice(0, half));
    await this.take(steps.slice(half));
  }

  async #try(steps: readonly Step[]): Promise<{ thrown: unknown } | undefined> {
    try {
      this.#parts.discard(await this.#parts.compile(deltaOf(this.#version, [...this.accepted, ...steps])));
      this.accepted.push(...steps);
      return undefined;
    } catch (thrown) {
      return { thrown };
    }
  }

  async #reject(step: Step, { thrown }: { thrown: unknown }): Promise<void> {
    const ref = 'upsert' in step ? step.upsert : step.removal;
    const fault = faultOf(ref, thrown);
    // Of a stand-in that fails too it has been said already.
    const known = this.#rejected.some(({ kind, key }) => kind === ref.kind && key === ref.key);
    if (!known) this.#rejected.push(rejectionOf(ref, fault));
    const instead = 'upsert' in step ? this.#parts.standIn(step.upsert, fault) : undefined;
    if (instead !== undefined) await this.#try([{ upsert: instead }]);
  }
}

function deltaOf(version: number, steps: readonly Step[]): Delta {
  const delta: Delta = { version, upserts: [], removals: [] };
  for (const step of steps) {
    if ('upsert' in step) delta.upserts.push(step.upsert);
    else delta.removals.push(step.removal);
  }
  return delta;
}

/** Whatever went wrong with an object, as an error that can be told. */
export function faultOf({ kind, key }: ConfigRef, thrown: unknown): DaemunError {
  if (thrown instanceof DaemunError) return thrown;
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new DaemunError('DMN_CONFIG_INVALID', `${kind} ${key} cannot be used: ${why}`, { cause: thrown });
}

function rejectionOf({ kind, key }: ConfigRef, { code, message }: DaemunError): Rejection {
  return { kind, key, code, message };
}
