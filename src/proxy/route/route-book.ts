/** The HTTP routes of a data plane: a plan for each rule and a table for each socket, from version to version. */
import type { Delta, Listener, RouteRule, Snapshot } from '../../config/index.ts';
import type { DaemunError } from '../../observe/index.ts';
import { CompiledTable } from './compiled-table.ts';
import { type CompiledPlan, PlanCache } from './plan.ts';
import { ruleFault } from './quarantine.ts';
import { nextTable } from './table-draft.ts';

export interface RouteStep {
  /** What changed, without what was refused. */
  delta: Delta;
  /** What it led to. */
  config: Snapshot;
  /** The listeners that share a socket, by whatever the caller calls the socket. Those of HTTP, HTTPS and TLS. */
  sockets: ReadonlyMap<string, ReadonlyArray<Listener>>;
}

/** The next version, which serves nobody yet. */
export interface PreparedRoutes {
  /** One for each socket of the step; the same as before where nothing changed for it. */
  readonly tables: ReadonlyMap<string, CompiledTable>;
  /** Makes it the version that the next step starts from. Cannot fail. */
  commit(): void;
}

export class RouteBook {
  readonly #plans = new PlanCache();
  #tables: ReadonlyMap<string, CompiledTable> = new Map();

  /** Why a rule cannot be compiled; undefined where it can. What it makes is used by the next `prepare`. */
  fault(rule: RouteRule): DaemunError | undefined {
    return isHttp(rule) ? ruleFault(this.#plans, rule) : undefined;
  }

  /**
   * Costs what changed. Stops after each small piece of work, so that a caller may let requests go first; nothing
   * that serves changes before `commit`. Throws DMN_CONFIG_INVALID for a rule that has a fault.
   */
  *prepare({ delta, config, sockets }: RouteStep): Generator<void, PreparedRoutes, void> {
    const changed = yield* this.#changed(delta);
    const gone: CompiledPlan[] = [];
    const come: CompiledPlan[] = [];
    for (const [key, plan] of changed) {
      yield;
      const before = this.#plans.served(key);
      if (before === plan) continue;
      if (before !== undefined) gone.push(before);
      if (plan !== undefined) come.push(plan);
    }
    const all = (): Iterable<CompiledPlan> => this.#all(config, changed);
    const policies = [...delta.upserts, ...delta.removals].some(({ kind }) => kind === 'Policy');
    const tables = new Map<string, CompiledTable>();
    for (const [socket, listeners] of sockets) {
      const last = this.#tables.get(socket) ?? CompiledTable.EMPTY;
      tables.set(socket, yield* nextTable(last, { listeners, config, policies, gone, come, all }));
    }
    const commit = (): void => {
      for (const [key, plan] of changed) this.#plans.serve(key, plan);
      this.#tables = tables;
    };
    return { tables, commit };
  }

  /** By rule key; undefined: removed. As in a snapshot, removals come first. */
  *#changed({ upserts, removals }: Delta): Generator<void, Map<string, CompiledPlan | undefined>, void> {
    const changed = new Map<string, CompiledPlan | undefined>();
    for (const { kind, key } of removals) {
      if (kind === 'RouteRule') changed.set(key, undefined);
      yield;
    }
    for (const object of upserts) {
      if (object.kind !== 'RouteRule' || !isHttp(object)) continue;
      changed.set(object.key, this.#plans.compiled(object));
      yield;
    }
    return changed;
  }

  *#all(config: Snapshot, changed: ReadonlyMap<string, CompiledPlan | undefined>): Iterable<CompiledPlan> {
    for (const key of config.of('RouteRule').keys()) {
      const plan = changed.get(key) ?? this.#plans.served(key);
      if (plan !== undefined) yield plan;
    }
  }
}

function isHttp({ route }: RouteRule): boolean {
  return route.kind === 'HTTPRoute' || route.kind === 'GRPCRoute';
}
