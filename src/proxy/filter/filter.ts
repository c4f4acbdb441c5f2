/**
 * The family of filters. A config Filter is compiled once into a CompiledFilter or, where it only changes headers,
 * into a HeaderPatch that is folded into the rule's, so that it costs nothing of its own per request.
 */
import type { ClientConnection } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import type { HeaderPatch } from './header-patch.ts';

export const CONTINUE = 0;
/** The filter answered through `respond`. */
export const ANSWERED = 1;
export type Verdict = typeof CONTINUE | typeof ANSWERED;

/** What a filter sees and may do of the exchange it works on. Valid until the exchange ends. */
export interface FilterScope {
  /** The request's head. Its offsets are valid only during `onRequest`. */
  readonly head: Head;
  readonly client: ClientConnection;
  readonly requestId: string;
  /** Length of the path prefix that matched: of `PathPrefix /foo`, 4; of `PathPrefix /`, 0; else the whole path's. */
  readonly matchedPrefix: number;
  /** Port that the client sees: the listener's own, before the port map. */
  readonly listenerPort: number;
  /** The upstream request's path and query instead of the client's, starting with '/'. */
  setTarget(target: string): void;
  /** The upstream request's Host instead of the client's. */
  setAuthority(authority: string): void;
  /** More changes of the upstream request's or the client's response's headers, after those of the rule. */
  patchRequest(patch: HeaderPatch): void;
  patchResponse(patch: HeaderPatch): void;
  /** Copies this request to another backend, answer ignored. Key of a Backend. */
  mirror(backend: string): void;
  /** Answers in the backend's place. */
  respond(status: number, headers: ReadonlyArray<readonly [string, string]>, body: string): void;
}

export interface CompiledFilter {
  readonly type: string;
  onRequest(scope: FilterScope): Verdict;
}
