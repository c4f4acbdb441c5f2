/**
 * How a change spreads. Nodes are numbered as they are made, and a node reads only from nodes made before it, so
 * their numbers are a topological order: taking the lowest dirty node first computes each node once a batch, after
 * everything that it reads. Nobody outside sees a state in between: subscribers are called when all is settled.
 */
export interface Settling {
  readonly order: number;
  /** Takes in what has been marked, tells dependents, and answers the calls owed to subscribers. */
  settle(): ReadonlyArray<() => void>;
}

let made = 0;
let open = 0;
let delivering = false;
const dirty: Settling[] = [];
const queued = new Set<Settling>();
const deliveries: Array<() => void> = [];
/** What derivations threw while they were made inside the open batch. */
const failures: unknown[] = [];

export function nextOrder(): number {
  return ++made;
}

/** Marks a node as having work to do in this batch. */
export function enqueue(node: Settling): void {
  if (queued.has(node)) return;
  queued.add(node);
  let at = dirty.length;
  while (at > 0 && dirty[at - 1]!.order < node.order) at--;
  dirty.splice(at, 0, node);
}

/** An error that must not stop what goes on: the open batch throws it at its end, and without a batch it is thrown now. */
export function fail(error: unknown): void {
  if (open === 0) throw error;
  failures.push(error);
}

/**
 * Runs `change`, which may apply changes to several sources; what depends on them is computed once, at the end.
 * Throws, after everything else is done, the first error that `change`, a derivation or a subscriber threw.
 */
export function batch(change: () => void): void {
  const errors: unknown[] = [];
  open++;
  try {
    change();
  } catch (error) {
    errors.push(error);
  } finally {
    open--;
  }
  if (open === 0) {
    errors.push(...failures.splice(0));
    spread(errors);
    deliver(errors);
  }
  if (errors.length > 0) throw errors[0];
}

function spread(errors: unknown[]): void {
  // Held open: a derivation that applies changes to a source would otherwise start a second run inside this one.
  open++;
  try {
    for (let node = dirty.pop(); node !== undefined; node = dirty.pop()) {
      queued.delete(node);
      try {
        deliveries.push(...node.settle());
      } catch (error) {
        errors.push(error);
      }
    }
  } finally {
    open--;
  }
}

/** A subscriber may apply further changes: their batches are delivered after this one, in order. */
function deliver(errors: unknown[]): void {
  if (delivering) return;
  delivering = true;
  for (let call = deliveries.shift(); call !== undefined; call = deliveries.shift()) {
    try {
      call();
    } catch (error) {
      errors.push(error);
    }
  }
  delivering = false;
}
