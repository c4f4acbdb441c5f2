/** Many routes, each with a Service and an EndpointSlice of its own: memory of each side, and what one change costs. */
import { setTimeout as delay } from 'node:timers/promises';
import { Asker, said } from './asker.ts';
import { type PodPlace, type PodUse, podUse } from './pod-process.ts';
import { hostOf, type Stage } from './stage.ts';

const PART = 'services';
/** Changes whose cost is taken the mean of, and milliseconds between two. */
const CHANGES = 100;
const EVERY = 100;
/** Milliseconds at rest: before memory is looked at, and from which the cost of doing nothing is known. */
const SETTLED = 10_000;
/** So many of the routes are asked for. */
const ASKED = 200;

interface Uses {
  controllers: PodUse[];
  dataPlanes: PodUse[];
}

export async function services(stage: Stage, count: number): Promise<void> {
  const { tally } = stage;
  const empty = await uses(stage);
  tellMemory(stage, 'before', empty);
  const endpoint = await podAddress(stage);
  const began = performance.now();
  const since = (): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  let done = 0;
  await stage.each(count, async (at) => {
    await backend(stage, nameOf(at), endpoint);
    await stage.create(stage.routes, stage.route(nameOf(at), nameOf(at)));
    if (++done % 500 === 0) tally.progress(`${PART}: ${done} of ${count}`);
  });
  tally.figure(PART, `the API server has taken ${count} routes, Services and EndpointSlices after`, since());
  await stage.attached(count);
  await stage.programmed(count);
  tally.figure(PART, 'all say Programmed after', since());
  await asked(stage, count);
  await delay(SETTLED);
  tellMemory(stage, `with ${count} of each`, await uses(stage));
  await costOfChanges(stage, count);
  tally.figure(PART, 'teardown of the routes', `${(await stage.clear()).toFixed(1)} s`);
}

/** Headless, so that what a cluster does for the address of a Service is not measured. */
async function backend(stage: Stage, name: string, address: string): Promise<void> {
  await stage.create(`/api/v1/namespaces/${stage.namespace}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { clusterIP: 'None', ports: [{ port: 8080, targetPort: 3000 }] },
  });
  await stage.create(`/apis/discovery.k8s.io/v1/namespaces/${stage.namespace}/endpointslices`, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 3000, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  });
}

function podAddress(stage: Stage): Promise<string> {
  return stage.scene.kubectl('get', 'pods', '-l', 'app=a', '-o', 'jsonpath={.items[0].status.podIP}');
}

async function asked(stage: Stage, count: number): Promise<void> {
  const asker = new Asker(stage.address);
  for (let at = 0; at < count; at += Math.ceil(count / ASKED)) {
    const answer = await asker.ask(hostOf(nameOf(at)));
    if (answer.status !== 200) stage.tally.fail(`${PART}: ${nameOf(at)} is Programmed: ${said(answer)}`);
  }
  asker.close();
}

/** Processor time of each side beyond what it takes at rest in the same time. */
async function costOfChanges(stage: Stage, count: number): Promise<void> {
  const before = await uses(stage);
  await delay(SETTLED);
  const began = performance.now();
  const middle = await uses(stage);
  for (let change = 0; change < CHANGES; change++) {
    const next = delay(EVERY);
    const name = nameOf((change * 37) % count);
    const set = [{ name: 'x-change', value: String(change) }];
    const filters = [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set } }];
    const rules = [{ filters, backendRefs: [{ name, port: 8080 }] }];
    await stage.patch(`${stage.routes}/${name}`, { spec: { rules } });
    await next;
  }
  await stage.programmed(count);
  const after = await uses(stage);
  const scale = (performance.now() - began) / SETTLED;
  for (const side of ['controllers', 'dataPlanes'] as const) {
    const costs = after[side].map(({ cpu }, at) => {
      const rest = (middle[side][at]!.cpu - before[side][at]!.cpu) * scale;
      return `${(((cpu - middle[side][at]!.cpu - rest) * 1000) / CHANGES).toFixed(1)} ms`;
    });
    stage.tally.figure(PART, `processor time of one change, ${TITLES[side]}`, costs.join(', '), '≤ 5 ms');
  }
}

const TITLES = { controllers: 'each controller', dataPlanes: 'each data plane' } as const;
const GOALS = { controllers: '≤ 250 MB', dataPlanes: '≤ 150 MB' } as const;

function tellMemory({ tally }: Stage, when: string, now: Uses): void {
  for (const side of ['controllers', 'dataPlanes'] as const) {
    const figures = now[side].map(({ memory, private: own }) =>
      own === undefined ? `${mb(memory)} resident` : `${mb(memory)} (${mb(own)} private)`,
    );
    tally.figure(PART, `memory ${when}, ${TITLES[side]}`, figures.join(', '), when === 'before' ? '' : GOALS[side]);
  }
}

async function uses(stage: Stage): Promise<Uses> {
  const all = (pods: PodPlace[]): Promise<PodUse[]> => Promise.all(pods.map((pod) => podUse(stage.client, pod)));
  return { controllers: await all(await stage.controllers()), dataPlanes: await all(await stage.dataPlanes()) };
}

const nameOf = (at: number): string => `service-${at}`;
const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
