/**
 * The family of filters. A config Filter is compiled once into a CompiledFilter or, where it only changes headers,
 * into a HeaderPatch that is folded into the rule's, so that it costs nothing of its own per request. When each acts
 * is said in order.ts.
 */
import type { ClientConnection, Failure } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import type { DecisionCounter, PolicyDecision } from '../state/policy-counts.ts';
import type { HeaderPatch } from './header-patch.ts';
import type { FilterStep } from './order.ts';

export const CONTINUE = 0;
/** The filter answered through `respond` or `deny`. */
export const ANSWERED = 1;
/** The filter took a Waiting, and tells it how to go on. */
export const LATER = 2;
export type Verdict = typeof CONTINUE | typeof ANSWERED | typeof LATER;

/** Milliseconds that a filter may wait where it asks for no other time; then the request is refused with 503. */
export const FILTER_TIMEOUT = 10_000;
/** Most bytes of a request's body that a filter may collect before it decides. */
export const MAX_COLLECTED_BYTES: number = 1024 * 1024;

export interface CompiledFilter {
  readonly type: string;
  readonly step: FilterStep;
  /** Of a listener: not where the rule of the request has a policy of its type that would give way, too. */
  readonly yields?: boolean;
  /** Once a request, whatever happens to it later. What it throws refuses the request with 500. */
  onRequest(scope: FilterScope): Verdict;
  /** Each time that the request goes to an endpoint, retries included. */
  onAttempt?(scope: KeptState, attempt: Attempt): void;
  /**
   * Once for the answer that the client gets, be it the backend's, another filter's or the gateway's own; `onRequest`
   * may not have been reached then. The filter that replaces an answer is not asked about what it put there.
   */
  onResponseHead?(scope: KeptState, answer: AnswerScope): Verdict;
  /** The exchange is over, however it went. Called where `onRequest` was. */
  onEnd?(scope: KeptState, outcome: Outcome): void;
  /** For explanations, after `onRequest`: what it looked at that depends on the request, each in words; `words`: of a rule's name. */
  details?(scope: FilterScope, words: (rule: string) => string): string[];
  /** For explanations, in the place of `onRequest`: what it decides of this request depends on what is secret. */
  takesSecret?(scope: FilterScope): boolean;
}

/** A value that filters keep for one request under this key. A filter makes its own once, or names a shared one. */
export interface Slot<T> {
  readonly name: string;
  readonly holds?: T;
}

export function slot<T>(name: string): Slot<T> {
  return { name };
}

/** What filters remember of a request. */
export interface KeptState {
  keep<T>(slot: Slot<T>, value: T): void;
  kept<T>(slot: Slot<T>): T | undefined;
}

/** What a filter sees and may do of the exchange it works on. Valid until the exchange ends. */
export interface FilterScope extends KeptState {
  /** The request's head. It and its offsets are valid only during `onRequest`. */
  readonly head: Head;
  readonly client: ClientConnection;
  /** Of the client that is judged: behind trusted hops the one that they name. */
  readonly clientAddress: string;
  /** Who is at the other end is a trusted hop: lines that only a gateway may write go on as they came. */
  readonly trusted: boolean;
  /** Key of the listener. */
  readonly listener: string;
  /** Key of the rule, or '' where none takes the request. */
  readonly route: string;
  /** Key of the backend that was chosen, or '' while none is. */
  readonly backend: string;
  readonly requestId: string;
  /** Length of the path prefix that matched: of `PathPrefix /foo`, 4; of `PathPrefix /`, 0; else the whole path's. */
  readonly matchedPrefix: number;
  /** Port that the client sees: the listener's own, before the port map. */
  readonly listenerPort: number;
  /** The upstream request's path and query instead of the client's, starting with '/'. */
  setTarget(target: string): void;
  /** Takes a parameter out of the upstream request's query, whoever sets its target. `name`: decoded, a character a byte. */
  dropParameter(name: string): void;
  /** The upstream request's Host instead of the client's. */
  setAuthority(authority: string): void;
  /** What filters change of the upstream request up to now. */
  readonly requestPatch: HeaderPatch;
  /** More changes of the upstream request's or the client's response's headers, after those of the rule. */
  patchRequest(patch: HeaderPatch): void;
  patchResponse(patch: HeaderPatch): void;
  /** Copies this request to another backend, answer ignored. Key of a Backend. */
  mirror(backend: string): void;
  /** Refuses a body that turns out longer (413), which `denied` tells then. Of several limits the least counts. */
  limitBody(bytes: number, denied: DecisionCounter): void;
  /** Changes the request's body on its way. Its length is not known any more. */
  transformBody(make: MakeTransform): void;
  /** Counts what a policy decided, and has the access log say so; of several the last. */
  tell(decision: DecisionCounter): void;
  /** The same of a filter of the route that decides as a policy does: it has no counters of its own. */
  tellOwn(filter: string, decision: PolicyDecision): void;
  /** Says in the access log who asks; of several policies the first that knows. */
  identify(user: string): void;
  /** What the query says under this name, decoded and a character a byte, is nothing for the access log. */
  conceal(parameter: string): void;
  /** The access log has no line of this request. */
  unlog(): void;
  /** Answers in the backend's place; return ANSWERED. */
  respond(status: number, headers: ReadonlyArray<HeaderPair>, body: string): void;
  /** The same with what was kept of a backend's answer. */
  respondKept(answer: KeptAnswer): void;
  /** The same, in the form that the client prefers. */
  deny(denial: Denial): void;
  /** Holds the request, its body by back-pressure; return LATER. `timeout`: milliseconds, FILTER_TIMEOUT where absent. */
  wait(timeout?: number): Waiting;
  /**
   * For a filter that waits and must see the body: up to `limit` bytes of it, MAX_COLLECTED_BYTES at most. The backend
   * gets it all the same. Called once, `whole` where nothing is missing.
   */
  collectBody(limit: number, done: (body: Buffer, whole: boolean) => void): void;
  /**
   * For a filter that waits and must ask somebody: a request of its own to a backend of the config. `done` is called once,
   * after this call has returned, and not at all where the exchange ends before; what it throws refuses the request. Throws
   * for a request that cannot be sent. It may be sent twice, where a kept connection was closed at the same moment. Never
   * does it come back to a listener of this gateway: those are no backends, and it counts the gateways that it goes through.
   */
  ask(request: SubRequest, done: (outcome: SubAnswer | SubFailure) => void): void;
}

