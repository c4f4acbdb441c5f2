/** Quantities as Kubernetes writes them: `500m`, `1.5Gi`, `2`. */
const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** What a quantity comes to, in bytes or cores; undefined where it is none. */
export function bytesOf(quantity: unknown): number | undefined {
  if (typeof quantity === 'number') return quantity;
  const [, digits, suffix = ''] =
    typeof quantity === 'string' ? (/^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(quantity) ?? []) : [];
  const factor = SUFFIXES[suffix];
  const value = Number(digits);
  return digits === undefined || factor === undefined || Number.isNaN(value) ? undefined : value * factor;
}
