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

/** Who may have a turn now: a tenant, and one of his lines. */
export interface TurnRules {
  mayTenant(tenant: string): boolean;
  mayLine(waiter: Waiter): boolean;
}

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
  /** Of those, in which somebody waits. */
  readonly queue: Map<string, Line<T>>;
}

const EVERYBODY: TurnRules = { mayTenant: () => true, mayLine: () => true };

export class FairTurns<T> {
  readonly #tenants = new Map<string, Tenant<T>>();
  /** Of those, who waits. Who has had a turn goes to its end, so that among equals all have one. */
  readonly #queue = new Map<string, Tenant<T>>();
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
    if (this.#tenants.size - this.#queue.size > MAX_IDLE_LINES) forgetIdle(this.#tenants, this.#queue);
    let tenant = this.#tenants.get(waiter.tenant);
    if (tenant === undefined) this.#tenants.set(waiter.tenant, (tenant = newTenant()));
    if (tenant.waiting === 0) {
      tenant.spent = Math.max(tenant.spent, this.#now);
      this.#queue.set(waiter.tenant, tenant);
    }
    let line = tenant.lines.get(waiter.line);
    if (line === undefined) {
      if (tenant.lines.size - tenant.queue.size > MAX_IDLE_LINES) forgetIdle(tenant.lines, tenant.queue);
      tenant.lines.set(waiter.line, (line = { spent: 0, waiting: [] }));
    }
    if (line.waiting.length === 0) {
      line.spent = Math.max(line.spent, tenant.now);
      tenant.queue.set(waiter.line, line);
    }
    line.waiting.push(one);
    tenant.waiting++;
    this.#size++;
  }

  /** Undefined: nobody waits who may have one. */
  next(rules: TurnRules = EVERYBODY): { waiter: Waiter; one: T } | undefined {
    // A tenant of whom no line may have a turn leaves it to the others.
    const passed = new Set<string>();
    for (;;) {
      const tenant = least(this.#queue, (name) => !passed.has(name) && rules.mayTenant(name));
      if (tenant === undefined) return undefined;
      const line = least(tenant[1].queue, (name) => rules.mayLine({ tenant: tenant[0], line: name }));
      if (line !== undefined) return this.#give(tenant, line);
      passed.add(tenant[0]);
    }
  }

  #give([name, tenant]: [string, Tenant<T>], [lineName, line]: [string, Line<T>]): { waiter: Waiter; one: T } {
    this.#now = Math.max(this.#now, tenant.spent);
    tenant.now = Math.max(tenant.now, line.spent);
    const one = line.waiting.shift()!;
    tenant.queue.delete(lineName);
    if (line.waiting.length > 0) tenant.queue.set(lineName, line);
    this.#queue.delete(name);
    if (--tenant.waiting > 0) this.#queue.set(name, tenant);
    this.#size--;
    return { waiter: { tenant: name, line: lineName }, one };
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
    const tenant = most(this.#queue, ({ waiting }) => waiting);
    if (tenant === undefined) return undefined;
    const [lineName, line] = most(tenant[1].queue, ({ waiting }) => waiting.length)!;
    const one = line.waiting.pop();
    if (line.waiting.length === 0) tenant[1].queue.delete(lineName);
    if (--tenant[1].waiting === 0) this.#queue.delete(tenant[0]);
    this.#size--;
    return one;
  }

  /** All that wait, who do so no more. */
  clear(): T[] {
    const all = [...this.#queue.values()].flatMap(({ queue }) => [...queue.values()].flatMap((line) => line.waiting));
    this.#tenants.clear();
    this.#queue.clear();
    this.#size = 0;
    return all;
  }
}

function newTenant<T>(): Tenant<T> {
  return { spent: 0, waiting: 0, now: 0, lines: new Map(), queue: new Map() };
}

function forgetIdle(all: Map<string, unknown>, waiting: ReadonlyMap<string, unknown>): void {
  for (const name of all.keys()) if (!waiting.has(name)) all.delete(name);
}

function least<V extends { spent: number }>(all: ReadonlyMap<string, V>, may: (name: string) => boolean) {
  let found: [string, V] | undefined;
  for (const entry of all) if (entry[1].spent < (found?.[1].spent ?? Infinity) && may(entry[0])) found = entry;
  return found;
}

function most<V>(all: ReadonlyMap<string, V>, count: (one: V) => number): [string, V] | undefined {
  let found: [string, V] | undefined;
  for (const entry of all) if (found === undefined || count(entry[1]) > count(found[1])) found = entry;
  return found;
}
