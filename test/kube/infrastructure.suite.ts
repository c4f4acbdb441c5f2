/** What the maker of infrastructure does to a cluster, the embedded one and a real one alike. */
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiRig } from './api.suite.ts';
import { Desk, PATIENT } from './infrastructure-desk.ts';

const LONG = `${'long-name.'.repeat(25)}end`;
const open: Desk[] = [];

interface Spec {
  replicas?: number;
  template: { metadata: { labels: Record<string, string>; annotations: Record<string, string> }; spec: PodSpec };
  type?: string;
  ports?: Array<{ port: number; targetPort: number; nodePort?: number; name: string }>;
}

interface PodSpec {
  containers: Array<{ name: string; image: string; args: string[]; resources: unknown }>;
}

export function testInfrastructure(name: string, start: () => Promise<ApiRig>): void {
  describe(`infrastructure: ${name}`, () => {
    afterEach(async () => {
      for (const desk of open.splice(0).reverse()) await desk.close();
    });

    const desk = async (): Promise<Desk> => {
      const opened = new Desk(await start());
      open.push(opened);
      return opened;
    };
    const specOf = async (at: Desk, kind: string, of = 'daemun-edge'): Promise<Spec> =>
      (await at.get(kind, of)).spec as Spec;

    test('a Gateway gets all that it needs, and owns it', async () => {
      const at = await desk();
      const edge = await at.gateway('edge');
      await at.make(at.reconciler(), edge);
      const made = Object.keys(await at.versions()).sort();
      expect(made).toEqual([
        'ConfigMap/daemun-edge',
        'Deployment/daemun-edge',
        'NetworkPolicy/daemun-edge',
        'PodDisruptionBudget/daemun-edge',
        'Service/daemun-edge',
        'ServiceAccount/daemun-edge',
      ]);
      for (const one of made) {
        const { metadata } = await at.get(one.split('/')[0]!, 'daemun-edge');
        expect(metadata.ownerReferences).toMatchObject([{ kind: 'Gateway', name: 'edge', uid: edge.uid }]);
        expect(metadata.labels).toMatchObject({
          'gateway.networking.k8s.io/gateway-name': 'edge',
          'gateway.networking.k8s.io/gateway-class-name': 'desk',
        });
      }
      expect((await specOf(at, 'Service')).ports).toMatchObject([{ port: 80, targetPort: 80, name: 'tcp-80' }]);
      expect((await specOf(at, 'Deployment')).template.spec.containers[0]).toMatchObject({ image: 'daemun/daemun:1' });
    });

    test('a name of 253 characters, and of dots, gets legal ones', async () => {
      const at = await desk();
      await at.make(at.reconciler(), await at.gateway(LONG), await at.gateway('a.b'));
      const [one, other] = await at.names('Service');
      expect([await at.names('Deployment'), await at.names('ServiceAccount')]).toEqual([
        [one, other],
        [one, other],
      ]);
      expect(at.warnings).toEqual([]);
    });

    test('a restart and a new leader change nothing', async () => {
      const at = await desk();
      const edge = await at.gateway('edge', { pod: { resources: { limits: { cpu: '1000m', memory: '0.5Gi' } } } });
      const first = at.reconciler();
      await at.make(first, edge);
      const before = await at.versions();
      at.writes.length = 0;
      first.resync();
      await first.settled();
      first.lead(false);
      await at.make(at.reconciler(), edge);
      expect(at.writes).toEqual([]);
      expect(await at.versions()).toEqual(before);
    });

    test('another image is a rollout, and nothing but the workload changes', async () => {
      const at = await desk();
      const edge = await at.gateway('edge');
      const before = at.reconciler();
      await at.make(before, edge);
      before.lead(false);
      at.writes.length = 0;
      await at.make(at.reconciler({ settings: { image: 'daemun/daemun:2' } }), edge);
      expect(at.writes).toEqual(['apply Deployment']);
    });

    test('a listener that is added is a port of the Service, and changes no pod', async () => {
      const at = await desk();
      const edge = await at.gateway('edge');
      const reconciler = at.reconciler();
      await at.make(reconciler, edge);
      at.writes.length = 0;
      const ports = [...edge.ports, { port: 443, protocol: 'TCP' as const }, { port: 443, protocol: 'UDP' as const }];
      await at.make(reconciler, { ...edge, ports });
      expect(at.writes.sort()).toEqual(['apply NetworkPolicy', 'apply Service']);
      expect((await specOf(at, 'Service')).ports?.map((one) => one.name)).toEqual(['tcp-80', 'tcp-443', 'udp-443']);
    });

    test('a restart by kubectl draws the admin port on a node’s network anew, once, and changes nothing elsewhere', async () => {
      const at = await desk();
      const reconciler = at.reconciler();
      const shared = await at.gateway('shared', { pod: { hostNetwork: true }, service: { type: 'ClusterIP' } });
      await at.make(reconciler, await at.gateway('edge'), shared);
      const admin = async (name: string): Promise<string> =>
        (await specOf(at, 'Deployment', name)).template.spec.containers[0]!.args.find((one) =>
          one.startsWith('--admin='),
        )!;
      const before = [await admin('daemun-edge'), await admin('daemun-shared')];
      at.writes.length = 0;
      const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-11-29T20:00:00Z' };
      for (const name of ['daemun-edge', 'daemun-shared']) {
        await at.patch('Deployment', name, { spec: { template: { metadata: { annotations } } } });
      }
      await expect.poll(() => admin('daemun-shared'), PATIENT).not.toBe(before[1]);
      reconciler.resync();
      await reconciler.settled();
      expect(at.writes).toEqual(['apply Deployment']);
      expect(await admin('daemun-edge')).toBe(before[0]);
      const { template } = await specOf(at, 'Deployment', 'daemun-shared');
      expect(template.metadata.annotations).toMatchObject(annotations);
    });

    test('what somebody changes comes back, and what somebody adds stays', async () => {
      const at = await desk();
      await at.make(at.reconciler(), await at.gateway('edge'));
      await at.patch('Service', 'daemun-edge', { spec: { selector: { 'app.kubernetes.io/name': 'stolen' } } });
      await at.patch('Service', 'daemun-edge', { metadata: { annotations: { theirs: 'kept' } } });
      const selector = async () => (await specOf(at, 'Service')) as { selector?: Record<string, string> };
      await expect.poll(async () => (await selector()).selector?.['app.kubernetes.io/name'], PATIENT).toBe('daemun');
      expect((await at.get('Service', 'daemun-edge')).metadata.annotations).toMatchObject({ theirs: 'kept' });
      await at.remove('PodDisruptionBudget', 'daemun-edge');
      await expect.poll(() => at.names('PodDisruptionBudget'), PATIENT).toEqual(['daemun-edge']);
    });

    test('what is wanted no longer goes: fields, and objects', async () => {
      const at = await desk();
      const edge = await at.gateway('edge', {
        autoscaling: { minReplicas: 2, maxReplicas: 4 },
        service: { annotations: { a: '1' } },
      });
      const reconciler = at.reconciler();
      await at.make(reconciler, edge);
      expect(await at.names('HorizontalPodAutoscaler')).toEqual(['daemun-edge']);
      await at.make(reconciler, { ...edge, parameters: { networkPolicy: { mode: 'Disabled' } } });
      await at.gone('HorizontalPodAutoscaler', 'daemun-edge');
      await at.gone('NetworkPolicy', 'daemun-edge');
      expect((await at.get('Service', 'daemun-edge')).metadata.annotations).not.toHaveProperty('a');
    });

    test('the number of pods is left to whoever scales, and does not fall when they take over', async () => {
      const at = await desk();
      const edge = await at.gateway('edge', { replicas: 3 });
      const reconciler = at.reconciler();
      await at.make(reconciler, edge);
      expect((await specOf(at, 'Deployment')).replicas).toBe(3);
      await at.make(reconciler, { ...edge, parameters: { autoscaling: { minReplicas: 2, maxReplicas: 9 } } });
      expect((await specOf(at, 'Deployment')).replicas).toBe(3);
      await at.patch('Deployment', 'daemun-edge', { spec: { replicas: 7 } });
      reconciler.resync();
      await reconciler.settled();
      expect((await specOf(at, 'Deployment')).replicas).toBe(7);
    });

    test('patches shape what is made, but not whose it is', async () => {
      const at = await desk();
      const edge = await at.gateway('edge', {
        patches: [
          {
            kind: 'Pod',
            patch: {
              spec: {
                containers: [
                  { name: 'daemun', tty: true },
                  { name: 'side', image: 'x' },
                ],
              },
            },
          },
          {
            kind: 'Service',
            patch: { metadata: { name: 'other', labels: { a: 'b' } }, spec: { sessionAffinity: 'ClientIP' } },
          },
        ],
      });
      const reconciler = at.reconciler();
      await at.make(reconciler, edge);
      const { template } = await specOf(at, 'Deployment');
      expect(template.spec.containers).toMatchObject([
        { name: 'daemun', image: 'daemun/daemun:1', tty: true },
        { name: 'side' },
      ]);
      const service = await at.get('Service', 'daemun-edge');
      expect(service).toMatchObject({ metadata: { labels: { a: 'b' } }, spec: { sessionAffinity: 'ClientIP' } });
      at.writes.length = 0;
      reconciler.resync();
      await reconciler.settled();
      expect(at.writes).toEqual([]);
    });

    test('an object of that name which is somebody else’s is not touched, and named', async () => {
      const at = await desk();
      const body = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'daemun-edge' },
        spec: { ports: [{ port: 1 }] },
      };
      await at.client.call({ method: 'POST', path: at.path('Service'), body });
      const reconciler = at.reconciler();
      const edge = await at.gateway('edge');
      reconciler.write([{ key: `Gateway/${at.namespace}/edge`, after: edge }]);
      await expect
        .poll(() => at.state('edge')?.problem, PATIENT)
        .toMatchObject({
          reason: 'Invalid',
          message: expect.stringContaining('Service daemun-edge exists already'),
        });
      expect((await specOf(at, 'Service')).ports).toMatchObject([{ port: 1 }]);
      expect(await at.names('Deployment')).toEqual(['daemun-edge']);
      await at.remove('Service', 'daemun-edge');
      await expect
        .poll(async () => (await specOf(at, 'Service').catch(() => undefined))?.ports?.[0]?.port, PATIENT)
        .toBe(80);
      await expect.poll(() => at.state('edge')?.problem?.reason, PATIENT).not.toBe('Invalid');
    });

    test('a Gateway that goes takes with it what it owned', async () => {
      const at = await desk();
      const reconciler = at.reconciler();
      await at.make(reconciler, await at.gateway('edge'));
      await at.remove('Gateway', 'edge');
      at.classes.clear();
      reconciler.write([{ key: `Gateway/${at.namespace}/edge` }]);
      for (const kind of ['Deployment', 'Service', 'ConfigMap']) await at.gone(kind, 'daemun-edge');
      expect(at.writes.filter((one) => one.startsWith('delete'))).toEqual([]);
    });

    test('what a Gateway left behind is taken over by the next one of its name, and its Service keeps its address', async () => {
      const at = await desk();
      const first = at.reconciler();
      await at.make(first, await at.gateway('edge'));
      first.lead(false);
      const before = (await at.get('Service', 'daemun-edge')).metadata.uid;
      await at.client.call({
        method: 'DELETE',
        path: `${at.path('Gateway')}/edge`,
        body: { propagationPolicy: 'Orphan' },
      });
      await expect.poll(() => at.names('Gateway', ''), PATIENT).toEqual([]);
      const again = await at.gateway('edge');
      await at.make(at.reconciler(), again);
      const { metadata } = await at.get('Service', 'daemun-edge');
      expect([metadata.uid, metadata.ownerReferences?.map(({ uid }) => uid)]).toEqual([before, [again.uid]]);
    });

    test('a Gateway of another class keeps what was made until the pause is over, and then loses it', async () => {
      const at = await desk();
      const reconciler = at.reconciler();
      await at.make(reconciler, await at.gateway('edge'));
      // Its class is not there: it may come back.
      reconciler.write([{ key: `Gateway/${at.namespace}/edge` }]);
      reconciler.resync();
      await reconciler.settled();
      expect(await at.names('Service')).toEqual(['daemun-edge']);
      at.classes.set(`${at.namespace}/edge`, 'other');
      reconciler.resync();
      for (const kind of ['Deployment', 'Service', 'ServiceAccount']) await at.gone(kind, 'daemun-edge');
    });
  });
}
