/**
 * One method of a policy, asked in its turn. Each is a filter of its own, so that one that has to wait is followed by the
 * next one with the request's head in place.
 */
import type { Acting, AuthenticationSettings } from '../../../config/index.ts';
import type { DecisionCounter, PolicyState } from '../../state/index.ts';
import { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, LATER, type Verdict } from '../filter.ts';
import type { Finding, Method, Refusal } from './method.ts';
import {
  type Answer,
  answerOf,
  isFailure,
  joined,
  type MethodGroup,
  type Progress,
  weightier,
} from './method-group.ts';

const UNFOUND: Refusal = { why: 'wrong', status: 500, message: 'It could not be found out who asks.' };

export class MethodFilter implements CompiledFilter {
  readonly type = 'Authentication';
  readonly step = 'authentication';
  readonly yields: boolean;
  readonly #group: MethodGroup;
  readonly #method: Method;
  readonly #first: boolean;
  readonly #last: boolean;
  readonly #allowed: DecisionCounter;
  readonly #denied: DecisionCounter;
  readonly #failedClosed: DecisionCounter;
  readonly #failedOpen: DecisionCounter;
  readonly onResponseHead?: NonNullable<Method['onResponseHead']>;

  constructor(
    { source, holds }: Acting<AuthenticationSettings>,
    method: Method,
    at: { group: MethodGroup; name: string; first: boolean; last: boolean; state: PolicyState },
  ) {
    this.yields = holds === 'Default';
    this.#group = at.group;
    this.#method = method;
    this.#first = at.first;
    this.#last = at.last;
    this.#allowed = at.state.counts.counter(source, at.name, 'allowed');
    this.#denied = at.state.counts.counter(source, at.name, 'denied');
    this.#failedClosed = at.state.counts.counter(source, at.name, 'failed-closed');
    this.#failedOpen = at.state.counts.counter(source, at.name, 'failed-open');
    const { onResponseHead } = method;
    if (onResponseHead !== undefined) this.onResponseHead = onResponseHead;
  }

  onRequest(scope: FilterScope): Verdict {
    const { progress } = this.#group;
    let known = this.#first ? undefined : scope.kept(progress);
    if (known === undefined) {
      const settled = this.#group.begin(scope);
      if (settled && this.#last) return CONTINUE;
      known = { settled, identity: null, refusal: null, refused: null, by: null, challenges: [] };
      if (!this.#last) scope.keep(progress, known);
    }
    if (known.settled) {
      // Now, since who vouched may have had to wait, and had no head then.
      if (this.#last && known.by !== null) this.#group.stripUnverified(scope, known.by);
      return CONTINUE;
    }
    // If the last one does not vouch, nothing goes to the backend.
    if (this.#last) this.#group.stripUnverified(scope, this.#method);
    const finding = this.#method.identify(scope);
    if (finding instanceof Promise) return this.#wait(scope, known, finding);
    const answer = this.#take(scope, known, finding);
    if (answer === null) return CONTINUE;
    if ('denial' in answer) scope.deny(answer.denial);
    else scope.respond(answer.reply.status, answer.reply.headers, String(answer.reply.body));
    return ANSWERED;
  }

  takesSecret(scope: FilterScope): boolean {
    const known = scope.kept(this.#group.progress);
    if (known?.settled ?? this.#group.isAnonymous(scope)) return false;
    return this.#method.takesSecret(scope);
  }

  #wait(scope: FilterScope, known: Progress, finding: Promise<Finding>): Verdict {
    const waiting = scope.wait(this.#method.timeout);
    const take = (found: Finding): void => {
      const answer = this.#take(scope, known, found);
      if (answer === null) waiting.proceed();
      else if ('denial' in answer) waiting.deny(answer.denial);
      else waiting.respond(answer.reply);
    };
    finding.then(take).catch(() => take(UNFOUND));
    return LATER;
  }

  /** Null: it goes on. */
  #take(scope: FilterScope, known: Progress, finding: Finding): Answer | null {
    const any = this.#group.require === 'Any';
    if ('identity' in finding) {
      known.identity = joined(known.identity, finding.identity);
      if (!any && !this.#last) return null;
      known.settled = true;
      if (any) known.by = this.#method;
      scope.tell(finding.unanswered ? this.#failedOpen : this.#allowed);
      this.#group.accept(scope, known.identity);
      return null;
    }
    if (finding.challenge !== undefined) known.challenges.push(...[finding.challenge].flat());
    if (weightier(known.refusal, finding)) {
      known.refusal = finding;
      known.refused = isFailure(finding) ? this.#failedClosed : this.#denied;
    }
    if (any && !this.#last) return null;
    known.settled = true;
    scope.tell(known.refused!);
    return answerOf(known.refusal!, known.challenges);
  }
}
