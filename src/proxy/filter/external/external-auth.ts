/** ExternalAuth: a request passes where a service says so, and nothing passes where it says nothing. */
import type { ExternalAuth } from '../../../config/index.ts';
import { isGrpc } from '../../ground/grpc-call.ts';
import {
  CONTINUE,
  type CompiledFilter,
  type Denial,
  type FilterScope,
  LATER,
  type Reply,
  type Verdict,
  type Waiting,
} from '../filter.ts';
import { VOUCHED } from '../identity.ts';
import { ExternalCheck } from './external-check.ts';
import type { Admission, Judgement } from './question.ts';

const TYPE = 'ExternalAuth';

export class ExternalAuthFilter implements CompiledFilter {
  readonly type = TYPE;
  readonly step = 'authentication';
  readonly #check: ExternalCheck;
  readonly #denial: Denial;

  /** Throws DMN_CONFIG_INVALID for what cannot be asked. */
  constructor(auth: ExternalAuth) {
    this.#check = new ExternalCheck(auth);
    this.#denial = {
      status: auth.onFailure.statusCode,
      reason: 'external_auth_failed',
      message: 'It could not be found out whether this request may pass.',
    };
  }

  onRequest(scope: FilterScope): Verdict {
    let waiting: Waiting | undefined;
    const grpc = isGrpc(scope.head);
    const known = this.#check.check(scope, (judgement) => this.#decide(scope, waiting!, { judgement, grpc }));
    if (known?.verdict === 'admitted') {
      admit(scope, known);
      return CONTINUE;
    }
    waiting = scope.wait(this.#check.patience);
    if (known !== null) this.#decide(scope, waiting, { judgement: known, grpc });
    return LATER;
  }

  #decide(scope: FilterScope, waiting: Waiting, { judgement, grpc }: { judgement: Judgement; grpc: boolean }): void {
    switch (judgement.verdict) {
      case 'admitted':
        admit(scope, judgement);
        return waiting.proceed();
      case 'refused':
        scope.tellOwn(TYPE, 'denied');
        return grpc ? waiting.deny(denialOf(judgement.reply)) : waiting.respond(told(judgement.reply));
      case 'failed':
        scope.tellOwn(TYPE, 'failed-closed');
        return waiting.deny(this.#denial);
    }
  }
}

function admit(scope: FilterScope, { request, answer, unanswered }: Admission): void {
  scope.tellOwn(TYPE, unanswered ? 'failed-open' : 'allowed');
  scope.keep(VOUCHED, true);
  scope.patchRequest(request);
  scope.patchResponse(answer);
}

const DENIED = 'external_auth_denied';

function told(reply: Reply): Reply {
  return { reason: DENIED, ...reply };
}

/** Clients of gRPC read trailers, and no pages. */
function denialOf({ status, reason = DENIED }: Reply): Denial {
  // A redirect is nothing that they could follow.
  const refused = status < 400 ? 401 : status;
  return { status: refused, reason, message: 'This call may not be made.' };
}
