/** What is asked about a request, and what comes of the answer: one member for HTTP, one for gRPC. */
import type { FilterScope, Reply, SubAnswer, SubRequest } from '../filter.ts';
import type { HeaderPatch } from '../header-patch.ts';

/** Most bytes of a service's answer that are read. */
export const MAX_ANSWER_BYTES: number = 64 * 1024;

export interface Question {
  /** Reads all that it needs of the request: its head is gone when the answer is there. */
  about(scope: FilterScope): Inquiry;
  /** What a client says of itself in lines that the service alone writes does not go on, whatever came of it. */
  readonly withheld: HeaderPatch;
}

/** A question about one request. */
export interface Inquiry {
  /** From an answer that was kept. */
  readonly known?: Judgement | undefined;
  request(body: Buffer | undefined): SubRequest;
  /** Throws for an answer that cannot be read. */
  judge(answer: SubAnswer): Judgement;
}

export type Judgement = Admission | Refusal | Failed;

export interface Admission {
  readonly verdict: 'admitted';
  /** For the request on its way to the backend, and for every answer. */
  readonly request: HeaderPatch;
  readonly answer: HeaderPatch;
  /** The service did not answer, and that lets pass. */
  readonly unanswered?: true;
  /** For answers that are no errors. */
  readonly success?: HeaderPatch | undefined;
}

export interface Refusal {
  readonly verdict: 'refused';
  readonly reply: Reply;
}

export interface Failed {
  readonly verdict: 'failed';
}

export const FAILED: Failed = { verdict: 'failed' };
