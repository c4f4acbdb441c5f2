/** Median and spread of repeated measurements. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

export function spread(values: number[]): Spread {
  if (values.length === 0) throw new Error('no values to take the spread of');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** The value below which the share `p` (0 to 1) of `values` lies; sorts `values` in place. */
export function percentile(values: number[] | Float64Array, p: number): number {
  values.sort((a: number, b: number) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * p))] ?? Number.NaN;
}
