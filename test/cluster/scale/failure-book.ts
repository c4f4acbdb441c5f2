/** Requests that failed: why, when, how long each took, and how long who asked was away meanwhile. */
import type { Away } from './absence.ts';

export interface Failure extends Away {
  cause: string;
  /** When it was asked, as ISO 8601 has it, and milliseconds until it failed. */
  at: string;
  took: number;
}

/** Failures of one cause. */
export interface Cause {
  cause: string;
  count: number;
  first: string;
  last: string;
  /** The longest of each, in milliseconds. */
  took: number;
  away: number;
  waited: number;
}

/** So many failures are told in words. */
const TOLD = 20;

export class FailureBook {
  readonly #causes = new Map<string, Cause>();
  /** The first of them. */
  readonly told: Failure[] = [];
  count = 0;

  note(failure: Failure): void {
    this.count++;
    if (this.told.length < TOLD) this.told.push(failure);
    const { cause, at, took, away, waited } = failure;
    const known = this.#causes.get(cause) ?? { cause, count: 0, first: at, last: at, took, away, waited };
    this.#causes.set(cause, {
      ...known,
      count: known.count + 1,
      last: at,
      took: Math.max(known.took, took),
      away: Math.max(known.away, away),
      waited: Math.max(known.waited, waited),
    });
  }

  /** The most frequent first. */
  get causes(): Cause[] {
    return [...this.#causes.values()].sort((a, b) => b.count - a.count);
  }
}

const ms = (time: number): string => `${time.toFixed(0)} ms`;

export function failureText({ cause, at, took, away, waited }: Failure): string {
  return `${at} ${cause} after ${ms(took)}, of which who asks was away ${ms(away)} (${ms(waited)} without a processor)`;
}

export function causeText({ count, first, last, took, away, waited }: Cause): string {
  const when = first === last ? first : `${first} to ${last}`;
  return `${count}, ${when}; after ${ms(took)}, who asks away ${ms(away)}, without a processor ${ms(waited)} at most`;
}

/** What an error of a socket is called. */
export function causeOf({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset';
    case 'ETIMEDOUT':
      return 'not connected in time';
    default:
      return message;
  }
}
