/**
 * Two releases of the chart with controllers and classes of their own, one of which has adopted the class of another vendor,
 * beside a third implementation and an Ingress controller, for which doubles of ours write what those write. Nobody's objects
 * are written by another, whoever starts again, changes or goes.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { helmProgram } from '../charts/helm.ts';
import { run, succeed } from '../protocols/tool.ts';
import { kubectl, output } from './kubectl.ts';
import { gateway, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

const CHART = fileURLToPath(new URL('../../charts/daemun', import.meta.url));
const program = helmProgram('v3');
/** Requests a second, to Gateways of each controller. */
const RATE = 50;

const NAMESPACED =
  'gateways.gateway.networking.k8s.io,httproutes,backendtrafficpolicies,ingresses,deployments,services,serviceaccounts,configmaps,secrets,poddisruptionbudgets,networkpolicies';
const OF_THE_CLUSTER = 'gatewayclasses,ingressclasses';

interface Item {
  kind: string;
  metadata: { namespace?: string; name: string; resourceVersion: string; uid: string; annotations?: object };
  status?: object;
}

describe.runIf(program !== undefined)('controllers side by side', () => {
  let scene: Scene;
  /** Of the second release, and of its own class. */
  let second: string;
  /** The second release, as at first. */
  let install: () => Promise<void>;
  /** Where only the doubles have anything. */
  let others: string;
  const traffic: Traffic[] = [];

  const helm = async (...args: string[]): Promise<string> =>
    (await succeed(program!, ['-n', second, ...args], { timeout: 170_000 })).stdout;

  const ofClass = (name: string, className: string): string =>
    gateway(name).replace('gatewayClassName: daemun', `gatewayClassName: ${className}`);

  const routeTo = (...gateways: string[]): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop }
spec:
  parentRefs: [${gateways.map((name) => `{ name: ${name} }`).join(', ')}]
  hostnames: [shop.example.com]
  rules: [{ backendRefs: [{ name: shop, port: 8080 }] }]
`;

  const POLICY = `---
apiVersion: policies.daemun.dev/v1alpha1
kind: BackendTrafficPolicy
metadata: { name: shop }
spec:
  targetRefs: [{ group: "", kind: Service, name: shop }]
  loadBalancing: { type: LeastRequest }
`;

  beforeAll(async () => {
    scene = await Scene.open('beside');
    [second, others] = await Promise.all([scene.namespaceBeside('second'), scene.namespaceBeside('others')]);
    const names = [`daemun.dev/${second}`, `vendor.example.com/${second}`];
    install = async () => {
      const values = [
        `gatewayClass.name=${second}`,
        `controller.names={${names.join(',')}}`,
        'crds.install=false',
        'controller.replicas=1',
      ].flatMap((value) => ['--set', value]);
      await helm('install', 'daemun', CHART, ...values, '--wait', '--timeout', '150s');
    };
    await Promise.all([scene.echo('shop'), install()]);
    await scene.apply(classOf(`${second}-vendor`, names[1]!) + classOf(`${others}-third`, 'third.example.com/gateway'));
    // Others find its parent of the route there.
    await scene.apply(ofClass('third', `${others}-third`) + routeTo('first', 'second', 'adopted', 'third') + POLICY);
    await thirdController(scene);
    await ingressController(others);
    await scene.apply(ofClass('first', 'daemun') + ofClass('second', second) + ofClass('adopted', `${second}-vendor`));
    for (const name of ['first', 'second', 'adopted']) await scene.wait(`gateway/${name}`, 'Programmed');
  });
  afterAll(async () => {
    for (const one of traffic.splice(0)) await one.stop();
    await helm('uninstall', 'daemun').catch(() => {});
    const classes = [`${second}-vendor`, `${others}-third`, others].map((name) => `/${name}`);
    await kubectl(['delete', `gatewayclass${classes[0]}`, `gatewayclass${classes[1]}`, `ingressclass${classes[2]}`]);
    await scene?.close();
  });

  async function parents(): Promise<
    Array<{ parentRef: { name: string }; controllerName: string; conditions: Said[] }>
  > {
    const { status } = JSON.parse(await scene.kubectl('get', 'httproute/shop', '-o', 'json')) as {
      status?: { parents?: Awaited<ReturnType<typeof parents>> };
    };
    return status?.parents ?? [];
  }

  /** Through which Gateways the policy of all acts, and who says so. */
  async function ancestors(): Promise<Array<{ ancestorRef: { name: string }; controllerName: string }>> {
    const { status } = JSON.parse(await scene.kubectl('get', 'backendtrafficpolicy/shop', '-o', 'json')) as {
      status?: { ancestors?: Awaited<ReturnType<typeof ancestors>> };
    };
    return status?.ancestors ?? [];
  }

  /** Parents whose controllers say that they serve the route as it is. */
  async function servedParents(): Promise<string[]> {
    const generation = Number(await scene.kubectl('get', 'httproute/shop', '-o', 'jsonpath={.metadata.generation}'));
    const served = (await parents()).filter(({ conditions }) =>
      conditions.some(
        (one) => one.type === 'Programmed' && one.status === 'True' && one.observedGeneration === generation,
      ),
    );
    return served.map(({ parentRef }) => parentRef.name).sort();
  }

  async function load(names: string[]): Promise<void> {
    for (const name of names) {
      const address = await scene.address(name);
      traffic.push(new Traffic({ address, host: 'shop.example.com', rate: RATE, clients: 2, fresh: true }));
    }
    await expect.poll(() => traffic.every(({ sent }) => sent > 20)).toBe(true);
  }

  async function failures(): Promise<string[]> {
    const outcomes = await Promise.all(traffic.splice(0).map((one) => one.stop()));
    return outcomes.flatMap((one) => one.failures);
  }

  /** Everything that these namespaces and the cluster have of what controllers write, with its version. */
  async function versions(mine: (item: Item) => boolean): Promise<string[]> {
    const found = await Promise.all([
      ...[scene.namespace, others].map((namespace) => output(['-n', namespace, 'get', NAMESPACED, '-o', 'json'])),
      output(['get', OF_THE_CLUSTER, '-o', 'json']),
    ]);
    return found
      .flatMap((text) => (JSON.parse(text) as { items: Item[] }).items)
      .filter(mine)
      .map(({ kind, metadata: { namespace = '', name, uid, resourceVersion } }) =>
        [kind, namespace, name, uid, resourceVersion].join(' '),
      )
      .sort();
  }

  /** What another release or another implementation has: what is made for its Gateways is named after them. */
  const notOf =
    (...names: string[]) =>
    ({ metadata: { name } }: Item): boolean =>
      !names.some((own) => name === own || name === `daemun-${own}` || name === `${second}-vendor`) && name !== second;

  test('who starts again writes nothing of others, and nothing of its own either', async () => {
    await expect.poll(servedParents, { timeout: 60_000 }).toEqual(['adopted', 'first', 'second']);
    const before = await versions(() => true);
    expect(before.length).toBeGreaterThan(20);
    await load(['first', 'second', 'adopted']);
    for (const namespace of [second, 'daemun-system']) {
      await kubectl(['-n', namespace, 'rollout', 'restart', 'deployment/daemun-controller']);
      const status = ['-n', namespace, 'rollout', 'status', 'deployment/daemun-controller', '--timeout=150s'];
      await kubectl(status, { timeout: 160_000 });
      // By then it has written what it had to: a route that comes after it is served.
      const later = namespace === second ? 'second' : 'first';
      await scene.apply(
        routeTo(later)
          .replaceAll('shop.example.com', `${later}.example.com`)
          .replace('name: shop }', `name: after-${later} }`),
      );
      const path = 'jsonpath={.status.parents[0].conditions[?(@.type=="Programmed")].status}';
      await expect
        .poll(() => scene.kubectl('get', `httproute/after-${later}`, '-o', path), { timeout: 60_000 })
        .toBe('True');
      await scene.kubectl('delete', `httproute/after-${later}`);
    }
    expect(await failures()).toEqual([]);
    await expect.poll(async () => (await versions(() => true)).map(uncounted)).toEqual(before.map(uncounted));
  });

  /** A Gateway counts its routes, and a policy those that it acts on: they are written when one comes, and when it goes. */
  function uncounted(line: string): string {
    const counts = /^(Gateway \S+ (first|second)|BackendTrafficPolicy \S+ shop) /.test(line);
    return counts ? line.slice(0, line.lastIndexOf(' ')) : line;
  }

  /** Numbers are told a moment after all else (`reconcile/detail-wait.ts`): until then somebody still has to write. */
  async function counted(): Promise<void> {
    const path = 'jsonpath={.status.listeners[0].attachedRoutes}';
    for (const name of ['first', 'second', 'adopted'])
      await expect.poll(() => scene.kubectl('get', `gateway/${name}`, '-o', path), { timeout: 40_000 }).toBe('1');
  }

  test('who has a change writes its own objects, and of a route that all have its own parents', async () => {
    await counted();
    const before = await versions(notOf('second', 'adopted', 'shop'));
    const foreign = async (): Promise<unknown> =>
      (await parents()).find(({ controllerName }) => controllerName === 'third.example.com/gateway');
    const foreignAncestor = async (): Promise<unknown> =>
      (await ancestors()).find(({ controllerName }) => controllerName === 'third.example.com/gateway');
    const [entry, ancestor] = [await foreign(), await foreignAncestor()];
    expect(entry).toBeDefined();
    expect(ancestor).toBeDefined();
    const patch =
      '{"spec":{"listeners":[{"name":"http","port":80,"protocol":"HTTP"},{"name":"more","port":81,"protocol":"HTTP"}]}}';
    for (const name of ['second', 'adopted'])
      await scene.kubectl('patch', `gateway/${name}`, '--type=merge', '-p', patch);
    const hosts = '{"spec":{"hostnames":["shop.example.com","more.example.com"]}}';
    await scene.kubectl('patch', 'httproute/shop', '--type=merge', '-p', hosts);
    await expect.poll(servedParents, { timeout: 60_000 }).toEqual(['adopted', 'first', 'second']);
    for (const name of ['second', 'adopted']) {
      const { stdout } = await run('curl', [
        '-s',
        '-m',
        '10',
        '-H',
        'Host: more.example.com',
        `http://${await scene.address(name)}:81/here`,
      ]);
      expect(stdout).toContain('/here');
    }
    expect(await foreign()).toEqual(entry);
    expect(await foreignAncestor()).toEqual(ancestor);
    const everybody = [
      `adopted vendor.example.com/${second}`,
      'first daemun.dev/gateway-controller',
      `second daemun.dev/${second}`,
      'third third.example.com/gateway',
    ];
    expect(
      (await parents()).map(({ parentRef, controllerName }) => `${parentRef.name} ${controllerName}`).sort(),
    ).toEqual(everybody);
    expect(
      (await ancestors()).map(({ ancestorRef, controllerName }) => `${ancestorRef.name} ${controllerName}`).sort(),
    ).toEqual(everybody);
    expect(await versions(notOf('second', 'adopted', 'shop'))).toEqual(before);
  });

  test('who goes leaves what others have, and his data planes serve on', async () => {
    await counted();
    const before = await versions(notOf('second', 'adopted', 'shop'));
    await load(['first', 'second', 'adopted']);
    await helm('uninstall', 'daemun', '--wait');
    // It goes with the pod, whose rights went before it: who comes again waits for nobody.
    await expect.poll(() => output(['-n', second, 'get', 'leases', '-o', 'name']), { timeout: 60_000 }).toBe('');
    const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } } });
    await kubectl(['-n', others, 'patch', 'ingress/shop', '--subresource=status', '--type=merge', '-p', status]);
    const patch = '{"metadata":{"labels":{"touched":"yes"}}}';
    await scene.kubectl('patch', 'httproute/shop', '--type=merge', '-p', patch);
    await expect.poll(() => traffic.every(({ sent }) => sent > 200), { timeout: 60_000 }).toBe(true);
    expect(await failures()).toEqual([]);
    const now = await versions(notOf('second', 'adopted', 'shop'));
    expect(now).toEqual(before);
  });

  test('who comes again goes on with the data planes that he left', async () => {
    const pods = (): Promise<string> => scene.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}');
    const before = await pods();
    await load(['second', 'adopted']);
    await install();
    const patch = '{"spec":{"hostnames":["shop.example.com","again.example.com"]}}';
    await scene.kubectl('patch', 'httproute/shop', '--type=merge', '-p', patch);
    await expect.poll(servedParents, { timeout: 60_000 }).toEqual(['adopted', 'first', 'second']);
    expect(await failures()).toEqual([]);
    expect(await pods()).toBe(before);
  });
});

