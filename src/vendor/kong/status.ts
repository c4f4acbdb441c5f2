/** Numbers as both write them. */

/** Statuses of a refusal. */
export const REFUSALS = [400, 599] as const;
/** Of an amount that must be there. */
export const POSITIVE = [1, Number.MAX_SAFE_INTEGER] as const;
