const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Milliseconds of a Gateway API duration that has passed its schema. */
export function milliseconds(duration: string): number {
  let sum = 0;
  for (const [, count, unit] of duration.matchAll(/([0-9]+)(ms|h|m|s)/g)) sum += Number(count) * UNITS[unit!]!;
  return sum;
}
