/** What somebody holds of a config, by hash: two who hold the same find it out with one word. */
import { hash } from 'node:crypto';

/** `kind/key` to the object's canonical hash. */
export type Holdings = ReadonlyMap<string, string>;

/** Of everything held, whatever order it came in. */
export function digestOf(holdings: Holdings): string {
  const lines = Array.from(holdings, ([ref, own]) => `${ref} ${own}\n`).sort();
  return hash('sha256', lines.join(''), 'base64url');
}
