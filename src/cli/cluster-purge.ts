/**
 * Has all data planes of a cluster forget what ResponsePolicies keep: what is asked is written on each policy, so that its
 * namespace's rights say who may, and their statuses tell when it is done (docs/decisions/purges.md).
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  apiVersionOf,
  CONDITION,
  type Condition,
  type PolicyAncestorStatus,
  type PolicyStatus,
  type ResponsePolicy,
} from '../api/index.ts';
import { DaemunError } from '../observe/index.ts';
import { type ApiClient, ApiError } from '../sources/cluster/index.ts';
import { PURGE_ANNOTATION, withPurge } from '../value/asked-purges.ts';
import { CONTROLLER_NAME } from '../value/controller-name.ts';
import { clusterClient } from './cluster-client.ts';
import type { ClusterFlags } from './cluster-option.ts';

/** Milliseconds that data planes have to say that they have done it. */
export const PURGE_PATIENCE: number = 30_000;
const LOOK = 250;
/** Attempts at a policy that others change meanwhile. */
const ATTEMPTS = 5;
const PAGE = 500;
const CONFLICT = 409;

export interface ClusterPurge {
  /** `namespace/name`; absent: all that keep something. */
  policy?: string;
  host?: string;
  target?: string;
  prefix?: boolean;
  dryRun?: boolean;
}

/** What became of it on one policy. */
export interface PolicyPurged {
  policy: string;
  state: 'forgotten' | 'would be asked' | 'waiting' | 'refused';
  /** `namespace/name` of those whose data planes have done it, or have not. */
  gateways: Array<{ gateway: string; done: boolean; message: string }>;
  /** Where it was refused. */
  message?: string;
}

interface StoredPolicy extends ResponsePolicy {
  status?: PolicyStatus;
}

export async function purgeCluster(flags: ClusterFlags, purge: ClusterPurge): Promise<PolicyPurged[]> {
  const { kubeconfig, context } = flags;
  const client = await clusterClient({ kubeconfig, context });
  try {
    const policies = await keeping(client, flags, purge);
    const asking = new Asking(client, purge);
    const asked: PolicyPurged[] = [];
    for (const policy of policies) asked.push(await asking.ask(policy));
    if (!purge.dryRun) await asking.follow(asked);
    return asked;
  } finally {
    client.close();
  }
}

/** Policies that keep answers, of those that are meant. */
async function keeping(
  client: ApiClient,
  { namespace }: ClusterFlags,
  { policy }: ClusterPurge,
): Promise<StoredPolicy[]> {
  const [of, name] = policy?.split('/') ?? [];
  if (of !== undefined && namespace !== undefined && !namespace.includes(of)) return [];
  const namespaces = of === undefined ? (namespace ?? [undefined]) : [of];
  const found: StoredPolicy[] = [];
  for (const one of namespaces) {
    for (let next: string | undefined = ''; next !== undefined; ) {
      const query = { limit: PAGE, continue: next || undefined };
      const path = `${pathIn(one)}${name === undefined ? '' : `/${name}`}`;
      const page: StoredPolicy | StoredPolicies = await readable(client, path, query);
      found.push(...('items' in page ? page.items : [page]));
      next = 'items' in page ? page.metadata?.continue || undefined : undefined;
    }
  }
  return found.filter(({ spec: { cache, defaults, overrides } }) => cache ?? defaults?.cache ?? overrides?.cache);
}

interface StoredPolicies {
  items: StoredPolicy[];
  metadata?: { continue?: string };
}

async function readable(
  client: ApiClient,
  path: string,
  query: Record<string, string | number | undefined>,
): Promise<StoredPolicy | StoredPolicies> {
  try {
    return await client.call({ path, query });
  } catch (error) {
    if (!(error instanceof ApiError)) throw new DaemunError('DMN_CLUSTER_ACCESS', (error as Error).message);
    const way = error.status === 403 ? '; name namespaces that you may read with -n' : '';
    throw new DaemunError('DMN_CLUSTER_ACCESS', `ResponsePolicies: ${error.message}${way}`, { cause: error });
  }
}