/** What a filter asks of a backend. */
export interface SubRequest {
  /** Key of a Backend. */
  readonly backend: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly authority: string;
  readonly headers: ReadonlyArray<HeaderPair>;
  /** More of them, as they stood in a head: each with CRLF, and none of those that frame a message. */
  readonly lines?: string;
  readonly body?: Buffer;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** Most bytes of the answer's body. */
  readonly limit: number;
}

export interface SubAnswer {
  readonly status: number;
  /** As they came, without those that are of the connection alone. */
  readonly headers: ReadonlyArray<HeaderPair>;
  readonly body: Buffer;
  readonly trailers: ReadonlyArray<HeaderPair>;
}

export interface SubFailure {
  readonly failure: Failure | 'no_endpoints' | 'answer_too_large';
}

export type HeaderPair = readonly [string, string];

export interface Reply {
  readonly status: number;
  readonly headers: ReadonlyArray<HeaderPair>;
  readonly body: string | Buffer;
  /** For the access log. */
  readonly reason?: string;
}

/** An answer of a backend that was kept: what filters made of it for all requests is in its lines already. */
export interface KeptAnswer {
  readonly status: number;
  /** Each with CRLF, as they are sent; without Content-Length. */
  readonly lines: string;
  readonly body: Buffer;
  /** In the place of the body, which is empty then: one that is read while it is sent. */
  readonly source?: BodySource;
}

export interface BodySource {
  readonly length: number;
  /** It gets no bytes: at its end it begins to write its own. */
  readonly make: MakeTransform;
}

export interface Denial {
  readonly status: number;
  /** For the access log and metrics: one word. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  readonly headers?: ReadonlyArray<HeaderPair>;
  /** In the place of the message, whatever form the client prefers; not in gRPC, where it is told by trailers. */
  readonly body?: { readonly contentType: string; readonly text: string };
}

/** How what waits goes on. The first call counts; later ones, and those after the exchange has ended, do nothing. */
export interface Waiting {
  proceed(): void;
  respond(reply: Reply): void;
  respondKept(answer: KeptAnswer): void;
  deny(denial: Denial): void;
}

/** One sending of the request. */
export interface Attempt {
  /** From 1. */
  readonly number: number;
  /** `address:port`. */
  readonly endpoint: string;
  /** A further header line for this attempt alone. Throws DMN_CONFIG_INVALID for what cannot stand in a head. */
  add(name: string, value: string): void;
}

/** The head of an answer on its way to the client. */
export interface AnswerScope {
  readonly status: number;
  /** Made by the gateway, not by a backend. */
  readonly local: boolean;
  /** First value of a header, as it would be sent now; the name in lower case. */
  value(name: string): string | undefined;
  /** All values of a header, one for each line. */
  values(name: string): string[];
  /** The same without what all answers to this request are given, whoever replaces this one. */
  ownValues(name: string): string[];
  /**
   * All lines as they would be sent now but for what this request alone is told: of a backend's answer, to be kept for
   * others. Without those of the connection.
   */
  lasting(): HeaderPair[];
  /** There is a body, and its end will be told: it does not end with a connection that anything may have ended. */
  readonly body: 'None' | 'Whole' | 'UntilClosed';
  patch(patch: HeaderPatch): void;
  /** Changes the body, where there is one. Content-Length goes, whether there is or not. */
  transformBody(make: MakeTransform): void;
  /** The same by a transform out of which comes what goes in: the length stays. */
  paceBody(make: MakeTransform): void;
  /** As in FilterScope; the backend's answer is dropped. */
  respond(status: number, headers: ReadonlyArray<HeaderPair>, body: string): void;
  respondKept(answer: KeptAnswer): void;
  /**
   * Answers 304 with what this answer of a backend says about itself; return ANSWERED. False: another filter reads its
   * body, which would be lost.
   */
  notModified(): boolean;
  wait(timeout?: number): Waiting;
}

/** How an exchange ended. */
export interface Outcome {
  /**
   * What the client was told, 499 where it left before; 0 where the request is routed again, since its backend went
   * while a filter waited: `onRequest` follows then.
   */
  readonly status: number;
  /** As in the access log: why it ended otherwise than it should have, or ''. */
  readonly reason: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Made when the body begins; `out` takes what it makes of it. */
export type MakeTransform = (out: BodyOutput) => BodyTransform;

export interface BodyTransform {
  /** The next bytes, which are the transform's own. False: it takes no more until it has called `out.ready()`. */
  write(bytes: Buffer): boolean;
  /** There are no more; it calls `out.end()` after its last bytes, now or later. */
  end(): void;
  /** The receiver takes bytes again after `out.write` said false. */
  drained(): void;
  /** The exchange is over before its time: nothing may be written any more. */
  close(): void;
}

export interface BodyOutput {
  /** False: the receiver is slow, and this is to be the last until `drained`. */
  write(bytes: Buffer): boolean;
  end(): void;
  /** After `write` of the transform said false: more may come. */
  ready(): void;
  /** The body cannot be used. The client is told so where no answer has begun, and else cut off. */
  fail(denial: Denial): void;
}
