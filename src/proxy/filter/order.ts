/**
 * The order in which a request meets all that acts on it: this list, and nothing else. A filter names its step; what
 * shares a step acts in the order in which it was attached, the listener's before the rule's. Answers pass the same
 * filters the other way round, from the backend out to the client; but header lines that a backend's own modifier sets have the
 * last word over its rule's, in answers as in requests: it is the narrower of the two.
 */
export const ORDER = [
  /** How many connections there may be, in all and on a port: nothing is read of one too many. */
  'connection-limits',
  /** Who the client is: PROXY protocol and trusted hops. */
  'client-address',
  /** Which clients may connect, and how many connections each may have. */
  'client-connections',
  /** Nothing of a request: what has the last say in an answer, refusals by all below included. */
  'last-word',
  /** What addresses alone forbid. */
  'address-access',
  /**
   * One form of the path, for matching, policies and backend alike. The rule is chosen after it, and after the filters of
   * the listener where there are some.
   */
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
  /** Answers that were kept; what stands before it acts on them, too. */
  'cache',
  /** Filters of the chosen backend, and what each attempt adds. */
  'backend',
] as const;
export type Step = (typeof ORDER)[number];

/** Where filters of connections act (connection.ts). */
export type ConnectionStep = 'connection-limits' | 'client-connections';
/** Where filters of requests act (filter.ts): who the client is, and the form of its paths, is settled without them. */
export type FilterStep = Exclude<Step, ConnectionStep | 'client-address' | 'path-form'>;

export function stepNumber(step: Step): number {
  return ORDER.indexOf(step);
}
