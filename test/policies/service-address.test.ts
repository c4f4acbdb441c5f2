/** BackendTrafficPolicy.destination: requests go to the Service's endpoints, or to its own address. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HTTP, httpRoute, manifests } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type Pod, pod, slice } from './pods.ts';
import { backendTraffic } from './policy.ts';

let pods: Pod[];
let rig: Rig;
beforeAll(async () => {
  pods = await Promise.all([pod('endpoint'), pod('service')]);
  rig = await serveManifests(site());
});
afterAll(async () => {
  await rig.close();
  for (const one of pods) one.close();
});

/** The Service's port is where the second pod listens, and its address is of this machine. */
function site(clusterIP?: string, ...policies: object[]): string {
  const { port } = pods[1]!;
  const spec = { ...(clusterIP !== undefined && { clusterIP }), ports: [{ port }] };
  return manifests(
    [HTTP],
    httpRoute('r', [{ backendRefs: [{ name: 's', port }] }]),
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec },
    slice('s', pods[0]!),
    ...policies,
  );
}

async function answer(): Promise<string> {
  const client = await rawClient(rig.port());
  const [response] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  client.close();
  return String(response!.body);
}

const told = (): string => JSON.stringify(rig.report().items.filter(({ kind }) => kind === 'BackendTrafficPolicy'));
const whole = (): object => backendTraffic('s', { destination: 'ServiceAddress' });

test('the address of the Service is where requests go, and its endpoints where it has none or nobody asks', async () => {
  expect(await answer()).toBe('endpoint');
  await rig.write(site('127.0.0.1', whole()));
  expect(await answer()).toBe('service');
  expect(told()).toContain('enforced on 1 route');
  expect(told()).not.toContain('no address of its own');
  await rig.write(site('None', whole()));
  expect(await answer()).toBe('endpoint');
  expect(told()).toContain('the Service has no address of its own (clusterIP): its endpoints are used');
  await rig.write(site('127.0.0.1', whole()));
  expect(await answer()).toBe('service');
  await rig.write(site('127.0.0.1', backendTraffic('s', { destination: 'Endpoints' })));
  expect(await answer()).toBe('endpoint');
});
