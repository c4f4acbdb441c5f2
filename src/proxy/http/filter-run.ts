/** Runs the filters of a matched rule, and then of the chosen backend, for one request. Made only where there are any. */
import { CONTINUE, type CompiledFilter, type FilterScope, HeaderPatch, type Verdict } from '../filter/index.ts';
import type { ClientConnection } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';

/** What the exchange gives a run, and is told by it. */
export interface FilterHost {
  readonly client: ClientConnection;
  readonly requestId: string;
  answer(status: number, headers: ReadonlyArray<readonly [string, string]>, body: string): void;
}

export class FilterRun implements FilterScope {
  readonly head: Head;
  readonly client: ClientConnection;
  readonly requestId: string;
  readonly matchedPrefix: number;
  readonly listenerPort: number;
  /** Path and query, and Host, of the upstream request; '' where unchanged. */
  target = '';
  authority = '';
  requestPatch: HeaderPatch = HeaderPatch.NONE;
  responsePatch: HeaderPatch = HeaderPatch.NONE;
  readonly mirrors: string[] = [];
  readonly #host: FilterHost;

  constructor(host: FilterHost, at: { head: Head; matchedPrefix: number; listenerPort: number }) {
    this.#host = host;
    this.client = host.client;
    this.requestId = host.requestId;
    this.head = at.head;
    this.matchedPrefix = at.matchedPrefix;
    this.listenerPort = at.listenerPort;
  }

  run(filters: ReadonlyArray<CompiledFilter>): Verdict {
    for (const filter of filters) {
      const verdict = filter.onRequest(this);
      if (verdict !== CONTINUE) return verdict;
    }
    return CONTINUE;
  }

  setTarget(target: string): void {
    this.target = target;
  }

  setAuthority(authority: string): void {
    this.authority = authority;
  }

  patchRequest(patch: HeaderPatch): void {
    this.requestPatch = this.requestPatch.followedBy(patch);
  }

  patchResponse(patch: HeaderPatch): void {
    this.responsePatch = this.responsePatch.followedBy(patch);
  }

  mirror(backend: string): void {
    this.mirrors.push(backend);
  }

  respond(status: number, headers: ReadonlyArray<readonly [string, string]>, body: string): void {
    this.#host.answer(status, headers, body);
  }
}
