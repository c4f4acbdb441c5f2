const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const SHAPE = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/;

/** Milliseconds of a duration as the Gateway API writes it (`1h30m`, `500ms`), or undefined where it is none. */
export function milliseconds(duration: string): number | undefined {
  if (!SHAPE.test(duration)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of duration.matchAll(/([0-9]+)(ms|h|m|s)/g)) sum += Number(amount) * UNITS[unit!]!;
  return sum;
}
