/** Asking a service about a request: the body that goes with it, what is known already, and what fails. */
import type { ExternalAuth } from '../../../config/index.ts';
import { FILTER_TIMEOUT, type FilterScope } from '../filter.ts';
import { HeaderPatch } from '../header-patch.ts';
import { AskedByGrpc } from './grpc-question.ts';
import { AskedByHttp } from './http-question.ts';
import { type Admission, FAILED, type Inquiry, type Judgement, type Question } from './question.ts';

const TOO_LARGE: Judgement = {
  verdict: 'refused',
  reply: {
    status: 413,
    headers: [['Content-Type', 'text/plain; charset=utf-8']],
    body: 'The body of this request is longer than what is looked at.\n',
    reason: 'body_too_large',
  },
};

export class ExternalCheck {
  readonly question: Question;
  readonly #auth: ExternalAuth;
  /** In the place of no answer, where that lets pass. */
  readonly #unanswered: Admission;

  /** Throws DMN_CONFIG_INVALID for what cannot be asked. */
  constructor(auth: ExternalAuth) {
    this.#auth = auth;
    this.question =
      auth.question.protocol === 'HTTP' ? new AskedByHttp(auth, auth.question) : new AskedByGrpc(auth, auth.question);
    this.#unanswered = {
      verdict: 'admitted',
      unanswered: true,
      request: this.question.withheld,
      answer: HeaderPatch.NONE,
    };
  }

  /** Milliseconds after which nobody waits any more: an answer, or none, is there before. */
  get patience(): number {
    return this.#auth.timeout + FILTER_TIMEOUT;
  }

  /**
   * Called in `onRequest`. What it answers is known at once; null: the filter waits, and `done` is called later, and not at
   * all where the exchange ends before.
   */
  check(scope: FilterScope, done: (judgement: Judgement) => void): Judgement | null {
    const inquiry = this.question.about(scope);
    if (inquiry.known !== undefined) return inquiry.known;
    const { body } = this.#auth;
    const { contentLength, chunked, upgradeEnd } = scope.head;
    // What follows an upgrade is between two, and is no body; what comes before it is one.
    if (body === undefined || (upgradeEnd > 0 && contentLength <= 0 && !chunked)) this.#ask(scope, { inquiry, done });
    else if (!body.partial && contentLength > body.maxBytes) return TOO_LARGE;
    else {
      scope.collectBody(body.maxBytes, (collected, whole) => {
        if (whole || body.partial) this.#ask(scope, { inquiry, done, body: collected });
        else done(TOO_LARGE);
      });
    }
    return null;
  }

  #ask(scope: FilterScope, about: { inquiry: Inquiry; done: (judgement: Judgement) => void; body?: Buffer }): void {
    const { inquiry, done } = about;
    scope.ask(inquiry.request(about.body), (outcome) => {
      const judgement = 'failure' in outcome ? FAILED : judged(() => inquiry.judge(outcome));
      done(judgement.verdict === 'failed' && this.#auth.onFailure.open ? this.#unanswered : judgement);
    });
  }
}

/** An answer that cannot be read is as good as none. */
function judged(judge: () => Judgement): Judgement {
  try {
    return judge();
  } catch {
    return FAILED;
  }
}
