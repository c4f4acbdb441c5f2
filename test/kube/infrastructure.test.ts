/** What is made for Gateways, against the embedded API: also where it fails. */
import { afterEach, expect, test } from 'vitest';
import { type InfrastructureState, wantedObjects } from '../../src/reconcile/index.ts';
import { ObjectWriter } from '../../src/reconcile/infrastructure/object-writer.ts';
import { type ApiObject, ApiServer, FAILED, FORBIDDEN, THROTTLED } from './index.ts';
import { testInfrastructure } from './infrastructure.suite.ts';
import { Desk, SETTINGS } from './infrastructure-desk.ts';

const open: Desk[] = [];
afterEach(async () => {
  for (const desk of open.splice(0).reverse()) await desk.close();
});

async function rig(api?: ApiServer) {
  const own = api ?? (await ApiServer.start());
  const access = { server: own.url, namespace: 'default', name: 'test' };
  return { access, namespace: 'shop', close: () => own.close() };
}

testInfrastructure('embedded', () => rig());

async function start(): Promise<{ api: ApiServer; at: Desk }> {
  const api = await ApiServer.start();
  const at = new Desk(await rig(api));
  open.push(at);
  return { api, at };
}

function setStatus(api: ApiServer, kind: string, name: string, status: object): void {
  const object = structuredClone(api.store.get(api.kind(kind), kind === 'Node' ? '' : 'shop', name)) as ApiObject;
  object.status = status;
  api.store.replace(api.kind(kind), object, { status: true });
}

test('only a leader writes, and one that loses the lead stops', async () => {
  const { api, at } = await start();
  const edge = await at.gateway('edge');
  const before = api.store.writes.length;
  const reconciler = at.reconciler({ leads: false });
  await at.make(reconciler, edge);
  expect(api.store.writes).toHaveLength(before);
  reconciler.lead(true);
  await reconciler.settled();
  const made = api.store.writes.length;
  expect(made).toBeGreaterThan(before);
  reconciler.lead(false);
  await at.make(reconciler, { ...edge, ports: [{ port: 81, protocol: 'TCP' }] });
  expect(api.store.writes).toHaveLength(made);
});

test('an object that may not be written is a problem of its Gateway, and holds up no other', async () => {
  const { api, at } = await start();
  api.fault = ({ method, path }) => (method === 'PATCH' && path.includes('networkpolicies') ? FORBIDDEN : undefined);
  const reconciler = at.reconciler();
  const [edge, other] = [await at.gateway('edge'), await at.gateway('other')];
  reconciler.write([edge, other].map((after) => ({ key: `Gateway/shop/${after.name}`, after })));
  await expect
    .poll(() => at.state('edge')?.problem)
    .toMatchObject({
      reason: 'NoResources',
      message: expect.stringMatching(/^NetworkPolicy daemun-edge cannot be written: .*grant it to the controller/),
    });
  expect(await at.names('Deployment')).toEqual(['daemun-edge', 'daemun-other']);
  expect(at.warnings.filter((text) => text.includes('Forbidden'))).toHaveLength(2);
  api.fault = () => undefined;
  await expect.poll(() => at.names('NetworkPolicy'), { timeout: 10_000 }).toHaveLength(2);
  await expect.poll(() => at.state('edge')?.problem?.reason).toBe('AddressNotAssigned');
});

test('a kind that may not be listed stops no other, and its objects are found by their names', async () => {
  const { api, at } = await start();
  const edge = await at.gateway('edge');
  const first = at.reconciler();
  await at.make(first, edge);
  first.lead(false);
  at.writes.length = 0;
  api.fault = ({ method, path }) => (method === 'GET' && path.endsWith('/networkpolicies') ? FORBIDDEN : undefined);
  const reconciler = at.reconciler();
  await at.make(reconciler, edge, await at.gateway('other'));
  expect(at.writes.filter((one) => one === 'apply NetworkPolicy')).toHaveLength(1);
  expect(await at.get('Deployment', 'daemun-other')).toBeDefined();
  expect(at.warnings.join()).toContain('what was made cannot be read');
});

test('throttling and failures are nobody’s mistake, and are tried again', async () => {
  const { api, at } = await start();
  const faults = [THROTTLED, FAILED, { kind: 'reset' } as const];
  api.fault = ({ method }) => (method === 'PATCH' ? faults.shift() : undefined);
  const reconciler = at.reconciler();
  const problems: Array<InfrastructureState['problem']> = [];
  await at.make(reconciler, await at.gateway('edge'));
  problems.push(at.state('edge')?.problem);
  expect(await at.names('NetworkPolicy')).toEqual(['daemun-edge']);
  expect(problems).toMatchObject([{ reason: 'AddressNotAssigned' }]);
});

