/**
 * The order in which a request meets all that acts on it: this list, and nothing else. A filter names its step; what
 * shares a step acts in the order in which it was attached, the listener's before the rule's. Answers pass the same
 * filters the other way round, from the backend out to the client.
 */
export const ORDER = [
  /** Who the client is: PROXY protocol and trusted hops. */
  'client-address',
  /** How many connections it may have. */
  'connection-limits',
  /** What addresses alone forbid. */
  'address-access',
  /** One form of the path, for matching, policies and backend alike; the rule is chosen after it. */
  'path-form',
  /** Limits that need not know who asks. */
  'request-limits',
  /** Before authentication: browsers send no credentials with a preflight request. */
  'cors-preflight',
  'authentication',
  'claim-access',
  'claim-limits',
  /** The filters of the route itself. */
  'route-filters',
  /** Filters of the chosen backend, and what each attempt adds. */
  'backend',
] as const;
export type Step = (typeof ORDER)[number];

/** Where filters act: the first two steps are of the connection, and the form of paths is the listener's own. */
export type FilterStep = Exclude<Step, 'client-address' | 'connection-limits' | 'path-form'>;

export function stepNumber(step: Step): number {
  return ORDER.indexOf(step);
}
