/** Whose data plane asks for a config: the API server says who a token belongs to (authentication.k8s.io/v1). */
import { createHash } from 'node:crypto';
import { type Authenticate, type Identity, StreamRefusal } from '../delivery/stream/index.ts';
import type { ApiClient } from '../sources/cluster/index.ts';
import { ReviewBudget } from './review-budget.ts';

/** Whom data planes' tokens must be made for: one that was made for others says nothing here. */
export const STREAM_AUDIENCE = 'daemun-config';
/** Milliseconds for which an answer holds: data planes that come back all at once do not ask all at once. */
export const REVIEW_KEPT = 10_000;
/** Answers that are remembered, of those who are somebody; and as many of tokens that are nobody's. */
export const MAX_REVIEWS = 1000;
/** Milliseconds for which a token that was nobody's is not asked about again. */
export const REFUSAL_KEPT = 5_000;

const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const POD = 'authentication.kubernetes.io/pod-name';

export interface ServiceAccount {
  namespace: string;
  name: string;
}

export interface TokenReviewOptions {
  client: ApiClient;
  /** The Gateway (`namespace/name`) whose data planes run under an account; undefined: none's do. */
  gatewayOf(account: ServiceAccount): string | undefined;
  audience?: string;
  now?: () => number;
}

interface Review {
  status?: {
    authenticated?: boolean;
    audiences?: string[];
    user?: { username?: string; extra?: Record<string, string[]> };
  };
}

export function tokenReview({
  client,
  gatewayOf,
  audience = STREAM_AUDIENCE,
  now = Date.now,
}: TokenReviewOptions): Authenticate {
  const known = new Kept<Promise<Reviewed>>(now);
  /** Apart from the others: who makes up tokens makes nobody forgotten who is known. */
  const refused = new Kept<StreamRefusal>(now);
  const budget = new ReviewBudget(now);
  const review = (at: string, token: string, from: string): Promise<Reviewed> => {
    const refusal = refused.get(at);
    if (refusal !== undefined) throw refusal;
    if (!budget.take(from)) throw new StreamRefusal('busy', TOO_OFTEN);
    const identity = reviewed(client, token, audience);
    known.set(at, identity, REVIEW_KEPT);
    identity.then(
      () => budget.giveBack(from),
      (error: unknown) => {
        known.delete(at);
        // That an API server does not answer says nothing of the token, which may become valid soon.
        if (error instanceof StreamRefusal) refused.set(at, error, REFUSAL_KEPT);
      },
    );
    return identity;
  };
  return async (token, from) => {
    const at = createHash('sha256').update(token).digest('base64');
    const { account, pod } = await (known.get(at) ?? review(at, token, from));
    const gateway = gatewayOf(account);
    if (gateway === undefined) {
      const who = `${account.namespace}/${account.name}`;
      const whose = 'those of a Gateway run under an account of its namespace called daemun- and its name';
      throw new StreamRefusal('gateway', `ServiceAccount ${who} runs the data planes of no Gateway: ${whose}`);
    }
    const identity: Identity = { gateway };
    if (pod !== undefined) identity.proxy = pod;
    return identity;
  };
}

const TOO_OFTEN =
  'tokens that are nobody’s were asked about too often, from this address or from many; this one is not asked about now';

/** Values that hold for a while; of too many the oldest goes first. */
class Kept<T> {
  readonly #entries = new Map<string, { value: T; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.until <= this.#now() ? undefined : entry.value;
  }

  set(key: string, value: T, milliseconds: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: this.#now() + milliseconds });
    if (this.#entries.size > MAX_REVIEWS) this.#entries.delete(this.#entries.keys().next().value!);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

interface Reviewed {
  account: ServiceAccount;
  pod: string | undefined;
}

async function reviewed(client: ApiClient, token: string, audience: string): Promise<Reviewed> {
  const { status } = await client.call<Review>({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [audience] },
    },
  });
  if (status?.authenticated !== true) throw new StreamRefusal('token', 'the API server does not know the token');
  // An API server that does not understand audiences answers without: that is no yes.
  if (!status.audiences?.includes(audience)) {
    throw new StreamRefusal('token', `the token is not for the audience ${audience}`);
  }
  const [, namespace, name] = ACCOUNT.exec(status.user?.username ?? '') ?? [];
  if (namespace === undefined || name === undefined) {
    throw new StreamRefusal('token', "the token is no service account's");
  }
  return { account: { namespace, name }, pod: status.user?.extra?.[POD]?.[0] };
}
