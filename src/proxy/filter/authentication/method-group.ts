/** All methods of one policy: who is asked, what becomes of what they find, and what the backend gets of it. */
import type { Acting, AuthenticationSettings } from '../../../config/index.ts';
import { Networks } from '../../../value/networks.ts';
import type { DecisionCounter, PolicyState } from '../../state/index.ts';
import { type Denial, type FilterScope, type Reply, type Slot, slot } from '../filter.ts';
import { HeaderPatch } from '../header-patch.ts';
import { IDENTITY, type Identity } from '../identity.ts';
import { AnonymousPaths } from './anonymous-paths.ts';
import { ClaimHeaders } from './claim-headers.ts';
import { type PlaceReader, stripUnverified } from './credential-place.ts';
import type { Method, Refusal, Why } from './method.ts';

/** What came of the methods that were asked so far. */
export interface Progress {
  /** Nobody else need be asked. */
  settled: boolean;
  identity: Identity | null;
  refusal: Refusal | null;
  /** Of the method that refused as told. */
  refused: DecisionCounter | null;
  /** Who vouched, where one is enough. */
  by: Method | null;
  challenges: string[];
}

export type Answer = { readonly denial: Denial } | { readonly reply: Reply };

const RANK: Readonly<Record<Why, number>> = { wrong: 0, absent: 1, broken: 2 };

export class MethodGroup {
  readonly require: AuthenticationSettings['require'];
  readonly progress: Slot<Progress> = slot('methods');
  readonly #paths: AnonymousPaths | null;
  readonly #addresses: Networks | null;
  readonly #headers: ClaimHeaders;
  /** Those that hide something from the backend. */
  readonly #hiding: readonly Method[];
  readonly #secrets: readonly string[];
  /** By method, where one of several is enough: places that only the others look at. */
  readonly #unverified = new Map<Method, readonly PlaceReader[]>();
  readonly #anonymous: DecisionCounter;

  constructor(
    { source }: Acting<AuthenticationSettings>,
    settings: AuthenticationSettings,
    { methods, state }: { methods: readonly Method[]; state: PolicyState },
  ) {
    this.require = settings.require;
    const { paths, addresses } = settings.anonymous;
    this.#paths = paths.length === 0 ? null : new AnonymousPaths(paths);
    this.#addresses = addresses.length === 0 ? null : new Networks(addresses);
    this.#headers = new ClaimHeaders(settings.headers);
    this.#hiding = methods.filter(({ strip }) => strip !== undefined);
    this.#secrets = methods.flatMap(({ secrets = [] }) => secrets);
    if (settings.require === 'Any') {
      for (const one of methods) {
        const others = methods.filter((other) => other !== one).flatMap(({ places = [] }) => places);
        if (others.length > 0 && !one.showsAll) this.#unverified.set(one, others);
      }
    }
    this.#anonymous = state.counts.counter(source, '', 'anonymous');
  }

  /** True: nobody is asked. */
  begin(scope: FilterScope): boolean {
    if (!this.#headers.forged.isEmpty) scope.patchRequest(this.#headers.forged);
    for (const method of this.#hiding) method.strip!(scope);
    for (const name of this.#secrets) scope.conceal(name);
    if (!this.isAnonymous(scope)) return false;
    scope.tell(this.#anonymous);
    return true;
  }

  isAnonymous(scope: FilterScope): boolean {
    return (this.#addresses?.has(scope.clientAddress) ?? false) || (this.#paths?.has(scope.head) ?? false);
  }

  /** Takes from the request what this method, which vouches, has not verified. The scope's head has to be valid. */
  stripUnverified(scope: FilterScope, by: Method): void {
    const others = this.#unverified.get(by);
    if (others !== undefined) stripUnverified(scope, others, by.places ?? []);
  }

  accept(scope: FilterScope, identity: Identity): void {
    if (scope.kept(IDENTITY) === undefined) {
      scope.keep(IDENTITY, identity);
      scope.identify(identity.subject);
    }
    if (identity.request !== undefined) scope.patchRequest(identity.request);
    if (identity.response !== undefined) scope.patchResponse(identity.response);
    const lines = this.#headers.of(identity);
    if (lines !== null) scope.patchRequest(lines);
  }
}

/** Of two refusals the one that says more; of equals one that says what to do about it, else the first. */
export function weightier(one: Refusal | null, other: Refusal): boolean {
  if (one === null || RANK[other.why] !== RANK[one.why]) return one === null || RANK[other.why] < RANK[one.why];
  return one.challenge === undefined && other.challenge !== undefined && one.reply === undefined;
}

/** Of each claim the first that says it. */
export function joined(one: Identity | null, other: Identity): Identity {
  if (one === null) return other;
  const { subject, claims } = one;
  const request = (one.request ?? HeaderPatch.NONE).followedBy(other.request ?? HeaderPatch.NONE);
  const response = (one.response ?? HeaderPatch.NONE).followedBy(other.response ?? HeaderPatch.NONE);
  return { subject, claims: { ...other.claims, ...claims }, request, response };
}

/** Nobody could find out who asks: something is missing, broken or away. */
export function isFailure({ status, reply }: Refusal): boolean {
  return reply === undefined && status !== 401 && status !== 403;
}

export function answerOf(refused: Refusal, challenges: readonly string[]): Answer {
  if (refused.reply !== undefined) return { reply: refused.reply };
  const { status, message, headers = [] } = refused;
  const reason = isFailure(refused) ? 'authentication_failed' : 'unauthenticated';
  const asked = status === 401 ? challenges.map((challenge) => ['WWW-Authenticate', challenge] as const) : [];
  return { denial: { status, reason, message, headers: [...asked, ...headers] } };
}
