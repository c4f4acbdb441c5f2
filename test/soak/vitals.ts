/** What a process of the gateway holds when it has nothing to do, and how much more is a leak. */

export interface Vitals {
  role: string;
  descriptors: number;
  /** Bytes. */
  heap: number;
  external: number;
  resident: number;
  /** What keeps the process alive, by kind. */
  resources: Record<string, number>;
}

/**
 * At rest a gateway holds its sockets that listen and nothing of its clients and backends, so that descriptors must be the
 * same again. A few are Node's own, such as those of threads that it starts when it first needs them.
 */
export const DESCRIPTORS_MORE = 4;
/**
 * Bytes of heap and buffers: code that was compiled meanwhile, and rows of metrics of routes that are gone, which are kept
 * for five minutes. Less than what a byte and a half for each request of eight minutes would come to.
 */
export const HEAP_MORE = 4 * 1024 * 1024;

/** What grew beyond its bound, in words; empty where all is well. */
export function leaks(before: readonly Vitals[], after: readonly Vitals[]): string[] {
  if (before.length !== after.length) return [`there were ${before.length} processes, and are ${after.length}`];
  return after.flatMap((now, at) => leaksOf(before[at]!, now));
}

function leaksOf(before: Vitals, now: Vitals): string[] {
  const found: string[] = [];
  const descriptors = now.descriptors - before.descriptors;
  if (descriptors > DESCRIPTORS_MORE) {
    const more = Object.entries(now.resources)
      .map(([kind, count]) => ({ kind, more: count - (before.resources[kind] ?? 0) }))
      .filter(({ more: count }) => count > 0)
      .map(({ kind, more: count }) => `${count} ${kind}`);
    found.push(
      `${now.role} has ${descriptors} descriptors more than after the warm-up; ${DESCRIPTORS_MORE} may be. ` +
        `Node counts ${more.join(', ') || 'none'} more.`,
    );
  }
  const heap = now.heap + now.external - before.heap - before.external;
  if (heap > HEAP_MORE) {
    found.push(`${now.role} has ${mib(heap)} MiB of heap more than after the warm-up; ${mib(HEAP_MORE)} may be.`);
  }
  return found;
}

export function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
