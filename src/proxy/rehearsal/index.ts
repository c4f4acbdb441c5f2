/**
 * What filters and policies make of a request that nobody sends: those that serve, compiled as they are served, asked
 * about it one after another. Nobody is asked in turn, and nothing is known of requests before it.
 */
import type {
  AccessSettings,
  AuthenticationMethod,
  Credential,
  Policy,
  RateLimitSettings,
  Snapshot,
  Stacked,
} from '../../config/index.ts';
import { CONTINUE, type CompiledFilter, type FilterScope, LATER, type Verdict } from '../filter/filter.ts';
import { type FilterChain, POLICY_FILTERS, Policies } from '../filter/index.ts';
import { type FilterAct, watchedChain } from '../filter/watch.ts';
import { fieldHash, type Head } from '../ground/head.ts';
import { askedHead, type Decision, FilterRun } from '../http/index.ts';
import type { RoutePlan, RouteTable } from '../route/index.ts';
import { CountryDatabase, PolicyState } from '../state/index.ts';
import { Observer, type RehearsedStep, type RuleWords } from './observer.ts';
import type { RehearsedRequest } from './rehearsed-request.ts';
import { Stage } from './stage.ts';

export type { RehearsedStep, RuleWords } from './observer.ts';
export { rehearseStream } from './stream.ts';

export interface Rehearsal {
  steps: RehearsedStep[];
  /** Where the listener itself refuses it, before any filter. */
  refused?: { status: number; message: string };
  /** Undefined: nobody said it. */
  clientAddress: string | undefined;
  /** Who asks, as a policy found; ''. */
  user: string;
}

/** Where the request goes. */
export interface RehearsalPlace {
  config: Snapshot;
  table: RouteTable;
  /** Key of the one that it goes to, of those of its rule. */
  backend: string | undefined;
  /** The config does not show what is secret. */
  redacted: boolean;
  /** What a rule of a policy is called: `list` says which of two lists it is in, where there are two. */
  words: RuleWords;
}

/** Not to be called while bytes of a connection are being handled. */
export async function rehearse(request: RehearsedRequest, place: RehearsalPlace): Promise<Rehearsal> {
  const asked = askedHead(request, place.table);
  if ('refused' in asked) return { steps: [], refused: asked.refused, clientAddress: undefined, user: '' };
  const { head, clientAddress } = asked;
  const way = wayOf(head, request.serverName, place);
  const stage = new Stage(request, { listener: way.listener, route: way.plan?.rule.key ?? '' });
  stage.address = clientAddress;
  const { matchedPrefix, listenerPort } = way;
  const run = new FilterRun(stage, { head, matchedPrefix, listenerPort, trusted: false });
  const observer = new Observer(stage, {
    claims: request.claims,
    words: place.words,
    unjudged: place.redacted ? unjudged : unlocated,
    asks: (method) => asksOf(method, place.config),
    hasCookie: (name) => hasCookie(request, name),
    target: () => run.target,
  });
  try {
    for (const chain of chainsOf(place, { ...way, head }, stage)) {
      const watched = watchedChain(chain(), observer);
      if (
        watched !== null &&
        (await answers(run, run.run(watched), { observer, stage, bodyBytes: head.contentLength }))
      )
        break;
    }
  } finally {
    run.end({ status: 0, reason: '', bytesIn: 0, bytesOut: 0 });
  }
  return { steps: observer.steps, clientAddress, user: stage.user };
}

interface Way {
  listener: string;
  /** Undefined: no rule takes it. */
  plan: RoutePlan | undefined;
  matchedPrefix: number;
  listenerPort: number;
}

function wayOf(head: Head, serverName: string, { table }: RehearsalPlace): Way {
  const match = table.match(head, serverName);
  if (match !== null) return { ...match };
  const { key = '', port = 0 } = table.listener(head) ?? {};
  return { listener: key, plan: undefined, matchedPrefix: 0, listenerPort: port };
}

/**
 * Those that act before the route is chosen, those of the rule with its listener's, then those of the backend. A rule that
 * is broken answers before all but the first.
 */
function chainsOf(
  place: RehearsalPlace,
  { plan, listener, head }: Way & { head: Head },
  stage: Stage,
): Array<() => FilterChain | null> {
  const policies = policiesOf(place.config);
  const { backend, table } = place;
  const own = table.filters(head);
  const first = own && policies.beforeRoute(own, table.listener(head)!.key);
  const left = (chain: FilterChain | null) => (first === null ? chain : (chain?.without(first) ?? null));
  if (plan?.rule.broken !== undefined) return [() => first];
  if (plan === undefined) return [() => first, () => left(policies.ofListener(listener))];
  const planned = plan.backends.find(({ key }) => key === backend);
  return [
    () => first,
    () => left(policies.filtersOf(plan, listener)),
    () => {
      if (planned === undefined) return null;
      stage.backend = planned.key;
      return left(policies.filtersOfBackend(planned));
    },
  ];
}

