/** What each filter did to a request that nobody sends, and whether that would be so whoever sends it. */
import type {
  AuthenticationMethod,
  AuthenticationSettings,
  DirectResponseSettings,
  FaultSettings,
} from '../../config/index.ts';
import { CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from '../filter/filter.ts';
import { actOf, assumeIdentity, type FilterAct, type FilterWatch, knowsIdentity } from '../filter/watch.ts';
import type { Decision } from '../http/index.ts';
import type { Stage } from './stage.ts';

export interface RehearsedStep {
  /** Of the filter: a filter of a route, or a type of config policy. */
  type: string;
  /** Of a policy: `Kind/namespace/name`. */
  source?: string;
  holds?: 'Default' | 'Override';
  /** undecided: it depends on what is not known here; `says` names it. */
  decision: 'passes' | 'refuses' | 'answers' | 'undecided';
  /** Where it refuses or answers. */
  status?: number;
  says: string[];
}

/** Of a rule that decided: which of its policy it is. */
export type RuleWords = (act: FilterAct | undefined, rule: string, list: 'deny' | 'allow') => string;

export interface Surroundings {
  words: RuleWords;
  /** Who asks, as if authentication had found that out. */
  claims: Readonly<Record<string, unknown>> | undefined;
  /** Policies that are not judged, each with the reason. */
  unjudged: (act: FilterAct, filter: CompiledFilter, scope: FilterScope) => string | undefined;
  /** What somebody elsewhere must be asked for before this method of authentication knows. */
  asks: (method: AuthenticationMethod) => string[];
  /** Name of a session cookie: whoever has none is sent to sign in, and nobody need be asked about that. */
  hasCookie: (name: string) => boolean;
  target: () => string;
}

/** What these answer refuses the request; what others answer takes its place. */
const GUARDS: ReadonlySet<string> = new Set([
  'Access',
  'Authentication',
  'RateLimit',
  'CrossSite',
  'BodySize',
  'Fault',
  'ExternalAuth',
]);
const FAULT = 'Fault';
const AUTHENTICATION = 'Authentication';

export class Observer implements FilterWatch {
  readonly steps: RehearsedStep[] = [];
  readonly #stage: Stage;
  readonly #around: Surroundings;
  /** Sources of which some filter could not be judged. */
  readonly #open = new Set<string>();
  #act: FilterAct | undefined;
  #target = '';
  /** Who asks depends on what is not known, whoever else says it after that: the first that does counts. */
  #unknownIdentity = false;
  /** Before the filter that is looked at. */
  #knowsIdentity = false;

  constructor(stage: Stage, around: Surroundings) {
    this.#stage = stage;
    this.#around = around;
  }

  before(filter: CompiledFilter, scope: FilterScope): Verdict | undefined {
    const act = actOf(filter);
    this.#act = act;
    this.#target = this.#around.target();
    this.#stage.begin();
    this.#knowsIdentity = knowsIdentity(scope);
    const step: RehearsedStep = { type: filter.type, decision: 'passes', says: [] };
    if (act !== undefined) Object.assign(step, { source: act.source, holds: act.holds });
    this.steps.push(step);
    const why = this.#instead(filter, act, scope);
    if (why === undefined) return undefined;
    step.says.push(why.says);
    step.decision = why.decision;
    if (why.decision === 'undecided' && act !== undefined) this.#leaveOpen(act);
    return CONTINUE;
  }

  /** Why the filter is not asked at all. */
  #instead(
    filter: CompiledFilter,
    act: FilterAct | undefined,
    scope: FilterScope,
  ): (Pick<RehearsedStep, 'decision'> & { says: string }) | undefined {
    const { claims, unjudged } = this.#around;
    const { type, step } = filter;
    if (act !== undefined && type === AUTHENTICATION && act.settings !== undefined && claims !== undefined) {
      if (!knowsIdentity(scope)) assumeIdentity(scope, claims);
      return { decision: 'passes', says: 'taken for passed, with the claims that were given' };
    }
    const reason = act === undefined ? undefined : unjudged(act, filter, scope);
    if (reason !== undefined) return { decision: 'undecided', says: reason };
    if (this.#unknownIdentity && (step === 'claim-access' || step === 'claim-limits'))
      return { decision: 'undecided', says: 'depends on who asks: say it with --claim' };
    return undefined;
  }

  after(filter: CompiledFilter, scope: FilterScope, verdict: Verdict): void {
    const step = this.steps.at(-1)!;
    step.says.push(...this.#toldWords());
    if (verdict !== CONTINUE) return;
    step.says.push(
      ...(filter.details?.(scope, (rule) => this.#around.words(this.#act, rule, 'allow')) ?? []).map((text) =>
        this.#stage.withoutGuess(text),
      ),
    );
    const target = this.#around.target();
    if (target !== this.#target) step.says.push(`the backend is asked for ${target}`);
    if (filter.type === 'Access' && this.#stage.isGuess) this.#addressUnknown(step);
  }

  /** The filter answered. True: it would, whoever asks. */
  settle(decision: NonNullable<Decision>): boolean {
    const step = this.steps.at(-1)!;
    if ('denial' in decision) {
      step.status = decision.denial.status;
      step.says.push(decision.denial.message);
    } else {
      const { status } = 'reply' in decision ? decision.reply : decision.kept;
      step.status = status;
      if ('reply' in decision) {
        const location = decision.reply.headers.find(([name]) => name.toLowerCase() === 'location');
        if (location !== undefined) step.says.push(`to ${location[1]}`);
      }
    }
    step.decision = GUARDS.has(step.type) || 'denial' in decision ? 'refuses' : 'answers';
    const open = this.#doubt(step);
    if (open === undefined) return true;
    step.says = open;
    step.decision = 'undecided';
    delete step.status;
    if (this.#act !== undefined) this.#leaveOpen(this.#act);
    return false;
  }

  /** The filter holds the request for a while that nobody waits for here. */
  get delays(): boolean {
    return this.steps.at(-1)!.type === FAULT;
  }

  /** The filter waits for somebody who is not asked. True: it ends here all the same. */
  settleUnasked(): boolean {
    const step = this.steps.at(-1)!;
    if (step.type === FAULT) return this.#settleDelay(step);
    step.says = this.#stage.asked.map((one) => `would ask ${one}`);
    step.decision = 'undecided';
    if (this.#act !== undefined) this.#leaveOpen(this.#act);
    return false;
  }

  #settleDelay(step: RehearsedStep): boolean {
    const { delay, abort } = this.#act!.settings as FaultSettings;
    if (delay !== undefined)
      step.says = [`delays it by ${delay.milliseconds} ms, ${delay.percentage} % of such requests`];
    if (abort === undefined || abort.percentage <= 0) return false;
    step.status = abort.statusCode;
    if (abort.percentage >= 100) {
      step.decision = 'refuses';
      return true;
    }
    step.decision = 'undecided';
    step.says.push(`answers ${abort.percentage} % of such requests with ${abort.statusCode}`);
    return false;
  }

  /** Why it may be otherwise than the filter said; undefined: it is so. */
  #doubt(step: RehearsedStep): string[] | undefined {
    const act = this.#act;
    if (this.#stage.isGuess && (step.type === 'Access' || step.type === AUTHENTICATION)) return [ADDRESS];
    if (act?.settings === undefined) return undefined;
    if (step.type === 'DirectResponse') {
      const { exempt } = act.settings as DirectResponseSettings;
      return this.#stage.isGuess && exempt.length > 0 ? [ADDRESS] : undefined;
    }
    if (step.type === FAULT) {
      const { abort } = act.settings as FaultSettings;
      if (abort === undefined || abort.percentage >= 100) return undefined;
      return [`answers ${abort.percentage} % of such requests with ${abort.statusCode}`];
    }
    return step.type === AUTHENTICATION ? this.#methodDoubt(step, act) : undefined;
  }

  #methodDoubt(step: RehearsedStep, { source, settings, at }: FilterAct): string[] | undefined {
    const { methods, require } = settings as AuthenticationSettings;
    const method = methods[at]!;
    const unavailable = step.status === 503;
    if (unavailable && method.type === 'Oidc' && !this.#around.hasCookie(method.cookie.name)) {
      step.status = 302;
      step.says = [`is sent to sign in at ${method.issuer}`];
      return require === 'Any' && this.#open.has(source) ? ['depends on the methods before it'] : undefined;
    }
    const asks = unavailable ? this.#around.asks(method) : [];
    if (asks.length > 0) return asks.map((one) => `would ask ${one}`);
    // Of several methods one that could not be judged may have let it in.
    return require === 'Any' && this.#open.has(source) ? ['depends on the methods before it'] : undefined;
  }

  #leaveOpen({ source, type }: FilterAct): void {
    this.#open.add(source);
    if (type === AUTHENTICATION && !this.#knowsIdentity) this.#unknownIdentity = true;
  }

  #addressUnknown(step: RehearsedStep): void {
    step.decision = 'undecided';
    step.says = [ADDRESS];
  }

  #toldWords(): string[] {
    const access = this.#act?.type === 'Access';
    // A policy that cannot be used has no rules to ask.
    const nobody = (decision: string) => (access && decision !== 'unusable' ? ': no rule allows it' : '');
    return this.#stage.told.map(({ rule, decision }) =>
      rule === '' ? `${decision}${nobody(decision)}` : `${decision} by ${this.#around.words(this.#act, rule, 'deny')}`,
    );
  }

  /** What was told after the filter had waited. */
  toldLater(): void {
    this.steps.at(-1)!.says.push(...this.#toldWords());
    this.#stage.told = [];
  }
}

const ADDRESS = "depends on the client's address: say it with --client-address";
