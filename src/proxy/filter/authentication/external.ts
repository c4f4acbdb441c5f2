/** A service is asked who it is (external/). */
import type { ExternalMethod } from '../../../config/index.ts';
import { isGrpc } from '../../ground/grpc-call.ts';
import { ExternalCheck, type Judgement } from '../external/index.ts';
import { type AnswerScope, CONTINUE, type FilterScope, type KeptState, slot, type Verdict } from '../filter.ts';
import type { HeaderPatch } from '../header-patch.ts';
import type { Identity } from '../identity.ts';
import { type Finding, type Method, type Refusal, refusal } from './method.ts';

const DENIED = 'external_auth_denied';
const UNAUTHENTICATED = 401;

export function externalMethod(settings: ExternalMethod): Method {
  return new External(settings);
}

class External implements Method {
  readonly strip: Method['strip'];
  readonly showsAll = true;
  readonly timeout: number;
  readonly #check: ExternalCheck;
  readonly #failed: Refusal;
  readonly #subject: string | undefined;
  readonly #cookies = slot<HeaderPatch>('cookies of a service');
  /** Only there where a cookie may have to wait for what becomes of the request. */
  readonly onResponseHead?: (scope: KeptState, answer: AnswerScope) => Verdict;

  constructor({ auth, subject }: ExternalMethod) {
    this.#check = new ExternalCheck(auth);
    const { withheld } = this.#check.question;
    this.strip = withheld.isEmpty ? undefined : (scope) => scope.patchRequest(withheld);
    this.timeout = this.#check.patience;
    this.#subject = subject;
    const { statusCode } = auth.onFailure;
    this.#failed = refusal('wrong', statusCode, 'It could not be found out whether this request may pass.');
    if (auth.question.protocol === 'HTTP' && auth.question.cookies === 'Success') {
      this.onResponseHead = (scope, answer) => this.#setCookies(scope, answer);
    }
  }

  identify(scope: FilterScope): Finding | Promise<Finding> {
    const grpc = isGrpc(scope.head);
    const find = (judgement: Judgement): Finding => this.#finding(scope, { judgement, grpc });
    let settle: (finding: Finding) => void = () => {};
    const later = new Promise<Finding>((resolve) => (settle = resolve));
    const known = this.#check.check(scope, (judgement) => settle(find(judgement)));
    if (known === null) return later;
    // What passes passes at once; a refusal is as it would have been.
    return known.verdict === 'admitted' ? find(known) : Promise.resolve(find(known));
  }

  /** What it is asked with may be; what it says is its own. */
  takesSecret(): boolean {
    return false;
  }

  #finding(scope: FilterScope, { judgement, grpc }: { judgement: Judgement; grpc: boolean }): Finding {
    switch (judgement.verdict) {
      case 'admitted': {
        if (judgement.success !== undefined) scope.keep(this.#cookies, judgement.success);
        return { identity: identityOf(judgement, this.#subject), unanswered: judgement.unanswered };
      }
      case 'refused': {
        const { status, reason = DENIED } = judgement.reply;
        // Clients of gRPC read trailers: they follow no redirect, and see no page.
        const refused = refusal('wrong', status < 400 ? UNAUTHENTICATED : status, 'This request may not pass.');
        return grpc ? refused : { ...refused, reply: { ...judgement.reply, reason } };
      }
      case 'failed':
        return this.#failed;
    }
  }

  #setCookies(scope: KeptState, answer: AnswerScope): Verdict {
    const cookies = scope.kept(this.#cookies);
    if (cookies !== undefined && isSuccess(answer.status)) answer.patch(cookies);
    return CONTINUE;
  }
}

/** As nginx adds lines where it is not told to add them always. */
function isSuccess(status: number): boolean {
  return status < 400;
}

function identityOf({ request, answer }: { request: HeaderPatch; answer: HeaderPatch }, subject = ''): Identity {
  const claims: Record<string, unknown> = Object.create(null);
  for (const { name, value } of request.lines) claims[name.toLowerCase()] ??= value;
  const who = typeof claims[subject] === 'string' ? String(claims[subject]) : '';
  return { subject: who, claims, request, response: answer };
}
