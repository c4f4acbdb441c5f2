import type { Attachment, HttpMatch, Listener, RouteRule } from '../../config/index.ts';
import { type Collection, type Index, index } from '../../graph/index.ts';
import { ANY_HOST, bySpecificity, covers } from '../gateway/hostnames.ts';
import type { TranslateOptions } from '../inputs.ts';
import type { Lookup } from '../lookup.ts';
import { byAge, ordered } from '../precedence.ts';
import type { JudgedRoute } from './route.ts';

/**
 * A match of a rule, and everywhere it would take requests. The spec ranks matches by how specific they are; only
 * between equal ones does the age of the route, and then the order of rules, decide. So what shadows a match is an
 * equal match on the same listener and hostname, unless the other route's own hostname is the less specific one.
 */
interface MatchClaim {
  rule: string;
  route: RouteRule['route'];
  created: string;
  ruleIndex: number;
  matchIndex: number;
}

/** One claim under each signature. */
export interface SignedClaim extends MatchClaim {
  signature: string;
  /** The route's own hostname there, which comes before its age. */
  own: string;
}

/** Where requests of a listener meet those of others: its own key, or the socket and hostname that it shares. */
export type SiteOf = (listener: string) => string;

/** Gateways that share data planes share sockets: their listeners with equal hostnames have their routes in common. */
export function siteOf(options: TranslateOptions, served: (listener: string) => Listener | undefined): SiteOf {
  return (key) => {
    const listener = options.shared ? served(key) : undefined;
    if (listener === undefined) return key;
    return `${listener.port} ${listener.addresses.join()} ${listener.hostname ?? ANY_HOST}`;
  };
}

export function claimsOf(judged: JudgedRoute, site: SiteOf): SignedClaim[] {
  return judged.rules.flatMap((rule) =>
    rule.matches.flatMap((match, matchIndex) =>
      signatures(rule, match, { site }).map((signed) => ({ ...claimOf(rule, matchIndex), ...signed })),
    ),
  );
}

export function claimIndex(claims: Collection<SignedClaim>): Index<SignedClaim> {
  return index('claims by signature', claims, ({ signature }) => [signature]);
}

function claimOf(rule: RouteRule, matchIndex: number): MatchClaim {
  return { rule: rule.key, route: rule.route, created: rule.created, ruleIndex: rule.index, matchIndex };
}

interface Sites {
  site: SiteOf;
  /** Only these; absent: all. */
  listeners?: ReadonlySet<string>;
}

function signatures(
  rule: RouteRule,
  match: HttpMatch,
  { site, listeners }: Sites,
): Array<Pick<SignedClaim, 'signature' | 'own'>> {
  const what = JSON.stringify([
    match.path.type,
    match.path.value,
    match.method ?? match.call ?? '',
    match.headers.map(({ type, name, value }) => `${name} ${type} ${value}`).sort(),
    match.query.map(({ type, name, value }) => `${name} ${type} ${value}`).sort(),
  ]);
  return rule.attachments
    .filter(({ listener }) => listeners === undefined || listeners.has(listener))
    .flatMap((attachment) =>
      attachment.hostnames.map((hostname) => ({
        signature: `${site(attachment.listener)} ${hostname} ${what}`,
        own: ownHostname(attachment, hostname),
      })),
    );
}

/** The most specific of the route's hostnames that cover this one. */
function ownHostname({ routeHostnames }: Attachment, hostname: string): string {
  const covering = routeHostnames?.filter((own) => covers(own, hostname)).sort(bySpecificity);
  return covering?.[0] ?? hostname;
}

/** A sentence for each match of a route that takes no request on these listeners, because an equal one takes them all. */
export function shadowed(
  look: Lookup,
  claims: Index<SignedClaim>,
  { judged, ...sites }: { judged: JudgedRoute } & Sites,
): string[] {
  const found: string[] = [];
  for (const rule of judged.rules) {
    for (const [matchIndex, match] of rule.matches.entries()) {
      const own = claimOf(rule, matchIndex);
      const winners = signatures(rule, match, sites).map((signed) => winner(look, claims, { ...own, ...signed }));
      const [first] = winners;
      if (first !== undefined && winners.every((one) => one !== undefined)) found.push(sentence(own, first));
    }
  }
  return found;
}

function winner(look: Lookup, claims: Index<SignedClaim>, own: SignedClaim): MatchClaim | undefined {
  let best: SignedClaim | undefined;
  for (const claim of look.context.fetch(claims, own.signature) ?? []) {
    // A GRPCRoute takes calls alone, and so never all that an HTTPRoute would; and those calls it gets before it.
    if (claim.route.kind !== own.route.kind) continue;
    if (best === undefined || byPrecedence(claim, best) < 0) best = claim;
  }
  return best !== undefined && byPrecedence(best, own) < 0 ? best : undefined;
}

function byPrecedence(a: SignedClaim, b: SignedClaim): number {
  return (
    bySpecificity(a.own, b.own) ||
    byAge({ ...a.route, created: a.created }, { ...b.route, created: b.created }) ||
    ordered(a.ruleIndex, b.ruleIndex) ||
    ordered(a.matchIndex, b.matchIndex)
  );
}

function sentence(own: MatchClaim, { route, ruleIndex, matchIndex }: MatchClaim): string {
  const { kind, namespace, name } = route;
  return `spec.rules[${own.ruleIndex}].matches[${own.matchIndex}] takes no requests: ${kind} ${namespace}/${name} rules[${ruleIndex}].matches[${matchIndex}] is equal and comes first`;
}
