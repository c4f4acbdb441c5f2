/** The family of methods by which clients say who they are: one file a method, and its line in `METHODS` (index.ts). */
import type { CompiledFilter, FilterScope, HeaderPair, Reply } from '../filter.ts';
import type { Identity } from '../identity.ts';
import type { PlaceReader } from './credential-place.ts';

export interface Method {
  /** Takes from every request of the policy's, whoever asks, what the backend is not to see. */
  readonly strip?: ((scope: FilterScope) => void) | undefined;
  /** Where it looks for what proves it, the first place at which something stands; absent: it looks at none of these. */
  readonly places?: readonly PlaceReader[];
  /** It shows the whole request to somebody: nothing of it is unverified where he vouches. */
  readonly showsAll?: true;
  /** Parameters of the query that hold what proves it, decoded, a character a byte: no log has them. */
  readonly secrets?: readonly string[];
  /** Milliseconds that it may take; absent: as long as any filter. */
  readonly timeout?: number;
  /** As of a filter. Absent: what becomes of the answer is of no interest. */
  readonly onResponseHead?: CompiledFilter['onResponseHead'];
  /** The scope's head is valid until this returns. What is thrown, now or later, refuses the request with 500. */
  identify(scope: FilterScope): Finding | Promise<Finding>;
  /** For explanations: what it finds of this request depends on what is secret, and not only on that something is there. */
  takesSecret(scope: FilterScope): boolean;
}

/** unanswered: nobody said so, and the policy lets pass then. */
export type Finding = { readonly identity: Identity; readonly unanswered?: true | undefined } | Refusal;

export interface Refusal {
  readonly why: Why;
  /** 401, 403, or what says that it cannot be found out. */
  readonly status: number;
  /** For people. */
  readonly message: string;
  /** WWW-Authenticate of a 401; several: each is a line. */
  readonly challenge?: string | readonly string[];
  readonly headers?: ReadonlyArray<HeaderPair>;
  /** In the place of all this, such as a redirect to where one signs in. */
  readonly reply?: Reply;
}

/**
 * wrong: what came does not prove it, or it cannot be found out whether it does. absent: nothing came for this method.
 * broken: the method cannot be used, whatever comes. Where several refuse, what stands first here is told.
 */
export type Why = 'wrong' | 'absent' | 'broken';

export function refusal(why: Why, status: number, message: string): Refusal {
  return { why, status, message };
}

export function challenged(why: Why, challenge: string, message: string): Refusal {
  return { why, status: 401, message, challenge };
}