test('a namespace that is taken away is nobody’s mistake: nothing is said of it', async () => {
  const { api, at } = await start();
  const gone = 'forbidden: unable to create new content in namespace shop because it is being terminated';
  let refused = 0;
  api.fault = ({ method }) => {
    if (method !== 'PATCH') return undefined;
    refused++;
    return { kind: 'refuse', code: 403, reason: 'Forbidden', message: gone };
  };
  const reconciler = at.reconciler();
  reconciler.write([{ key: 'Gateway/shop/edge', after: await at.gateway('edge') }]);
  await expect.poll(() => refused).toBeGreaterThan(2);
  await expect.poll(() => at.state('edge')?.problem?.message).toContain('being terminated');
  expect(at.warnings).toEqual([]);
});

test('of an object that went before the watch had shown it nothing is kept', async () => {
  const { api, at } = await start();
  // Watches hear of nothing.
  api.fault = ({ path }) => (path.includes('watch=') ? FAILED : undefined);
  const writer = new ObjectWriter({ client: at.client, live: () => undefined, onWrite() {} });
  const objects = wantedObjects(await at.gateway('edge'), SETTINGS);
  for (const one of objects) await writer.write(one);
  expect(writer.remembered).toBe(objects.length);
  for (const one of objects) writer.forget(one);
  expect(writer.remembered).toBe(0);
  const [account] = objects;
  await writer.write(account!);
  await at.remove('ServiceAccount', 'daemun-edge');
  api.fault = ({ method }) => (method === 'PATCH' ? FORBIDDEN : undefined);
  await expect(writer.write(account!)).rejects.toThrow();
  expect(writer.remembered).toBe(0);
});

test('an address is told, blips and comes back', async () => {
  const { api, at } = await start();
  await at.make(at.reconciler(), await at.gateway('edge'));
  const balanced = { loadBalancer: { ingress: [{ ip: '192.0.2.7' }, { hostname: 'lb.example.com' }] } };
  setStatus(api, 'Service', 'daemun-edge', balanced);
  const addresses = [
    { type: 'IPAddress', value: '192.0.2.7', routability: '' },
    { type: 'Hostname', value: 'lb.example.com', routability: '' },
  ];
  await expect.poll(() => at.state('edge')).toEqual({ addresses });
  setStatus(api, 'Service', 'daemun-edge', {});
  await expect.poll(() => at.state('edge')?.problem?.reason).toBe('AddressNotAssigned');
  setStatus(api, 'Service', 'daemun-edge', balanced);
  await expect.poll(() => at.state('edge')).toEqual({ addresses });
});

function asking(...values: string[]): Array<{ value: string; routability: string }> {
  return values.map((value) => ({ value, routability: '' }));
}

test('each of several addresses is asked for by a Service of its own, which goes when another is asked for', async () => {
  const { api, at } = await start();
  const service = { nodePorts: [{ port: 80, protocol: 'TCP' as const, nodePort: 30080 }] };
  const edge = {
    ...(await at.gateway('edge', { service })),
    requests: asking('192.0.2.1', '192.0.2.2', '2001:db8::1'),
  };
  const reconciler = at.reconciler();
  await at.make(reconciler, edge);
  const specs = new Map<string, { ipFamilies?: string[]; ports: Array<{ nodePort?: number }> }>();
  const names = new Map<string, string>();
  for (const name of await at.names('Service')) {
    const spec = (await at.get('Service', name)).spec as { loadBalancerIP: string } & (typeof specs extends Map<
      string,
      infer S
    >
      ? S
      : never);
    specs.set(spec.loadBalancerIP, spec);
    names.set(spec.loadBalancerIP, name);
  }
  const asked = edge.requests.map(({ value }) => value);
  expect([...specs.keys()].sort()).toEqual(asked);
  expect(names.get('192.0.2.1')).toBe('daemun-edge');
  expect(asked.map((one) => specs.get(one)?.ipFamilies)).toEqual([undefined, undefined, ['IPv6']]);
  // A port of the nodes is given once.
  expect(asked.map((one) => specs.get(one)?.ports[0]?.nodePort)).toEqual([30080, undefined, undefined]);
  for (const ip of ['192.0.2.1', '2001:db8::1']) {
    setStatus(api, 'Service', names.get(ip)!, { loadBalancer: { ingress: [{ ip }] } });
  }
  const given = ['192.0.2.1', '2001:db8::1'].map((value) => ({ type: 'IPAddress', value, routability: '' }));
  await expect
    .poll(() => at.state('edge'))
    .toEqual({
      addresses: given,
      missing: expect.stringMatching(/^spec\.addresses\[1\] \(192\.0\.2\.2\): /),
      problem: {
        reason: 'AddressNotUsable',
        message: expect.stringMatching(/^spec\.addresses: 192\.0\.2\.2 is not given/),
      },
    });
  await at.make(reconciler, { ...edge, requests: asking('192.0.2.1', '2001:db8::1'), ports: [] });
  expect(await at.names('Service')).toHaveLength(3);
  await at.make(reconciler, { ...edge, requests: asking('192.0.2.1', '2001:db8::1') });
  expect((await at.names('Service')).sort()).toEqual(['daemun-edge', names.get('2001:db8::1')].sort());
  await expect.poll(() => at.state('edge')).toEqual({ addresses: given });
});

