/**
 * Who has signed out elsewhere, as a provider told one of the workers: sessions stand in cookies, which nobody can take back, so
 * that it is remembered for as long as there can be one. All workers of the machine see it at once.
 */
import { createHash } from 'node:crypto';
import type { Buckets } from '../../../state/index.ts';
import type { LoggedOut } from './provider.ts';

/** Milliseconds for which it is remembered: where a provider tells who has signed out, no session is older. */
export const SIGNED_OUT_TIME: number = 31 * 86_400_000;

/** What it is asked about. */
interface Since {
  sub: string;
  /** Of the provider's session; absent: it does not say. */
  sid: string | undefined;
  /** Milliseconds since 1970. */
  since: number;
}

export class SignedOut {
  readonly #marks: Buckets;
  readonly #client: string;
  readonly #owner: number;

  /** `client`: whose sessions these are, at which provider; `owner`: whose the marks are. */
  constructor(marks: Buckets, { client, owner }: { client: string; owner: number }) {
    this.#marks = marks;
    this.#client = client;
    this.#owner = owner;
  }

  /** False: this has been told before. */
  tell(told: LoggedOut): boolean {
    const now = machineTime();
    const jti = this.#hash('jti', told.jti);
    if (this.#marks.debt(...jti, now) > 0) return false;
    this.#mark(jti, now, Math.max(1, told.until - Date.now()));
    if (!('sid' in told)) this.#mark(this.#hash('sub', told.sub), now, SIGNED_OUT_TIME);
    else {
      this.#mark(this.#hash('sid', told.sid), now, SIGNED_OUT_TIME);
      if (told.sub !== undefined) this.#mark(this.#hash('unnamed', told.sub), now, SIGNED_OUT_TIME);
    }
    return true;
  }

  /** A session that began before its owner signed out. */
  has({ sub, sid, since }: Since): boolean {
    const age = Date.now() - since;
    if (age > SIGNED_OUT_TIME) return true;
    const now = machineTime();
    if (sid !== undefined && this.#marks.debt(...this.#hash('sid', sid), now) > 0) return true;
    // Of a session that has no name it may be the one that is meant.
    return (
      this.#isBefore('sub', sub, { age, now }) || (sid === undefined && this.#isBefore('unnamed', sub, { age, now }))
    );
  }

  #isBefore(kind: 'sub' | 'unnamed', sub: string, { age, now }: { age: number; now: number }): boolean {
    const left = this.#marks.debt(...this.#hash(kind, sub), now);
    return left > 0 && age >= SIGNED_OUT_TIME - left;
  }

  #mark([a, b]: Hash, now: number, time: number): void {
    const cost = time - this.#marks.debt(a, b, now);
    if (cost > 0) this.#marks.charge(a, b, { now, cost, owner: this.#owner });
  }

  #hash(kind: 'jti' | 'sid' | 'sub' | 'unnamed', value: string): Hash {
    const bytes = createHash('sha256')
      .update(JSON.stringify([this.#client, kind, value]))
      .digest();
    return [bytes.readUInt32LE(0) || 1, bytes.readUInt32LE(4) || 1];
  }
}

type Hash = [a: number, b: number];

/** Milliseconds of a clock that all processes of the machine share. */
function machineTime(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
