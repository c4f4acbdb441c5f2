/**
 * The filters of one request under way: which were asked, what they changed, what they keep, and what they wait for.
 * Made only where there are any.
 */
import {
  ANSWERED,
  CONTINUE,
  type CompiledFilter,
  type Denial,
  FILTER_TIMEOUT,
  type FilterChain,
  type FilterScope,
  type HeaderPair,
  HeaderPatch,
  type KeptAnswer,
  LATER,
  MAX_COLLECTED_BYTES,
  type MakeTransform,
  type Outcome,
  type Slot,
  type SubRequest,
  type Verdict,
  type Waiting,
} from '../filter/index.ts';
import { Overdrawn } from '../ground/allowance.ts';
import type { ClientConnection } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import type { DecisionCounter, PolicyDecision } from '../state/index.ts';
import { loopLines } from './loop.ts';
import type { SubDone, SubExchange } from './sub-exchange.ts';
import { type Decision, Wait, type WaitHost } from './wait.ts';

/** What the exchange gives a run. */
export interface FilterHost extends WaitHost {
  readonly client: ClientConnection;
  readonly clientAddress: string;
  readonly requestId: string;
  /** Of the request's listener and rule; '' where there is none. */
  readonly listener: string;
  readonly route: string;
  readonly backend: string;
  tell(decision: DecisionCounter): void;
  tellOwn(filter: string, decision: PolicyDecision): void;
  limitBody(bytes: number, denied: DecisionCounter): void;
  identify(user: string): void;
  conceal(parameter: string): void;
  unlog(): void;
  ask(request: SubRequest, loops: string, done: SubDone): SubExchange;
  /** The head as it is with what filters wrote before the route is chosen; undefined: it is too long. */
  write(patch: HeaderPatch): Head | undefined;
}

export interface Collecting {
  limit: number;
  done: (body: Buffer, whole: boolean) => void;
}

/** A filter that breaks its contract, or throws, has not said that the request may pass. */
export const FILTER_FAILED: Denial = {
  status: 500,
  reason: 'filter_failed',
  message: 'A filter of this route could not handle the request.',
};

/** Which rules and filters the request would have met is not known, so that none may be passed over. */
export const MATCH_OVERDRAWN: Denial = {
  status: 500,
  reason: 'match_budget',
  message: 'What the routes and policies here ask of this request takes too long to find out.',
};

/** With what filters wrote before the route was chosen. */
const WRITTEN_TOO_LARGE: Denial = {
  status: 431,
  reason: 'head_too_large',
  message: 'The head of this request is too large with what the listener adds to it.',
};

export class FilterRun implements FilterScope {
  /** Swapped for its copy where a filter waited. */
  head: Head;
  readonly client: ClientConnection;
  readonly requestId: string;
  /** 0 until the route is chosen. */
  matchedPrefix: number;
  readonly listenerPort: number;
  readonly trusted: boolean;
  /** Path and query, and Host, of the upstream request; '' where unchanged. */
  target = '';
  authority = '';
  /** Parameters that the backend is not to see. */
  dropped: string[] | null = null;
  /** What was written before the route was chosen: the head says it, and the rule's own changes come after it. */
  written: HeaderPatch = HeaderPatch.NONE;
  /** What was written since. */
  #patch: HeaderPatch = HeaderPatch.NONE;
  responsePatch: HeaderPatch = HeaderPatch.NONE;
  readonly mirrors: string[] = [];
  transforms: MakeTransform[] | null = null;
  collecting: Collecting | null = null;
  /** What the filter that answered says. */
  answer: Decision = null;
  /** What is waited for; of the request's side or the answer's. */
  waiting: Wait | null = null;
  readonly #host: FilterHost;
  /** What acts before the route is chosen; null: nothing did, or does any more. */
  #first: FilterChain | null = null;
  #choosing = false;
  /** Those before the route, the rule's (with the listener's), then the backend's. */
  readonly #chains: FilterChain[] = [];
  /** How many filters of the last chain were asked. */
  #asked = 0;
  /** How many filters of all chains were asked about the answer, from the last chain's on. */
  #answered = 0;
  #kept: Map<Slot<unknown>, unknown> | null = null;
  /** What filters asked on the exchange's behalf. */
  #asking: Set<SubExchange> | null = null;
  readonly #loops: string;

  constructor(host: FilterHost, at: { head: Head; matchedPrefix: number; listenerPort: number; trusted: boolean }) {
    this.#host = host;
    this.client = host.client;
    this.requestId = host.requestId;
    this.head = at.head;
    this.matchedPrefix = at.matchedPrefix;
    this.listenerPort = at.listenerPort;
    this.trusted = at.trusted;
    this.#loops = at.head.loopField === -1 ? '' : loopLines(at.head);
  }

  // ── the request

  /** What acts before the route is chosen. */
  runFirst(chain: FilterChain): Verdict {
    this.#first = chain;
    this.#choosing = true;
    return this.run(chain);
  }

  /** The route may be chosen once all of these were asked. */
  get choosing(): boolean {
    return this.#choosing;
  }

  chosen(matchedPrefix: number): void {
    this.#choosing = false;
    this.matchedPrefix = matchedPrefix;
  }

  /** Nobody is asked twice. */
  run(chain: FilterChain): Verdict {
    const left = this.#first === null || this.#choosing ? chain : chain.without(this.#first);
    if (left === null) return CONTINUE;
    this.#chains.push(left);
    this.#asked = 0;
    return this.goOn();
  }

