/** Which of our kinds a cluster serves, in which version. */
import { KINDS, type Kind } from '../../api/index.ts';
import { recognise } from '../conversion.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';

/** A kind as the cluster serves it. */
export interface ServedResource {
  kind: Kind;
  group: string;
  version: string;
  plural: string;
  namespaced: boolean;
}

interface ApiGroup {
  name: string;
  versions: Array<{ version: string }>;
}

interface ApiResource {
  name: string;
  kind: string;
  namespaced: boolean;
}

/** Of each kind the current version where it is served, else the newest of those that can be read. */
export async function discover(client: ApiClient): Promise<Map<Kind, ServedResource>> {
  const { groups } = await client.call<{ groups: ApiGroup[] }>({ path: '/apis' });
  const wanted = new Set(Object.values(KINDS).map(({ group }) => group));
  const places = groups
    .filter(({ name }) => wanted.has(name))
    .flatMap(({ name, versions }) => versions.map(({ version }) => ({ group: name, version })));
  places.push({ group: '', version: 'v1' });
  const lists = await Promise.all(places.map((place) => resourcesOf(client, place)));
  const served = new Map<Kind, ServedResource>();
  for (const one of lists.flat()) {
    const before = served.get(one.kind);
    if (before === undefined || isBetter(one, before)) served.set(one.kind, one);
  }
  return served;
}

async function resourcesOf(
  client: ApiClient,
  { group, version }: { group: string; version: string },
): Promise<ServedResource[]> {
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const path = group === '' ? `/api/${version}` : `/apis/${apiVersion}`;
  try {
    const { resources } = await client.call<{ resources: ApiResource[] }>({ path });
    return resources.flatMap(({ name, kind, namespaced }) => {
      const known = recognise(apiVersion, kind);
      if (name.includes('/') || (known.found !== 'current' && known.found !== 'old')) return [];
      return known.kind === kind ? [{ kind: known.kind, group, version, plural: name, namespaced }] : [];
    });
  } catch (error) {
    // A group that goes while it is looked at, or an aggregated one whose server is away.
    if (error instanceof ApiError && (error.status === 404 || error.status === 503)) return [];
    throw error;
  }
}

function isBetter(one: ServedResource, other: ServedResource): boolean {
  if (one.version === KINDS[one.kind].version) return true;
  if (other.version === KINDS[one.kind].version) return false;
  return rank(one.version) > rank(other.version);
}

/** Kubernetes' order of versions: v1 above v1beta1 above v1alpha3 above v1alpha2. */
function rank(version: string): number {
  const [, major = '0', stage = '', minor = '0'] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? [];
  const level = stage === '' ? 2 : stage === 'beta' ? 1 : 0;
  return level * 10_000 + Number(major) * 100 + Number(minor);
}
