/** Objects of other gateways that a cluster holds, read once. */
import type { JsonObject } from '../schema/index.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';

interface ApiGroup {
  name: string;
  preferredVersion?: { version: string };
  versions: Array<{ version: string }>;
}

interface ApiResource {
  name: string;
  kind: string;
}

/** What the account may not see is left out, and told by the answer's second part. */
export async function foreignObjects(
  client: ApiClient,
  groups: readonly string[],
): Promise<{ objects: JsonObject[]; denied: string[] }> {
  const { groups: all } = await client.call<{ groups: ApiGroup[] }>({ path: '/apis' });
  const objects: JsonObject[] = [];
  const denied: string[] = [];
  for (const { name, versions } of all.filter((one) => groups.includes(one.name))) {
    for (const { version } of versions) {
      const apiVersion = `${name}/${version}`;
      const { resources } = await client.call<{ resources: ApiResource[] }>({ path: `/apis/${apiVersion}` });
      for (const { name: plural, kind } of resources.filter((one) => !one.name.includes('/'))) {
        try {
          const list = await client.call<{ items: JsonObject[] }>({ path: `/apis/${apiVersion}/${plural}` });
          objects.push(...list.items.map((item) => ({ ...item, apiVersion, kind })));
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          denied.push(`${plural}.${name}: ${error.message}`);
        }
      }
    }
  }
  return { objects: firstOfEach(objects), denied };
}

/** A kind may be served in several versions. */
function firstOfEach(objects: readonly JsonObject[]): JsonObject[] {
  const keys = new Map<string, JsonObject>();
  for (const object of objects) {
    const { name, namespace, uid } = object.metadata as { name?: string; namespace?: string; uid?: string };
    const key = uid ?? `${String(object.kind)}/${namespace ?? ''}/${name ?? ''}`;
    if (!keys.has(key)) keys.set(key, object);
  }
  return [...keys.values()];
}
