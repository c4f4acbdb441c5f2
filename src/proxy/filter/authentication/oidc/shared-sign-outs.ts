/**
 * Who has signed out elsewhere, as all gateways with the same Redis know it. A mark is a full bucket of the script that limits
 * take from (redis/take.ts), which runs empty in the time that it is remembered: Redis' own clock says when it was made.
 */
import { limitKey, type RedisClient } from '../../../redis/index.ts';
import type { LoggedOut } from './provider.ts';
import { SIGNED_OUT_TIME } from './signed-out.ts';

/** Of a session. */
interface Session {
  sub: string;
  sid: string | undefined;
  /** Milliseconds since 1970. */
  since: number;
}

type Kind = 'jti' | 'sid' | 'sub' | 'unnamed';

/** Microseconds. */
const REMEMBERED = SIGNED_OUT_TIME * 1_000;
/** Of a mark that is as good as full: what has run out of it while somebody else made it. */
const FRESH = 60_000_000;

export class SharedSignOuts {
  readonly #client: RedisClient;
  readonly #timeout: number;
  readonly #whose: string;
  readonly #tag: string;

  /** `whose`: of which client, at which provider. `timeout`: milliseconds that a request waits. */
  constructor(client: RedisClient, timeout: number, whose: string) {
    this.#client = client;
    this.#timeout = timeout;
    this.#whose = whose;
    // What is asked about together must be in one place of a cluster.
    this.#tag = limitKey(whose, '').slice(-12);
  }

  /** again: this token was told before, to whichever gateway. away: it does not hold everywhere, and may be told once more. */
  async tell(told: LoggedOut): Promise<'held' | 'again' | 'away'> {
    const jti = this.#key('jti', told.jti);
    const found = await this.#take([look(jti)]);
    if (found === undefined) return 'away';
    if (found.debts[0]! > 0) return 'again';
    const keys = 'sid' in told ? [this.#key('sid', told.sid)] : [this.#key('sub', told.sub)];
    if ('sid' in told && told.sub !== undefined) keys.push(this.#key('unnamed', told.sub));
    for (const key of keys) if (!(await this.#mark(key))) return 'away';
    // Last, so that one of which a part was lost can be told again.
    const cost = Math.max(1, told.until - Date.now()) * 1_000;
    const taken = await this.#take([{ key: jti, cost, capacity: cost }]);
    if (taken === undefined) return 'away';
    return taken.given[0] === 1 ? 'held' : 'again';
  }

  /** Whether it began before its owner signed out. Undefined: nobody knows. */
  async has({ sub, sid, since }: Session): Promise<boolean | undefined> {
    const kinds: Array<[Kind, string]> = [['sub', sub], sid === undefined ? ['unnamed', sub] : ['sid', sid]];
    const found = await this.#take(kinds.map(([kind, value]) => look(this.#key(kind, value))));
    if (found === undefined) return undefined;
    const age = (Date.now() - since) * 1_000;
    return kinds.some(([kind], at) => {
      const left = found.debts[at]!;
      return left > 0 && (kind === 'sid' || age >= REMEMBERED - left);
    });
  }

  /** As if it was made now, also where there is one. */
  async #mark(key: string): Promise<boolean> {
    const found = await this.#take([look(key)]);
    if (found === undefined) return false;
    const cost = REMEMBERED - found.debts[0]!;
    if (cost < 1) return true;
    const taken = await this.#take([{ key, cost, capacity: REMEMBERED }]);
    // Where nothing was given somebody else has marked it in between.
    return taken !== undefined && (taken.given[0] === 1 || taken.debts[0]! > REMEMBERED - FRESH);
  }

  #take(
    asking: ReadonlyArray<{ key: string; cost: number; capacity: number }>,
  ): Promise<{ given: number[]; debts: number[] } | undefined> {
    const all = asking.map((one) => ({ ...one, wanted: 1, dryRun: true }));
    return new Promise((resolve) =>
      this.#client.take(all, this.#timeout, (taken) => resolve(typeof taken === 'string' ? undefined : taken)),
    );
  }

  #key(kind: Kind, value: string): string {
    return limitKey(JSON.stringify(['signed out', this.#whose, kind, value]), this.#tag);
  }
}

/** It costs more than there can be: nothing is taken, and what is there is told. */
function look(key: string): { key: string; cost: number; capacity: number } {
  return { key, cost: REMEMBERED * 2, capacity: REMEMBERED };
}
