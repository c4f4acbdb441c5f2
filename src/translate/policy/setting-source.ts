/** Which policy gave which of the settings that hold: who explains a request names them. */
import type { PolicySource } from '../../config/index.ts';

/** A policy's key, and a setting that it gave. */
export type Given = readonly [policy: string, setting: string];

/** In the order in which they are given. */
export function sourcesOf(given: readonly Given[]): PolicySource[] {
  const settings = new Map<string, Set<string>>();
  for (const [policy, setting] of given) {
    const own = settings.get(policy);
    if (own === undefined) settings.set(policy, new Set([setting]));
    else own.add(setting);
  }
  return [...settings].map(([policy, own]) => ({ policy, settings: [...own] }));
}
