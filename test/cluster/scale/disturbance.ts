/** What happens in a cluster while requests do not pause; afterwards a new route must be served, too. */
import { exec } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { kubectl, output } from '../kubectl.ts';
import { hostOf, type Stage } from './stage.ts';

/** Milliseconds between two changes of endpoints. */
const EVERY = 200;
/** Data planes, one after another. */
const REPLICAS = [2, 4, 1, 2, 1];
const LEASE = 'daemun-controller';

/** The addresses of a Service go to one pod, to another, and to both. */
export async function endpoints(stage: Stage, { seconds, rate }: { seconds: number; rate: number }): Promise<void> {
  const [a, b] = await Promise.all(['a', 'b'].map((app) => podAddress(stage, app)));
  const turns = [[a!], [b!], [a!, b!]];
  await selectorless(stage, 'churn', turns[0]!);
  await stage.create(stage.routes, stage.route('churn', 'churn'));
  await stage.answers(hostOf('churn'));
  let changes = 0;
  await stage.under({ part: 'endpoints', host: hostOf('churn'), rate }, async () => {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      const next = delay(EVERY);
      const addresses = turns[++changes % turns.length]!;
      await stage.patch(`${slicesOf(stage)}/churn`, { endpoints: endpointsOf(addresses) });
      await next;
    }
  });
  stage.tally.figure('endpoints', 'changes of endpoints', `${changes} in ${seconds} s`);
  await stage.clear();
}

export async function backends(stage: Stage): Promise<void> {
  const { namespace } = stage;
  await stage.rollOut(['deployment/a', 'deployment/b'], { namespace, selector: 'app in (a, b)' });
}

export async function dataPlanes(stage: Stage): Promise<void> {
  const group = stage.implementation.dataPlanes(stage.namespace);
  const names = await output(['-n', group.namespace, 'get', 'deployment', '-l', group.selector, '-o', 'name']);
  await stage.rollOut(names.split('\n'), group);
}

/** More of them, and fewer. */
export async function replicas(stage: Stage): Promise<void> {
  const parametersRef = { group: 'gateway.daemun.dev', kind: 'DaemunParameters', name: 'edge' };
  const group = stage.implementation.dataPlanes(stage.namespace);
  for (const count of REPLICAS) {
    await stage.scene.apply(parameters(count));
    const patch = JSON.stringify({ spec: { infrastructure: { parametersRef } } });
    await stage.scene.kubectl('patch', 'gateway/edge', '--type=merge', '-p', patch);
    await stage.settles(group, count);
    stage.tally.progress(`replicas: ${count}`);
  }
}

/** All controllers are killed at once; then the one that leads goes as pods go. */
export async function controllers(stage: Stage): Promise<void> {
  const { namespace, selector } = stage.implementation.controllers;
  const inPods = ['-n', namespace, 'delete', 'pod'];
  await kubectl([...inPods, '-l', selector, '--grace-period=0', '--force']);
  await stage.settles({ namespace, selector }, 'whatever');
  await stage.serves('after-a-kill');
  // It has written a status just now, so it lives.
  const before = await leader(namespace);
  await kubectl([...inPods, before, '--wait=false']);
  await stage.until('other leader', async () => ((await leader(namespace)) === before ? `it is ${before}` : undefined));
  await stage.settles({ namespace, selector }, 'whatever');
}

/** The pod that holds the Lease. */
async function leader(namespace: string): Promise<string> {
  const holder = await output(['-n', namespace, 'get', `lease/${LEASE}`, '-o', 'jsonpath={.spec.holderIdentity}']);
  return holder.slice(0, holder.lastIndexOf('_'));
}

/** A command of who measures: it takes something away, and gives it back. */
export async function command(stage: Stage, line: string): Promise<void> {
  const { stdout, stderr } = await promisify(exec)(line, { shell: '/bin/bash' });
  for (const text of [stdout, stderr]) if (text !== '') stage.tally.progress(text.trimEnd());
}

function parameters(count: number): string {
  return `---
apiVersion: gateway.daemun.dev/v1alpha1
kind: DaemunParameters
metadata: { name: edge }
spec: { replicas: ${count} }
`;
}

const slicesOf = ({ namespace }: Stage): string => `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;

const endpointsOf = (addresses: string[]): object[] =>
  addresses.map((address) => ({ addresses: [address], conditions: { ready: true } }));

/** A Service whose endpoints are ours to say; headless, so that what a cluster does for its address is not measured. */
export async function selectorless(stage: Stage, name: string, addresses: string[]): Promise<void> {
  await stage.create(`/api/v1/namespaces/${stage.namespace}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { clusterIP: 'None', ports: [{ port: 8080, targetPort: 3000 }] },
  });
  await stage.create(slicesOf(stage), {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 3000, protocol: 'TCP' }],
    endpoints: endpointsOf(addresses),
  });
}

export function podAddress(stage: Stage, app: string): Promise<string> {
  return stage.scene.kubectl('get', 'pods', '-l', `app=${app}`, '-o', 'jsonpath={.items[0].status.podIP}');
}
