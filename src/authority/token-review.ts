/** Whose data plane asks for a config: the API server says who a token belongs to (authentication.k8s.io/v1). */
import { createHash } from 'node:crypto';
import { type Authenticate, type Identity, StreamRefusal } from '../delivery/stream/index.ts';
import type { ApiClient } from '../sources/cluster/index.ts';

/** Whom data planes' tokens must be made for: one that was made for others says nothing here. */
export const STREAM_AUDIENCE = 'daemun-config';
/** Milliseconds for which an answer holds: data planes that come back all at once do not ask all at once. */
export const REVIEW_KEPT = 10_000;
/** Answers that are remembered. */
export const MAX_REVIEWS = 1000;

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
  const known = new Map<string, { identity: Promise<Reviewed>; until: number }>();
  return async (token) => {
    const at = createHash('sha256').update(token).digest('base64');
    let entry = known.get(at);
    if (!entry || entry.until <= now()) {
      entry = { identity: reviewed(client, token, audience), until: now() + REVIEW_KEPT };
      known.delete(at);
      known.set(at, entry);
      if (known.size > MAX_REVIEWS) known.delete(known.keys().next().value!);
      // A refusal is asked for again: a token may become valid, and who guesses gains nothing by it.
      entry.identity.catch(() => known.delete(at));
    }
    const { account, pod } = await entry.identity;
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
