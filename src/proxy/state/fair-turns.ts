/**
 * Whose turn it is with something that one at a time may have, where some take long and some come often: that of who has
 * had the least of its time, first among tenants and then among what each of them has. Who crowds waits behind his own.
 */

/** Who waits: a namespace, and what of it. */
export interface Waiter {
  readonly tenant: string;
  readonly line: string;
}

/** Lines that are remembered though nobody waits in them: what they have had still counts. */
export const MAX_IDLE_LINES: number = 1_024;

interface Line<T> {
  /** Milliseconds that it has had, as far as they count. */
  spent: number;
  readonly waiting: T[];
}

interface Tenant<T> {
  spent: number;
  waiting: number;
  /** What the line that was chosen last had had: who comes anew begins there, and gets no credit for having been away. */
  now: number;
  readonly lines: Map<string, Line<T>>;
}

export class FairTurns<T> {
  readonly #tenants = new Map<string, Tenant<T>>();
  #now = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Lines that are known, whether anybody waits in them or not. */
  get lines(): number {
    return [...this.#tenants.values()].reduce((sum, { lines }) => sum + lines.size, 0);
  }

  waiting({ tenant, line }: Waiter): number {
    return this.#tenants.get(tenant)?.lines.get(line)?.waiting.length ?? 0;
  }

  add(waiter: Waiter, one: T): void {
    if (this.#tenants.size > MAX_IDLE_LINES) this.#forget();
    let tenant = this.#tenants.get(waiter.tenant);
    if (tenant === undefined)
      this.#tenants.set(waiter.tenant, (tenant = { spent: 0, waiting: 0, now: 0, lines: new Map() }));
    if (tenant.waiting === 0) tenant.spent = Math.max(tenant.spent, this.#now);
    let line = tenant.lines.get(waiter.line);
    if (line === undefined) {
      if (tenant.lines.size > MAX_IDLE_LINES) forgetIdle(tenant);
      tenant.lines.set(waiter.line, (line = { spent: 0, waiting: [] }));
    }
    if (line.waiting.length === 0) line.spent = Math.max(line.spent, tenant.now);
    line.waiting.push(one);
    tenant.waiting++;
    this.#size++;
  }

  /** Undefined: nobody waits. */
  next(): { waiter: Waiter; one: T } | undefined {
    const tenant = least(this.#tenants, ({ waiting }) => waiting > 0);
    if (tenant === undefined) return undefined;
    const line = least(tenant[1].lines, ({ waiting }) => waiting.length > 0)!;
    this.#now = Math.max(this.#now, tenant[1].spent);
    tenant[1].now = Math.max(tenant[1].now, line[1].spent);
    this.#take(tenant[1]);
    return { waiter: { tenant: tenant[0], line: line[0] }, one: line[1].waiting.shift()! };
  }

  spend(waiter: Waiter, milliseconds: number): void {
    const tenant = this.#tenants.get(waiter.tenant);
    const line = tenant?.lines.get(waiter.line);
    if (tenant === undefined || line === undefined) return;
    tenant.spent += milliseconds;
    line.spent += milliseconds;
  }

  /** The one that came last in the longest line of the tenant of whom most wait: the place is another's. */
  shed(): T | undefined {
    let tenant: Tenant<T> | undefined;
    for (const one of this.#tenants.values()) if (one.waiting > (tenant?.waiting ?? 0)) tenant = one;
    if (tenant === undefined) return undefined;
    const lines = [...tenant.lines.values()];
    const longest = lines.reduce((one, other) => (other.waiting.length > one.waiting.length ? other : one));
    this.#take(tenant);
    return longest.waiting.pop();
  }

  /** All that wait, who do so no more. */
  clear(): T[] {
    const all = [...this.#tenants.values()].flatMap(({ lines }) => [...lines.values()].flatMap((line) => line.waiting));
    this.#tenants.clear();
    this.#size = 0;
    return all;
  }

  #take(tenant: Tenant<T>): void {
    tenant.waiting--;
    this.#size--;
  }

  #forget(): void {
    for (const [name, { waiting }] of this.#tenants) if (waiting === 0) this.#tenants.delete(name);
  }
}

function forgetIdle<T>({ lines }: Tenant<T>): void {
  for (const [name, { waiting }] of lines) if (waiting.length === 0) lines.delete(name);
}

function least<V extends { spent: number }>(all: ReadonlyMap<string, V>, counts: (one: V) => boolean) {
  let found: [string, V] | undefined;
  for (const entry of all) if (counts(entry[1]) && entry[1].spent < (found?.[1].spent ?? Infinity)) found = entry;
  return found;
}