  /** Asks the filters that come next. */
  goOn(): Verdict {
    const { filters } = this.#chains.at(-1)!;
    if (this.#choosing && !this.#writes()) return ANSWERED;
    while (this.#asked < filters.length) {
      const verdict = this.#ask(filters[this.#asked++]!);
      if (verdict === LATER) return LATER;
      this.abandonWait();
      if (verdict === ANSWERED) {
        this.answer ??= { denial: FILTER_FAILED };
        return ANSWERED;
      }
      if (this.#choosing && !this.#writes()) return ANSWERED;
    }
    return CONTINUE;
  }

  /** The next filter, and the choice of the route, see what was written. False: that is too much. */
  #writes(): boolean {
    if (this.#patch.isEmpty) return true;
    const head = this.#host.write(this.#patch);
    this.written = this.written.followedBy(this.#patch);
    this.#patch = HeaderPatch.NONE;
    if (head === undefined) this.answer = { denial: WRITTEN_TOO_LARGE };
    else this.head = head;
    return head !== undefined;
  }

  #ask(filter: CompiledFilter): Verdict {
    try {
      const verdict = filter.onRequest(this);
      return verdict === LATER && this.waiting === null ? ANSWERED : verdict;
    } catch (error) {
      this.answer = { denial: error instanceof Overdrawn ? MATCH_OVERDRAWN : FILTER_FAILED };
      return ANSWERED;
    }
  }

  // ── the answer

  /** Some filter wants to see the head of the answer. */
  get answering(): boolean {
    return this.#chains.some((chain) => chain.answering !== null);
  }

  /** The filter that is to be asked next about the answer; each is asked once. */
  nextAnswering(): CompiledFilter | undefined {
    const answering = this.#chains.toReversed().flatMap((chain) => chain.answering ?? []);
    return answering[this.#answered++];
  }

  get attempting(): ReadonlyArray<CompiledFilter> {
    return this.#chains.flatMap((chain) => chain.attempting ?? []);
  }

  /** The exchange is over. */
  end(outcome: Outcome): void {
    this.abandonWait();
    if (this.#asking !== null) this.#stopAsking(this.#asking);
    const last = this.#chains.length - 1;
    for (const [index, { filters, ending }] of this.#chains.entries()) {
      if (!ending) continue;
      const asked = index === last ? this.#asked : filters.length;
      for (let i = 0; i < asked; i++) this.#tellEnd(filters[i]!, outcome);
    }
  }

  /** Nothing is left to refuse: whatever one of them throws, the others hear of the end. */
  #tellEnd(filter: CompiledFilter, outcome: Outcome): void {
    try {
      filter.onEnd?.(this, outcome);
    } catch {}
  }

  #stopAsking(asking: Set<SubExchange>): void {
    for (const one of asking) one.abort();
    asking.clear();
  }

  abandonWait(): void {
    this.waiting?.abandon();
    this.waiting = null;
  }

  // ── the filters' calls

  get clientAddress(): string {
    return this.#host.clientAddress;
  }

  get listener(): string {
    return this.#host.listener;
  }

  get route(): string {
    return this.#host.route;
  }

  get backend(): string {
    return this.#host.backend;
  }

  tell(decision: DecisionCounter): void {
    this.#host.tell(decision);
  }

  conceal(parameter: string): void {
    this.#host.conceal(parameter);
  }

  unlog(): void {
    this.#host.unlog();
  }

  tellOwn(filter: string, decision: PolicyDecision): void {
    this.#host.tellOwn(filter, decision);
  }

  identify(user: string): void {
    this.#host.identify(user);
  }

  get requestPatch(): HeaderPatch {
    return this.written.followedBy(this.#patch);
  }

  /** On what a route's own changes left. */
  get patchSinceRoute(): HeaderPatch {
    return this.#patch;
  }

  setTarget(target: string): void {
    this.target = target;
  }

  dropParameter(name: string): void {
    (this.dropped ??= []).push(name);
  }

  setAuthority(authority: string): void {
    this.authority = authority;
  }

  patchRequest(patch: HeaderPatch): void {
    this.#patch = this.#patch.followedBy(patch);
  }

  patchResponse(patch: HeaderPatch): void {
    this.responsePatch = this.responsePatch.followedBy(patch);
  }

  limitBody(bytes: number, denied: DecisionCounter): void {
    this.#host.limitBody(bytes, denied);
  }

  mirror(backend: string): void {
    this.mirrors.push(backend);
  }

  transformBody(make: MakeTransform): void {
    (this.transforms ??= []).push(make);
  }

  respond(status: number, headers: ReadonlyArray<HeaderPair>, body: string): void {
    this.answer = { reply: { status, headers, body } };
  }

  respondKept(kept: KeptAnswer): void {
    this.answer = { kept };
  }

  deny(denial: Denial): void {
    this.answer = { denial };
  }

  wait(timeout: number = FILTER_TIMEOUT): Waiting {
    this.abandonWait();
    return (this.waiting = new Wait(this.#host, timeout));
  }

  collectBody(limit: number, done: (body: Buffer, whole: boolean) => void): void {
    const guarded = (body: Buffer, whole: boolean): void => {
      try {
        done(body, whole);
      } catch {
        this.waiting?.deny(FILTER_FAILED);
      }
    };
    this.collecting = { limit: Math.min(limit, MAX_COLLECTED_BYTES), done: guarded };
  }

  ask(request: SubRequest, done: SubDone): void {
    const asking = (this.#asking ??= new Set());
    const one: SubExchange = this.#host.ask(request, this.#loops, (outcome) => {
      // The exchange may have ended since the answer came.
      if (!asking.delete(one)) return;
      try {
        done(outcome);
      } catch {
        this.waiting?.deny(FILTER_FAILED);
      }
    });
    asking.add(one);
  }

  keep<T>(slot: Slot<T>, value: T): void {
    (this.#kept ??= new Map()).set(slot, value);
  }

  kept<T>(slot: Slot<T>): T | undefined {
    return this.#kept?.get(slot) as T | undefined;
  }
}