function policiesOf(config: Snapshot): Policies {
  const fetch = (): Promise<never> => Promise.reject(new Error('nobody is asked'));
  const policies = new Policies(
    POLICY_FILTERS,
    new PolicyState(undefined, { fetch, countries: new CountryDatabase() }),
  );
  const credentials = new Map<string, Credential>(config.of('Credential'));
  const usable = (policy: Policy): Policy => {
    try {
      if (policies.guards(policy)) policies.check(policy);
      return policy;
    } catch {
      return unusable(policy);
    }
  };
  policies
    .prepare(
      [...config.of('Policy').values()].map((one) => usable(countedHere(one))),
      credentials,
    )
    .swap();
  return policies;
}

/** One that no data plane can compile denies what it acts on, and nothing of other policies is hidden by it. */
function unusable(policy: Policy): Policy {
  const { acts } = policy.spec as Stacked<object>;
  return { ...policy, spec: { acts: acts.map(({ settings: _, ...act }) => act) } } as Policy;
}

/** Limits that several gateways count are counted here for once: nothing is known of what came before in any case. */
function countedHere(policy: Policy): Policy {
  if (policy.type !== 'RateLimit') return policy;
  const acts = (policy.spec as Stacked<RateLimitSettings>).acts.map((act) => {
    if (act.settings === undefined) return act;
    const { shared: _, ...settings } = act.settings;
    return { ...act, settings };
  });
  return { ...policy, spec: { acts } };
}

interface Watching {
  observer: Observer;
  stage: Stage;
  bodyBytes: number;
}

/** True: a filter answers. What nobody can know here is passed over. */
async function answers(run: FilterRun, first: Verdict, watching: Watching): Promise<boolean> {
  const { observer, stage } = watching;
  let verdict = first;
  while (verdict !== CONTINUE) {
    let decision: Decision | undefined = run.answer;
    if (verdict === LATER) {
      const waited = stage.decision();
      give(run, watching);
      // A filter that asks somebody waits for an answer that does not come, and one that delays for its time.
      decision = stage.asked.length > 0 || observer.delays ? undefined : (await waited).decision;
      observer.toldLater();
    }
    const ends = decision === undefined ? observer.settleUnasked() : decision !== null && observer.settle(decision);
    if (ends) return true;
    run.abandonWait();
    run.answer = null;
    verdict = run.goOn();
  }
  return false;
}

/** A filter that wants to see the body gets one of its length. */
function give(run: FilterRun, { bodyBytes }: Watching): void {
  const { collecting } = run;
  if (collecting === null) return;
  run.collecting = null;
  const length = Math.max(0, bodyBytes);
  collecting.done(Buffer.alloc(Math.min(length, collecting.limit)), length <= collecting.limit);
}

/** What the config does not show cannot be compared; all else of the same policy can. */
function unjudged(act: FilterAct, filter: CompiledFilter, scope: FilterScope): string | undefined {
  if (filter.takesSecret?.(scope)) return 'depends on secrets, which a running gateway does not show';
  const hidden =
    act.type === 'Access' && act.settings !== undefined && asksOfHeaders(act.settings as AccessSettings, scope);
  return hidden ? 'depends on values that a running gateway does not show' : unlocated(act);
}

/** Values of headers are not shown. A rule that asks for a header that is not there takes no request. */
function asksOfHeaders({ deny, allow }: AccessSettings, { head }: FilterScope): boolean {
  const isThere = ({ name }: { name: string }): boolean =>
    head.find(name.toLowerCase(), fieldHash(name.toLowerCase())) >= 0;
  return [...deny, ...allow].some(({ headers }) => headers.length > 0 && headers.every(isThere));
}

/** Where addresses are is known to data planes alone. */
function unlocated({ settings, type }: FilterAct): string | undefined {
  if (type !== 'Access' || settings === undefined) return undefined;
  const { deny, allow } = settings as AccessSettings;
  const names = [...deny, ...allow].some(({ countries }) => countries !== undefined);
  return names ? 'depends on the country of the client, which data planes find in their database' : undefined;
}

function asksOf(method: AuthenticationMethod, config: Snapshot): string[] {
  switch (method.type) {
    case 'Oidc':
      return [method.issuer];
    case 'Jwt':
      return method.providers.flatMap(({ credential }) => {
        const content = config.get('Credential', credential)?.content;
        if (content?.type === 'BackendKeySet') return [content.backend];
        return content?.type === 'RemoteKeySet' ? [content.url] : [];
      });
    default:
      return [];
  }
}

function hasCookie({ headers }: RehearsedRequest, name: string): boolean {
  return headers.some(
    ([line, value]) =>
      line.toLowerCase() === 'cookie' && value.split(';').some((one) => one.trim().startsWith(`${name}=`)),
  );
}