interface Said {
  type: string;
  status: string;
  observedGeneration: number;
}

function classOf(name: string, controllerName: string): string {
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: ${name} }
spec: { controllerName: ${controllerName} }
`;
}

/** What ingress-nginx has and writes: its class, its Service and configuration, an Ingress with an address. */
async function ingressController(namespace: string): Promise<void> {
  await kubectl(['apply', '--server-side', '--field-manager=nginx-ingress-controller', '-n', namespace, '-f', '-'], {
    input: `---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: ${namespace} }
spec: { controller: k8s.io/ingress-nginx }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: ingress-nginx-controller }
data: { use-forwarded-headers: "true" }
---
apiVersion: v1
kind: Service
metadata: { name: ingress-nginx-controller, labels: { app.kubernetes.io/name: ingress-nginx } }
spec: { selector: { app: nobody }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: elsewhere, annotations: { nginx.ingress.kubernetes.io/proxy-body-size: 8m } }
spec:
  ingressClassName: ${namespace}
  rules:
    - host: shop.example.com
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: shop, port: { number: 8080 } } } }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec:
  ingressClassName: ${namespace}
  rules:
    - host: shop.example.com
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: shop, port: { number: 8080 } } } }] }
`,
  });
  const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } });
  for (const name of ['elsewhere', 'shop']) {
    await kubectl(['-n', namespace, 'patch', `ingress/${name}`, '--subresource=status', '--type=merge', '-p', status]);
  }
}

/** What another implementation writes of its class, its Gateway, and its parent of a route that others have, too. */
async function thirdController(scene: Scene): Promise<void> {
  const said = (...types: string[]): object[] =>
    types.map((type) => ({
      type,
      status: 'True',
      reason: type,
      message: 'by the third',
      observedGeneration: 1,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    }));
  const write = async (what: string, status: object): Promise<void> => {
    await scene.kubectl('patch', what, '--subresource=status', '--type=merge', '-p', JSON.stringify(status));
  };
  const classes = await output(['get', 'gatewayclass', '-o', 'jsonpath={.items[*].metadata.name}']);
  const own = classes.split(' ').find((name) => name.startsWith(scene.namespace) && name.endsWith('-third'))!;
  await write(`gatewayclass/${own}`, { status: { conditions: said('Accepted') } });
  await write('gateway/third', { status: { conditions: said('Accepted', 'Programmed') } });
  const entry = {
    parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'third' },
    controllerName: 'third.example.com/gateway',
    conditions: said('Accepted', 'ResolvedRefs'),
  };
  await write('httproute/shop', { status: { parents: [entry] } });
  const { parentRef: ancestorRef, ...rest } = entry;
  await write('backendtrafficpolicy/shop', { status: { ancestors: [{ ancestorRef, ...rest }] } });
}
