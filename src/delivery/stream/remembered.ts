import type { Ack, ListenerState } from '../../config/index.ts';

/**
 * Characters that the data planes of one Gateway may have a controller remember of what they say, together: 100 of them that
 * come back with 10,000 objects each say 160 million. Who has a token of theirs fills no controller's memory, which is
 * everybody's.
 */
export const MAX_REMEMBERED: number = 256 * 1024 * 1024;
/** What an entry weighs besides its characters, as far as that matters. */
const ENTRY = 64;

export class Remembered {
  readonly #sizes = new Map<unknown, number>();
  readonly #most: number;
  #all = 0;

  constructor(most: number = MAX_REMEMBERED) {
    this.#most = most;
  }

  /** Of somebody, in the place of what was noted before. Throws where it is too much; 0 always has room. */
  note(of: unknown, size: number): void {
    this.#all += size - (this.#sizes.get(of) ?? 0);
    if (size === 0) this.#sizes.delete(of);
    else this.#sizes.set(of, size);
    if (size > 0 && this.#all > this.#most) throw new RangeError('the data planes of its Gateway say too much');
  }
}

export function sizeOfHeld(objects: ReadonlyArray<readonly [string, string]>): number {
  return objects.reduce((sum, [ref, hash]) => sum + ENTRY + ref.length + hash.length, 0);
}

export function sizeOfListener({ key, bound, ...told }: ListenerState): number {
  const { message = '' } = told as { message?: string };
  return bound.reduce((sum, one) => sum + ENTRY + one.length, ENTRY + key.length + message.length);
}

type Rest = Pick<Ack, 'rejected' | 'refusedEndpoints' | 'shortfalls'>;

/** Of an acknowledgement without its listeners. */
export function sizeOfRest({ rejected, refusedEndpoints = [], shortfalls = [] }: Rest): number {
  let size = 0;
  for (const { key, message } of rejected) size += ENTRY + key.length + message.length;
  for (const { key, endpoint, message } of refusedEndpoints) {
    size += ENTRY + key.length + endpoint.length + message.length;
  }
  for (const { policy, message } of shortfalls) size += ENTRY + policy.length + message.length;
  return size;
}
