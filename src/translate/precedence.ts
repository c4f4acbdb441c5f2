/** What decides between objects that want the same: the older wins, then the first by `namespace/name`. */
export interface Aged {
  /** metadata.creationTimestamp, or '' where there is none: such objects come last, here as in the data plane. */
  created: string;
  namespace: string;
  name: string;
}

export function byAge(a: Aged, b: Aged): number {
  const [createdA, createdB] = [createdAt(a), createdAt(b)];
  if (createdA !== createdB) return createdA - createdB;
  if (a.namespace === b.namespace) return ordered(a.name, b.name);
  return ordered(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`);
}

/** Why `first` comes before another: nobody is called older of whom it is not known. */
export function precedes(first: Aged, other: Aged): string {
  if (createdAt(first) === createdAt(other)) return 'which comes first by name';
  return createdAt(other) === Number.MAX_VALUE ? 'which has a creationTimestamp' : 'which is older';
}

/** Compared as points in time, not as text. */
function createdAt({ created }: Aged): number {
  const time = Date.parse(created);
  return Number.isNaN(time) ? Number.MAX_VALUE : time;
}

export function ordered(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
