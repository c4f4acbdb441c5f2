/** What decides between objects that want the same: the older wins, then the first by `namespace/name`. */
export interface Aged {
  /** metadata.creationTimestamp, or '' where there is none: such objects come first. */
  created: string;
  namespace: string;
  name: string;
}

export function byAge(a: Aged, b: Aged): number {
  if (a.created !== b.created) return ordered(a.created, b.created);
  if (a.namespace === b.namespace) return ordered(a.name, b.name);
  return ordered(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`);
}

export function ordered(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
