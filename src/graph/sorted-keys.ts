/** Sorted lists of keys that change. */

/** Keys up to which each is put in its place; more that come or go at once are sorted in or filtered out. */
const FEW = 8;

/** `keys` with those that come: the list itself, where that is cheaper. */
export function addKeys(keys: string[], come: readonly string[]): string[] {
  // A list that is made whole has no room left over, which is most of what a short one weighs.
  if (keys.length <= FEW || come.length > FEW)
    return come.length === 0 ? keys : mergedKeys(keys, come.toSorted(byText));
  for (const key of come) keys.splice(place(keys, key), 0, key);
  return keys;
}

/** `keys` without those that go, all of which are there. */
export function dropKeys(keys: string[], gone: readonly string[]): string[] {
  if (keys.length <= FEW || gone.length > FEW) {
    return gone.length === 0 ? keys : without(keys, new Set(gone));
  }
  for (const key of gone) keys.splice(place(keys, key), 1);
  return keys;
}

/** Two sorted lists as one. */
function mergedKeys(a: readonly string[], b: readonly string[]): string[] {
  const all = new Array<string>(a.length + b.length);
  for (let at = 0, i = 0, j = 0; at < all.length; at++) {
    const isFromA = j === b.length || (i < a.length && a[i]! < b[j]!);
    all[at] = isFromA ? a[i++]! : b[j++]!;
  }
  return all;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Where `key` is in the sorted `keys`, or belongs. */
function place(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function without(keys: readonly string[], gone: ReadonlySet<string>): string[] {
  return keys.filter((key) => !gone.has(key));
}
