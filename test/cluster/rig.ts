/** A namespace of the cluster of KUBECONFIG, for one test. */
import { randomBytes } from 'node:crypto';
import { ApiClient, type ClusterSource, clusterAccess } from '../../src/sources/cluster/index.ts';
import type { ApiRig } from '../kube/api.suite.ts';

export async function namespaceRig(): Promise<ApiRig> {
  const access = await clusterAccess({});
  const client = new ApiClient(access);
  const namespace = `daemun-test-${randomBytes(4).toString('hex')}`;
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  await client.call({ method: 'POST', path: '/api/v1/namespaces', body });
  return {
    access,
    namespace,
    close: async () => {
      await client.call({ method: 'DELETE', path: `/api/v1/namespaces/${namespace}` });
      client.close();
    },
  };
}

/** Fulfilled when it holds; asked after each change of any collection. */
export function changed(source: ClusterSource, holds: () => boolean): Promise<void> {
  if (holds()) return Promise.resolve();
  return new Promise((resolve) => {
    const collections = [...Object.values(source.collections), source.diagnostics];
    const stops = collections.map((collection) =>
      (collection as { subscribe(call: () => void): () => void }).subscribe(() => {
        if (!holds()) return;
        for (const stop of stops) stop();
        resolve();
      }),
    );
  });
}