class Asking {
  readonly #client: ApiClient;
  readonly #purge: ClusterPurge;
  readonly #at = new Date().toISOString();
  readonly #id = randomUUID();

  constructor(client: ApiClient, purge: ClusterPurge) {
    this.#client = client;
    this.#purge = purge;
  }

  async ask(policy: StoredPolicy): Promise<PolicyPurged> {
    const { namespace, name } = policy.metadata;
    const asked: PolicyPurged = { policy: `${namespace}/${name}`, state: 'waiting', gateways: [] };
    try {
      await this.#write(policy);
    } catch (error) {
      return { ...asked, state: 'refused', message: refusal(error, namespace!) };
    }
    return this.#purge.dryRun ? { ...asked, state: 'would be asked' } : asked;
  }

  /** Nothing of what others write meanwhile is lost: with another version of it the server refuses. */
  async #write(policy: StoredPolicy, attempt = 1): Promise<void> {
    const { dryRun } = this.#purge;
    const { namespace, name, resourceVersion, annotations } = policy.metadata;
    const path = `${pathIn(namespace)}/${name}`;
    const { policy: _policy, dryRun: _dryRun, ...place } = this.#purge;
    const text = withPurge(annotations?.[PURGE_ANNOTATION], { id: this.#id, at: this.#at, ...place });
    try {
      await this.#client.call({
        method: 'PATCH',
        path,
        query: { fieldManager: 'daemun-cache-purge', ...(dryRun ? { dryRun: 'All' } : {}) },
        contentType: 'application/merge-patch+json',
        body: { metadata: { resourceVersion, annotations: { [PURGE_ANNOTATION]: text } } },
      });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === CONFLICT) || attempt === ATTEMPTS) throw error;
      await this.#write(await this.#client.call<StoredPolicy>({ path }), attempt + 1);
    }
  }

  /** Until all have done it, or for long enough. */
  async follow(asked: readonly PolicyPurged[]): Promise<void> {
    const until = performance.now() + PURGE_PATIENCE;
    for (;;) {
      const waiting = asked.filter(({ state }) => state === 'waiting');
      for (const one of waiting) await this.#look(one);
      if (asked.every(({ state }) => state !== 'waiting') || performance.now() > until) return;
      await pause(LOOK);
    }
  }

  async #look(asked: PolicyPurged): Promise<void> {
    const [namespace, name] = asked.policy.split('/');
    const found = await this.#client
      .call<StoredPolicy>({ path: `${pathIn(namespace)}/${name}` })
      .catch(() => undefined);
    if (found === undefined) return;
    const own = found.status?.ancestors?.filter(({ controllerName }) => controllerName === CONTROLLER_NAME) ?? [];
    asked.gateways = own.map((one) => this.#progress(one));
    // Where nobody serves it nothing is kept, and a policy that is new has no status yet.
    if (own.length > 0 && asked.gateways.every(({ done }) => done)) asked.state = 'forgotten';
  }

  #progress({ ancestorRef, conditions }: PolicyAncestorStatus): PolicyPurged['gateways'][number] {
    const at = (type: string): Condition | undefined => conditions.find((one) => one.type === type);
    const gateway = `${ancestorRef.namespace ?? ''}/${ancestorRef.name}`;
    const [accepted, purged] = [at(CONDITION.Accepted), at(CONDITION.Purged)];
    if (accepted?.status === 'False') return { gateway, done: true, message: `keeps nothing: ${accepted.message}` };
    if (purged?.message.startsWith(`${this.#id}: `) !== true) {
      return { gateway, done: false, message: 'its controller has not taken it up yet' };
    }
    return { gateway, done: purged.status === 'True', message: purged.message.slice(this.#id.length + 2) };
  }
}

function refusal(error: unknown, namespace: string): string {
  const { message } = error as Error;
  const isForbidden = error instanceof ApiError && error.status === 403;
  return isForbidden ? `${message}; it takes the right to patch ResponsePolicies of ${namespace}` : message;
}

function pathIn(namespace: string | undefined): string {
  const of = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `/apis/${apiVersionOf('ResponsePolicy')}${of}/responsepolicies`;
}
