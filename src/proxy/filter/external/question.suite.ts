/** What asks a service that says what it is told to, for the tests of all that asks one. */
import type { ExternalAuth, GrpcQuestion, HttpQuestion } from '../../../config/index.ts';
import { type Asked, RecordedScope } from '../filter.suite.ts';
import type { Denial, Reply, SubAnswer, SubFailure, SubRequest, Waiting } from '../filter.ts';
import { ExternalCheck } from './external-check.ts';
import type { Judgement } from './question.ts';

export type Outcome = SubAnswer | SubFailure;

/** Asks a service that says what it is told to. */
export class AskingScope extends RecordedScope {
  readonly asked: SubRequest[] = [];
  readonly outcomes: Array<'on' | Denial | Reply> = [];
  readonly #outcome: Outcome;
  readonly #body: string;
  limit = -1;

  constructor(asked: Asked, outcome: Outcome, body = '') {
    super(asked);
    this.#outcome = outcome;
    this.#body = body;
  }

  override ask(request?: SubRequest, done?: (outcome: Outcome) => void): void {
    this.asked.push(request!);
    queueMicrotask(() => done!(this.#outcome));
  }

  override collectBody(limit?: number, done?: (body: Buffer, whole: boolean) => void): void {
    this.limit = limit!;
    const bytes = Buffer.from(this.#body);
    queueMicrotask(() => done!(bytes.subarray(0, limit), bytes.length <= limit!));
  }

  override wait(): Waiting {
    const put = (one: 'on' | Denial | Reply): void => void this.outcomes.push(one);
    return { proceed: () => put('on'), respond: put, respondKept: () => {}, deny: put };
  }
}

export const HTTP: HttpQuestion = {
  protocol: 'HTTP',
  method: 'GET',
  target: '/auth',
  host: 'auth.example',
  headers: '*',
  set: [],
  admits: 'Successful',
  toBackend: [],
  cookies: 'Never',
};
export const GRPC: GrpcQuestion = { protocol: 'GRPC', host: 'auth.example', headers: '*' };

export type Settings = Partial<ExternalAuth>;

export function authOf(question: HttpQuestion | GrpcQuestion, more: Settings = {}): ExternalAuth {
  return { backend: 'b', timeout: 100, question, onFailure: { open: false, statusCode: 503 }, ...more };
}

export function answer(status: number, headers: SubAnswer['headers'] = [], body = ''): SubAnswer {
  return { status, headers, body: Buffer.from(body), trailers: [] };
}

export async function judged(
  auth: ExternalAuth,
  scope: AskingScope,
  check: ExternalCheck = new ExternalCheck(auth),
): Promise<Judgement> {
  const { promise, resolve } = Promise.withResolvers<Judgement>();
  return check.check(scope, resolve) ?? promise;
}
