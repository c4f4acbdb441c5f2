/** A real API server passes what the embedded one passes, and so does what stands on it. */
import { ApiClient, ClusterSource } from '../../src/sources/cluster/index.ts';
import { type SourceRig, testSource } from '../../src/sources/source.suite.ts';
import { testApi } from '../kube/api.suite.ts';
import { testInfrastructure } from '../kube/infrastructure.suite.ts';
import { testLease } from '../kube/lease.suite.ts';
import { testStatuses } from '../kube/status.suite.ts';
import { changed, namespaceRig } from './rig.ts';

testApi('real', namespaceRig);
testStatuses('real', namespaceRig);
testLease('real', namespaceRig);
testInfrastructure('real', namespaceRig);

testSource('real cluster', async (objects): Promise<SourceRig> => {
  const { access, namespace, close } = await namespaceRig();
  const client = new ApiClient(access);
  const maps = `/api/v1/namespaces/${namespace}/configmaps`;
  const put = async (object: object): Promise<void> => {
    const { metadata } = object as { metadata: { name: string } };
    const body = { ...object, metadata: { ...metadata, namespace } };
    const query = { fieldManager: 'test', force: true };
    const path = `${maps}/${metadata.name}`;
    await client.call({ method: 'PATCH', path, query, body, contentType: 'application/apply-patch+yaml' });
  };
  // ConfigMaps are read in full only while something refers to them: something does, to all of the suite's.
  const caCertificateRefs = ['a', 'b'].map((name) => ({ group: '', kind: 'ConfigMap', name }));
  await client.call({
    method: 'POST',
    path: `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/backendtlspolicies`,
    body: {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'BackendTLSPolicy',
      metadata: { name: 'refers', namespace },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'nobody' }],
        validation: { caCertificateRefs, hostname: 'nobody.example.com' },
      },
    },
  });
  for (const object of objects) await put(object);
  const source = new ClusterSource({ client, namespaces: [namespace] });
  return {
    source,
    namespace,
    put,
    remove: async (_, name) => void (await client.call({ method: 'DELETE', path: `${maps}/${name}` })),
    until: (holds) => changed(source, holds),
    close: async () => {
      await source.close();
      client.close();
      await close();
    },
  };
});