test('an address that was asked for is asked of the load balancer, and missed where it is not given', async () => {
  const { api, at } = await start();
  const edge = { ...(await at.gateway('edge')), requests: asking('192.0.2.1', '2001:db8::1') };
  const reconciler = at.reconciler();
  await at.make(reconciler, edge);
  expect((await at.get('Service', 'daemun-edge')).spec).toMatchObject({ loadBalancerIP: '192.0.2.1' });
  setStatus(api, 'Service', 'daemun-edge', { loadBalancer: { ingress: [{ ip: '2001:0db8:0::1' }] } });
  await expect
    .poll(() => at.state('edge')?.problem)
    .toMatchObject({
      reason: 'AddressNotUsable',
      message: expect.stringContaining('192.0.2.1 is not given'),
    });
  await at.make(reconciler, { ...edge, requests: asking('2001:db8::1') });
  await expect.poll(() => at.state('edge')?.problem).toBeUndefined();
});

const inCluster = (at: Desk, name: string, ...clusterIPs: string[]): Promise<void> =>
  at.patch('Service', name, { spec: { clusterIP: clusterIPs[0], clusterIPs } });

test('an address of the cluster alone is that of the Service, which nobody else reaches where nothing else is asked for', async () => {
  const { api, at } = await start();
  const service = {
    externalTrafficPolicy: 'Local' as const,
    loadBalancerIP: '192.0.2.7',
    nodePorts: [{ port: 80, protocol: 'TCP' as const, nodePort: 30080 }],
  };
  const edge = { ...(await at.gateway('edge', { service })), requests: [{ routability: 'Cluster' }] };
  const reconciler = at.reconciler();
  await at.make(reconciler, edge);
  const { spec } = await at.get('Service', 'daemun-edge');
  expect(spec).toMatchObject({ type: 'ClusterIP' });
  expect(JSON.stringify(spec)).not.toMatch(/loadBalancer|externalTrafficPolicy|nodePort/);
  await inCluster(at, 'daemun-edge', '10.96.0.42');
  const inner = { type: 'IPAddress', value: '10.96.0.42', routability: 'Cluster' };
  await expect.poll(() => at.state('edge')).toEqual({ addresses: [inner] });
  // Beside one that may be reached from anywhere it is the same Service's.
  await at.make(reconciler, { ...edge, requests: [{ routability: 'Cluster' }, { routability: '' }] });
  expect((await at.get('Service', 'daemun-edge')).spec).toMatchObject({ type: 'LoadBalancer' });
  await expect
    .poll(() => at.state('edge'))
    .toMatchObject({ addresses: [inner], missing: expect.stringMatching(/^spec\.addresses\[1\]: /) });
  setStatus(api, 'Service', 'daemun-edge', { loadBalancer: { ingress: [{ ip: '192.0.2.7' }, { ip: '192.0.2.8' }] } });
  const outer = { type: 'IPAddress', value: '192.0.2.7', routability: '' };
  await expect.poll(() => at.state('edge')).toEqual({ addresses: [inner, outer] });
  // Who asks for nothing is told what it was told before.
  await at.make(reconciler, { ...edge, requests: [] });
  await expect.poll(() => at.state('edge')).toEqual({ addresses: [outer, { ...outer, value: '192.0.2.8' }] });
});

