/** Pods on the network of their nodes that are taken away: whoever they belong to is told, since signals can be lost. */
import { expect, onTestFinished, test } from 'vitest';
import { type ApiObject, ApiServer } from './index.ts';
import { Desk } from './infrastructure-desk.ts';

const NAMESPACE = 'shop';

/** As its Deployment makes it. It stays until somebody takes its finalizer away: a pod that ends is there for a while. */
function pod(api: ApiServer, name: string, container: object = {}): { ends(): void; changes(): void } {
  const labels = { 'app.kubernetes.io/managed-by': 'daemun-controller' };
  const annotations = { 'gateway.daemun.dev/gateway': 'edge' };
  const metadata = { name, namespace: NAMESPACE, labels, annotations, finalizers: ['test.example/ends'] };
  const spec = { nodeName: 'n0', containers: [{ name: 'daemun', ...container }] };
  const kind = api.kind('Pod');
  api.store.create(kind, { apiVersion: 'v1', kind: 'Pod', metadata, spec } as ApiObject);
  return {
    ends: () => void api.store.delete(kind, NAMESPACE, name),
    changes: () => {
      const object = structuredClone(api.store.get(kind, NAMESPACE, name)) as ApiObject;
      object.status = { conditions: [{ type: 'Ready', status: 'False' }] };
      api.store.replace(kind, object, { status: true });
    },
  };
}

test('one that is taken away is told of once, where its signal comes at once', async () => {
  const api = await ApiServer.start();
  const access = { server: api.url, namespace: 'default', name: 'test' };
  const at = new Desk({ access, namespace: NAMESPACE, close: () => api.close() });
  onTestFinished(() => at.close());
  const reconciler = at.reconciler();
  const parameters = { pod: { hostNetwork: true }, service: { type: 'ClusterIP' } } as const;
  await at.make(reconciler, await at.gateway('edge', parameters));
  const first = pod(api, 'edge-0');
  // What a hook does comes before the signal, and may take all of the pod's grace.
  const hooked = pod(api, 'edge-1', { lifecycle: { preStop: { sleep: { seconds: 5 } } } });
  const last = pod(api, 'edge-2');
  hooked.ends();
  first.ends();
  await expect.poll(() => at.endings).toEqual(['shop/edge edge-0']);
  first.changes();
  last.ends();
  await expect.poll(() => at.endings).toEqual(['shop/edge edge-0', 'shop/edge edge-2']);
  const ending = ['edge-0', 'edge-1', 'edge-2', 'edge-3'].filter((name) => reconciler.isEnding('shop/edge', name));
  expect(ending).toEqual(['edge-0', 'edge-2']);
});
