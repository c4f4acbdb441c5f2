const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Milliseconds of a duration in the Gateway API's form. */
export function duration(text: string): number {
  if (!/^(\d{1,5}(h|m|s|ms)){1,4}$/.test(text))
    throw new Error(`"${text}" is not a duration, such as 30s, 1m30s or 500ms`);
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g)) sum += Number(amount) * UNITS[unit!]!;
  return sum;
}
