/**
 * Names as the machine knows them: by its files, and by whatever it asks. Node has two threads for that in a process, and
 * a name whose servers never answer holds one for ten seconds or more, each time that it is tried. So backends' names are
 * looked up one at a time, their tenants in turn, and so are names of what policies ask (servers that texts are fetched from, and
 * stores): the two do not wait for each other.
 */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';

/** Backends' names that are looked up by the machine at a time, in a process; and as many of what policies ask. */
export const MAX_MACHINE_LOOKUPS = 1;

/** Who asks: the namespace, and whether the answer is still of use when the turn has come. */
export interface NameAsker {
  readonly tenant: string;
  isWaiting(): boolean;
}

export class MachineNames {
  readonly #lookup: (hostname: string) => Promise<LookupAddress[]>;
  /** What begins, by tenant, in turn. */
  readonly #waiting = new Map<string, Array<() => void>>();
  #underway = 0;

  constructor(look = (hostname: string): Promise<LookupAddress[]> => lookup(hostname, { all: true })) {
    this.#lookup = look;
  }

  async addressesOf(hostname: string, asker: NameAsker): Promise<string[]> {
    await this.#turnOf(asker.tenant);
    try {
      if (!asker.isWaiting()) return [];
      const found = await this.#lookup(hostname);
      return found.map(({ address }) => address);
    } finally {
      this.#underway--;
      this.#next();
    }
  }

  #turnOf(tenant: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const line = this.#waiting.get(tenant);
    if (line === undefined) this.#waiting.set(tenant, [resolve]);
    else line.push(resolve);
    this.#next();
    return promise;
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#underway >= MAX_MACHINE_LOOKUPS) return;
    const [tenant, line] = first;
    const begin = line.shift()!;
    // To the end of the line: a map goes in the order in which its keys came.
    this.#waiting.delete(tenant);
    if (line.length > 0) this.#waiting.set(tenant, line);
    this.#underway++;
    begin();
  }
}

/** Of backends. */
export const MACHINE_NAMES: MachineNames = new MachineNames();
/** Of servers that have keys, what else is fetched, and stores: a backend's name that nobody answers for keeps nobody from them. */
export const POLICY_NAMES: MachineNames = new MachineNames();