test('an address of the cluster that is named has a Service of its own, and one that the cluster refuses is told', async () => {
  const { at } = await start();
  const named = { value: '10.96.0.9', routability: 'Cluster' };
  const edge = { ...(await at.gateway('edge')), requests: [named, { routability: 'Cluster' }] };
  const reconciler = at.reconciler();
  await at.make(reconciler, edge);
  const [further] = (await at.names('Service')).filter((name) => name !== 'daemun-edge');
  expect((await at.get('Service', further!)).spec).toMatchObject({ type: 'ClusterIP', clusterIP: '10.96.0.9' });
  await inCluster(at, 'daemun-edge', '10.96.0.42');
  await expect
    .poll(() => at.state('edge')?.addresses.map(({ value, routability }) => [value, routability]))
    .toEqual([
      ['10.96.0.9', 'Cluster'],
      ['10.96.0.42', 'Cluster'],
    ]);
});

test('from where else an address is reached DaemunParameters say, and what they do not say is not given', async () => {
  const { api, at } = await start();
  const annotations = { 'example.com/internal': 'true' };
  const routabilities = [
    {
      name: 'example.com/Corp',
      annotations,
      loadBalancerClass: 'example.com/corp',
      loadBalancerSourceRanges: ['10.0.0.0/8'],
    },
  ];
  const parameters = { service: { annotations: { 'example.com/team': 'edge' }, routabilities } };
  const requests = [{ routability: 'example.com/Corp' }, { routability: 'example.com/Moon' }];
  const reconciler = at.reconciler();
  await at.make(reconciler, { ...(await at.gateway('edge', parameters)), requests });
  expect((await at.get('Service', 'daemun-edge')).spec).toMatchObject({ type: 'ClusterIP' });
  const names = (await at.names('Service')).filter((name) => name !== 'daemun-edge');
  expect(names).toHaveLength(1);
  const { metadata, spec } = await at.get('Service', names[0]!);
  expect(metadata.annotations).toMatchObject({ ...annotations, 'example.com/team': 'edge' });
  expect(spec).toMatchObject({
    type: 'LoadBalancer',
    loadBalancerClass: 'example.com/corp',
    loadBalancerSourceRanges: ['10.0.0.0/8'],
  });
  setStatus(api, 'Service', 'daemun-edge', { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } });
  setStatus(api, 'Service', names[0]!, { loadBalancer: { ingress: [{ ip: '10.1.2.3' }] } });
  await expect
    .poll(() => at.state('edge'))
    .toEqual({
      addresses: [{ type: 'IPAddress', value: '10.1.2.3', routability: 'example.com/Corp' }],
      missing: expect.stringMatching(/^spec\.addresses\[1\] \(example\.com\/Moon\): .*service\.routabilities/),
    });
});

test('with NodePort the addresses are those of the nodes that are ready', async () => {
  const { api, at } = await start();
  const node = (name: string, ip: string, ready: string): void => {
    api.store.create(api.kind('Node'), { apiVersion: 'v1', kind: 'Node', metadata: { name } });
    const addresses = [{ type: 'InternalIP', address: ip }];
    setStatus(api, 'Node', name, { addresses, conditions: [{ type: 'Ready', status: ready }] });
  };
  node('a', '10.0.0.1', 'True');
  node('b', '10.0.0.2', 'False');
  const service = { type: 'NodePort', nodePorts: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] } as const;
  await at.make(
    at.reconciler(),
    await at.gateway('edge', { service: { ...service, nodePorts: [...service.nodePorts] } }),
  );
  expect((await at.get('Service', 'daemun-edge')).spec).toMatchObject({ ports: [{ port: 80, nodePort: 30080 }] });
  await expect
    .poll(() => at.state('edge')?.addresses)
    .toEqual([{ type: 'IPAddress', value: '10.0.0.1', routability: '' }]);
  setStatus(api, 'Node', 'b', {
    addresses: [{ type: 'ExternalIP', address: '192.0.2.9' }],
    conditions: [{ type: 'Ready', status: 'True' }],
  });
  await expect.poll(() => at.state('edge')?.addresses.map(({ value }) => value)).toEqual(['10.0.0.1', '192.0.2.9']);
});

