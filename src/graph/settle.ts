/**
 * How a change spreads. Nodes are numbered as they are made, and a node reads only from nodes made before it, so
 * their numbers are a topological order: taking the lowest dirty node first computes each node once a batch, after
 * everything that it reads. Nobody outside sees a state in between: subscribers are called when all is settled.
 *
 * A batch may take several turns of the event loop. What is applied meanwhile waits in its source: it is taken in before
 * the batch goes on, since sources have the lowest numbers, so that a derivation never reads half of a change.
 */
export interface Settling {
  readonly order: number;
  /**
   * Takes in what has been marked, tells dependents, and answers the calls owed to subscribers. Where the turn is over
   * before all is taken in, it marks itself again and tells nobody yet.
   */
  settle(): ReadonlyArray<() => void>;
}

/** Turns of the event loop, as whoever shares it counts them. */
export interface Turns {
  /** Others should have a turn now. */
  isOver(): boolean;
  /** Fulfilled in a later turn. */
  next(): Promise<void>;
}

let made = 0;
let open = 0;
let delivering = false;
/** Of the batch that takes several turns, while it works. */
let turns: Turns | undefined;
/** That batch. */
let running: Promise<void> | undefined;
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

/** Whoever settles is to stop where it can, and goes on in another turn. */
export function isTurnOver(): boolean {
  return turns?.isOver() ?? false;
}

/**
 * As `batch`, with turns of the event loop in between where there is much to compute: fulfilled when all is settled and
 * subscribers were called. What is short is done when this returns. Where such a batch is under way, it takes this along.
 */
export function batchInTurns(change: () => void, by: Turns): Promise<void> {
  const errors = applied(change);
  if (running !== undefined) return running.then(() => throwFirst(errors));
  // Inside another batch it waits for the end of that.
  if (open > 0) return Promise.resolve().then(() => throwFirst(errors));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Before it begins: a subscriber that is called at once may ask for another.
  running = promise;
  inTurns(errors, by).then(resolve, reject);
  return promise;
}

/** Of all that is dirty. One at a time: two would take from each other what they had seen. */
async function inTurns(errors: unknown[], by: Turns): Promise<void> {
  // Held open until the end: what is applied meanwhile, in turns between or by a subscriber, waits for this to go on. Whoever
  // applies one object at once would else compute all that had come for this batch, in one piece.
  open++;
  do {
    while (dirty.length > 0) {
      if (by.isOver()) await by.next();
      turns = by;
      settleNext(errors);
      turns = undefined;
    }
    await deliverInTurns(errors, by);
  } while (dirty.length > 0);
  open--;
  errors.push(...failures.splice(0));
  running = undefined;
  throwFirst(errors);
}

/** What `change` threw. Nothing is settled before its end. */
function applied(change: () => void): unknown[] {
  open++;
  try {
    change();
    return [];
  } catch (error) {
    return [error];
  } finally {
    open--;
  }
}

function throwFirst(errors: readonly unknown[]): void {
  if (errors.length > 0) throw errors[0];
}

/**
 * Runs `change`, which may apply changes to several sources; what depends on them is computed once, at the end.
 * Throws, after everything else is done, the first error that `change`, a derivation or a subscriber threw.
 */
export function batch(change: () => void): void {
  const errors = applied(change);
  if (open === 0) {
    errors.push(...failures.splice(0));
    spread(errors);
    deliver(errors);
  }
  throwFirst(errors);
}

function spread(errors: unknown[]): void {
  // Held open: a derivation that applies changes to a source would otherwise start a second run inside this one.
  open++;
  try {
    while (dirty.length > 0) settleNext(errors);
  } finally {
    open--;
  }
}

function settleNext(errors: unknown[]): void {
  const node = dirty.pop()!;
  queued.delete(node);
  try {
    deliveries.push(...node.settle());
  } catch (error) {
    errors.push(error);
  }
}

/** A subscriber may apply further changes: their batches are delivered after this one, in order. */
function deliver(errors: unknown[]): void {
  if (delivering) return;
  delivering = true;
  while (deliveries.length > 0) deliverNext(errors);
  delivering = false;
}

async function deliverInTurns(errors: unknown[], by: Turns): Promise<void> {
  if (delivering) return;
  delivering = true;
  while (deliveries.length > 0) {
    if (by.isOver()) await by.next();
    deliverNext(errors);
  }
  delivering = false;
}

function deliverNext(errors: unknown[]): void {
  const call = deliveries.shift()!;
  try {
    call();
  } catch (error) {
    errors.push(error);
  }
}
