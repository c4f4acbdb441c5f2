/** Who asks, as authentication found it: what later filters read. */

import { type Slot, slot } from './filter.ts';
import type { HeaderPatch } from './header-patch.ts';

/** What is known of somebody, by name; values are JSON. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Identity {
  readonly subject: string;
  readonly claims: Claims;
  /** What else goes to the backend with the request, or with the answer to the client. */
  readonly request?: HeaderPatch;
  readonly response?: HeaderPatch;
}

/** Of several policies that ask, the outermost: what is nearer cannot change who it is. */
export const IDENTITY: Slot<Identity> = slot('identity');

/** A service let the request pass, by whatever it looked at: who asks is known there, if not here. */
export const VOUCHED: Slot<true> = slot('vouched');

/** A claim by its name, or, where there is none of that name, by the names on the way to it with dots between. */
export function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, part)) {
      return undefined;
    }
    value = (value as Claims)[part];
  }
  return value;
}

/** A claim's values as text: of a list each; what has members of its own has none. */
export function claimValues(claims: Claims, name: string): string[] {
  const value = claimOf(claims, name);
  return (Array.isArray(value) ? value : [value]).flatMap((one) => {
    switch (typeof one) {
      case 'string':
        return [one];
      case 'number':
      case 'boolean':
        return [String(one)];
      default:
        return [];
    }
  });
}