function node(api: ApiServer, name: string, address: string): void {
  api.store.create(api.kind('Node'), { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  const addresses = [{ type: 'InternalIP', address }];
  setStatus(api, 'Node', name, { addresses, conditions: [{ type: 'Ready', status: 'True' }] });
}

/** A pod of the Gateway's data planes, as its Deployment or DaemonSet makes it; `ready` may be changed. */
function dataPlanePod(api: ApiServer, { name, on, gateway }: { name: string; on: string; gateway: string }) {
  const labels = { 'app.kubernetes.io/managed-by': 'daemun-controller' };
  const annotations = { 'gateway.daemun.dev/gateway': gateway };
  // It stays until somebody takes this away: a pod that ends is there for a while.
  const metadata = { name, namespace: 'shop', labels, annotations, finalizers: ['test.example/ends'] };
  api.store.create(api.kind('Pod'), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { nodeName: on },
  } as ApiObject);
  return {
    ready: (status: 'True' | 'False') => setStatus(api, 'Pod', name, { conditions: [{ type: 'Ready', status }] }),
    ends: () => api.store.delete(api.kind('Pod'), 'shop', name),
  };
}

test.each(['Deployment', 'DaemonSet'] as const)(
  'where traffic stays on the node, the addresses are those of nodes with a ready pod of the %s, as pods come and go',
  async (workload) => {
    const { api, at } = await start();
    for (const [name, ip] of ['10.0.0.1', '10.0.0.2', '10.0.0.3'].entries()) node(api, `n${name}`, ip);
    const parameters = { workload, service: { type: 'NodePort', externalTrafficPolicy: 'Local' } } as const;
    const reconciler = at.reconciler();
    await at.make(reconciler, await at.gateway('edge', parameters), await at.gateway('other', parameters));
    const addresses = () => at.state('edge')?.addresses.map(({ value }) => value);
    await expect
      .poll(() => at.state('edge')?.problem)
      .toMatchObject({
        reason: 'AddressNotAssigned',
        message: expect.stringContaining('externalTrafficPolicy: Local'),
      });
    const first = dataPlanePod(api, { name: 'edge-0', on: 'n0', gateway: 'edge' });
    const second = dataPlanePod(api, { name: 'edge-1', on: 'n1', gateway: 'edge' });
    dataPlanePod(api, { name: 'other-0', on: 'n2', gateway: 'other' }).ready('True');
    await expect.poll(() => at.state('other')?.addresses.map(({ value }) => value)).toEqual(['10.0.0.3']);
    expect(addresses()).toEqual([]);
    first.ready('True');
    await expect.poll(addresses).toEqual(['10.0.0.1']);
    expect(at.state('edge')).not.toHaveProperty('problem');
    second.ready('True');
    await expect.poll(addresses).toEqual(['10.0.0.1', '10.0.0.2']);
    // One that ends has no room for what is new, though it is ready for a while yet.
    first.ends();
    await expect.poll(addresses).toEqual(['10.0.0.2']);
    second.ready('False');
    await expect.poll(addresses).toEqual([]);
    dataPlanePod(api, { name: 'edge-2', on: 'n2', gateway: 'edge' }).ready('True');
    await expect.poll(addresses).toEqual(['10.0.0.3']);
    setStatus(api, 'Node', 'n2', { conditions: [{ type: 'Ready', status: 'False' }] });
    await expect.poll(addresses).toEqual([]);
    // Where it may leave the node, all nodes lead there.
    const anywhere = { workload, service: { type: 'NodePort' } } as const;
    await at.make(reconciler, { ...(await at.gateway('third', anywhere)) });
    await expect.poll(() => at.state('third')?.addresses.map(({ value }) => value)).toEqual(['10.0.0.1', '10.0.0.2']);
  },
);

test('so are those of a Service of the user’s', async () => {
  const { api, at } = await start();
  for (const [name, ip] of ['10.0.0.1', '10.0.0.2'].entries()) node(api, `n${name}`, ip);
  const reconciler = at.reconciler();
  at.services.set('shop/front', { spec: { type: 'NodePort', externalTrafficPolicy: 'Local' } });
  await at.make(reconciler, { ...(await at.gateway('edge')), unmanaged: { publishService: 'shop/front' } });
  await expect.poll(() => at.state('edge')?.problem?.message).toContain('shop/front is reached at the nodes that have');
  at.serving.set('shop/front', ['n1']);
  reconciler.published(new Set(['shop/another']));
  expect(at.state('edge')?.addresses).toEqual([]);
  reconciler.published(new Set(['shop/front']));
  await expect
    .poll(() => at.state('edge'))
    .toEqual({ addresses: [{ type: 'IPAddress', value: '10.0.0.2', routability: '' }] });
  // Nodes count wherever the Service says so.
  setStatus(api, 'Node', 'n1', {
    addresses: [{ type: 'ExternalIP', address: '192.0.2.7' }],
    conditions: [{ type: 'Ready', status: 'True' }],
  });
  await expect
    .poll(() => at.state('edge')?.addresses)
    .toEqual([{ type: 'IPAddress', value: '192.0.2.7', routability: '' }]);
});

test('pods that cannot be made are told with what the cluster says', async () => {
  const { api, at } = await start();
  await at.make(at.reconciler(), await at.gateway('edge'));
  const message = 'pods "daemun-edge-x" is forbidden: exceeded quota: small';
  setStatus(api, 'Deployment', 'daemun-edge', { conditions: [{ type: 'ReplicaFailure', status: 'True', message }] });
  await expect
    .poll(() => at.state('edge')?.problem)
    .toMatchObject({ reason: 'NoResources', message: expect.stringContaining(message) });
});

test('a Deployment that becomes a DaemonSet goes when the DaemonSet has a pod, and not before', async () => {
  const { api, at } = await start();
  const edge = await at.gateway('edge');
  const reconciler = at.reconciler();
  await at.make(reconciler, edge);
  await at.make(reconciler, { ...edge, parameters: { workload: 'DaemonSet' } });
  expect([await at.names('Deployment'), await at.names('DaemonSet')]).toEqual([['daemun-edge'], ['daemun-edge']]);
  setStatus(api, 'DaemonSet', 'daemun-edge', { numberAvailable: 1 });
  await at.gone('Deployment', 'daemun-edge');
});

test('while parameters cannot be read, what is there stays as it is', async () => {
  const { at } = await start();
  const edge = await at.gateway('edge', { replicas: 3 });
  const reconciler = at.reconciler();
  await at.make(reconciler, edge);
  const before = await at.versions();
  await at.make(reconciler, { ...edge, parameters: {}, ports: [], held: 'spec.parametersRef: does not exist' });
  expect(await at.versions()).toEqual(before);
});

test('nothing is made for a class that is not managed, and its address is that of the Service that is named', async () => {
  const { api, at } = await start();
  const edge = { ...(await at.gateway('edge')), unmanaged: { publishService: 'shop/front' } };
  const reconciler = at.reconciler();
  await at.make(reconciler, edge);
  expect(await at.versions()).toEqual({});
  expect(api.store.writes.filter(({ verb }) => verb === 'PATCH')).toEqual([]);
  at.services.set('shop/frontend', {});
  reconciler.published(new Set(['shop/front', 'shop/frontend']));
  await expect
    .poll(() => at.state('edge')?.problem?.message)
    .toBe('Service shop/front that clients are to use does not exist: there are frontend');
  const ingress = [{ ip: '192.0.2.8' }];
  at.services.set('shop/front', { spec: { type: 'LoadBalancer' }, status: { loadBalancer: { ingress } } });
  reconciler.published(new Set(['shop/front', 'shop/frontend']));
  await expect
    .poll(() => at.state('edge'))
    .toEqual({ addresses: [{ type: 'IPAddress', value: '192.0.2.8', routability: '' }] });
});

test('values that a server turns into others are written once, and not again and again', async () => {
  const { api, at } = await start();
  const edge = await at.gateway('edge');
  const reconciler = at.reconciler();
  await at.make(reconciler, edge);
  // As an admission webhook does, each time.
  const turned = structuredClone(api.store.get(api.kind('Deployment'), 'shop', 'daemun-edge'));
  (turned.spec as { strategy: { type: string } }).strategy.type = 'Recreate';
  const { replace } = api.store;
  api.store.replace = (served, object, how) => {
    if (served.kind === 'Deployment') (object.spec as { strategy: { type: string } }).strategy.type = 'Recreate';
    return replace.call(api.store, served, object, how);
  };
  api.store.replace(api.kind('Deployment'), turned, { status: false });
  await expect.poll(() => at.writes.filter((one) => one === 'apply Deployment').length).toBe(2);
  for (let i = 0; i < 3; i++) {
    reconciler.resync();
    await reconciler.settled();
  }
  expect(at.writes.filter((one) => one === 'apply Deployment')).toHaveLength(2);
});
