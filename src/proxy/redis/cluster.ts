/**
 * A Redis Cluster: which node has a slot is asked when it begins, after a node says that a slot has moved, and while one
 * is away. A call is sent on to where a node says; two such hops are enough for any move.
 */

import type { RedisServer } from '../../config/index.ts';
import { commandText, SLOTS, slotOf } from './command.ts';
import { HeldServer, type Keeping } from './held-server.ts';
import type { Reply } from './reply.ts';

/** Milliseconds between two questions for the slots. */
export const SLOTS_PAUSE = 500;
const SLOTS_TIMEOUT = 2_000;
/** Nodes that a cluster may have; more are not asked. */
export const MAX_NODES = 256;

type NodeKeeping = Omit<Keeping, 'locate' | 'mustBeMaster' | 'database' | 'told'>;

export class Cluster {
  readonly #keeping: NodeKeeping;
  readonly #seeds: readonly RedisServer[];
  readonly #told: (trouble: string | undefined) => void;
  readonly #nodes = new Map<string, HeldServer>();
  /** Of each slot the node that has it. */
  #slots: Array<string | undefined> = new Array(SLOTS);
  #asking = false;
  #askedAt = Number.NEGATIVE_INFINITY;
  #again: NodeJS.Timeout | undefined;
  #closed = false;
  #known = false;

  constructor(keeping: NodeKeeping, seeds: readonly RedisServer[], told: (trouble: string | undefined) => void) {
    this.#keeping = keeping;
    this.#seeds = seeds;
    this.#told = told;
  }

  open(): void {
    for (const seed of this.#seeds) this.node(seed)?.open();
    if (!this.#known) this.#ask();
  }

  /** Of the key's slot; while nobody knows, one that will say where it is. */
  serverOf(key: string): HeldServer | null {
    const owner = this.#slots[slotOf(key)];
    const node = owner === undefined ? undefined : this.#nodes.get(owner);
    if (node === undefined || node.isAway) this.#ask();
    if (node !== undefined) return node;
    const nodes = [...this.#nodes.values()];
    return nodes.find(({ isReady }) => isReady) ?? nodes.find(({ isAway }) => !isAway) ?? null;
  }

  /** `slot host:port`, as MOVED and ASK say it; the host may be left out. */
  pointedAt(rest: string, from: HeldServer): HeldServer | null {
    const [, where = ''] = rest.split(' ');
    const colon = where.lastIndexOf(':');
    const port = Number(where.slice(colon + 1));
    if (colon < 0 || !Number.isInteger(port) || port < 1 || port > 65_535) return null;
    const host = where.slice(0, colon) || this.#hostOf(from);
    return host === undefined ? null : this.node({ host, port });
  }

  moved(key: string, to: HeldServer): void {
    for (const [name, node] of this.#nodes) if (node === to) this.#slots[slotOf(key)] = name;
    this.#ask();
  }

  node(server: RedisServer): HeldServer | null {
    const name = `${server.host}:${server.port}`;
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    if (this.#nodes.size >= MAX_NODES || this.#closed) return null;
    const node: HeldServer = new HeldServer({
      ...this.#keeping,
      database: 0,
      mustBeMaster: false,
      locate: async () => server,
      told: (trouble) => this.#nodeTold(trouble),
    });
    this.#nodes.set(name, node);
    return node;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#again);
    for (const node of this.#nodes.values()) node.close();
    this.#nodes.clear();
  }

  #hostOf(server: HeldServer): string | undefined {
    for (const [name, node] of this.#nodes) if (node === server) return name.slice(0, name.lastIndexOf(':'));
    return undefined;
  }

  #nodeTold(trouble: string | undefined): void {
    if (this.#closed) return;
    // Of nodes that have no slots nobody need know.
    if (trouble !== undefined) this.#ask();
    const owners = new Set(this.#slots);
    const missing = [...this.#nodes].some(([name, node]) => node.isAway && (owners.has(name) || owners.size <= 1));
    if (!missing) this.#told(undefined);
    else if (trouble !== undefined) this.#told(trouble);
  }

  #ask(): void {
    if (this.#asking || this.#closed || this.#again !== undefined) return;
    const pause = this.#askedAt + SLOTS_PAUSE - performance.now();
    if (pause > 0) {
      this.#again = setTimeout(() => {
        this.#again = undefined;
        this.#ask();
      }, pause);
      this.#again.unref();
      return;
    }
    for (const seed of this.#seeds) this.node(seed)?.open();
    const nodes = [...this.#nodes.values()].filter(({ isAway }) => !isAway);
    const ready = nodes.filter(({ isReady }) => isReady);
    const asked = ready[Math.floor(Math.random() * ready.length)] ?? nodes[0];
    this.#askedAt = performance.now();
    if (asked === undefined) return;
    this.#asking = true;
    asked.call(commandText(['CLUSTER', 'SLOTS']), SLOTS_TIMEOUT, (reply) => {
      this.#asking = false;
      if (!this.#closed) this.#learn(reply, this.#hostOf(asked) ?? '');
    });
  }

  #learn(reply: unknown, host: string): void {
    const slots = slotsOf(reply, host);
    if (slots === undefined) return this.#known ? undefined : this.#ask();
    this.#known = true;
    this.#slots = slots;
    const named = new Set(slots);
    for (const name of named) if (name !== undefined) this.node(serverNamed(name))?.open();
    const seeds = this.#seeds.map(({ host, port }) => `${host}:${port}`);
    for (const [name, node] of this.#nodes) {
      if (named.has(name) || seeds.includes(name)) continue;
      this.#nodes.delete(name);
      node.close();
    }
    this.#nodeTold(undefined);
  }
}

function serverNamed(name: string): RedisServer {
  const colon = name.lastIndexOf(':');
  return { host: name.slice(0, colon), port: Number(name.slice(colon + 1)) };
}

/**
 * Of `CLUSTER SLOTS`: from, to, the master and its replicas; undefined for anything else. A master without a host is at
 * the one that was asked.
 */
function slotsOf(reply: unknown, asked: string): Array<string | undefined> | undefined {
  if (!Array.isArray(reply)) return undefined;
  const slots: Array<string | undefined> = new Array(SLOTS);
  for (const range of reply as Reply[]) {
    const [from, to, master] = Array.isArray(range) ? range : [];
    const [said, port] = Array.isArray(master) ? master : [];
    const host = said === null || said === '' ? asked : said;
    if (typeof from !== 'number' || typeof to !== 'number' || typeof port !== 'number') return undefined;
    if (typeof host !== 'string' || host === '' || from < 0 || to >= SLOTS) return undefined;
    slots.fill(`${host}:${port}`, from, to + 1);
  }
  return slots;
}
