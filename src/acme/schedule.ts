/** When a certificate is obtained anew, and when an attempt that failed is repeated. */

/** Renewed when this share of its life is left. */
export const RENEWAL_SHARE = 1 / 3;
/** Earlier by up to this share of its life, by chance, so that many do not come at once. */
export const RENEWAL_SPREAD = 1 / 30;

/**
 * Milliseconds before a failed attempt is repeated: doubled with each failure, and longer by up to half of it by chance.
 * Let's Encrypt takes five failures of a host an hour.
 */
export const RETRY = { first: 120_000, most: 6 * 3_600_000 } as const;

/** Milliseconds since the epoch. */
export interface Life {
  from: number;
  until: number;
}

/** `chance` from 0 to 1. */
export function renewalAt({ from, until }: Life, chance: number): number {
  const life = until - from;
  return until - life * (RENEWAL_SHARE + RENEWAL_SPREAD * chance);
}

export function retryAfter(failures: number, chance: number): number {
  const wait = Math.min(RETRY.first * 2 ** Math.max(0, failures - 1), RETRY.most);
  return wait * (1 + chance / 2);
}
