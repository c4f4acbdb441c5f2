/** When a BackendTrafficPolicy has endpoints passed over for what requests meet there. */
import { afterEach, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type CheckedPod, checkedPod, h2CheckedPod } from './checked-pod.ts';
import { slice } from './pods.ts';
import { backendTraffic } from './policy.ts';

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Make = (name: string, status?: number) => Promise<CheckedPod>;

/** Two that answer on /healthz as their state says. */
async function site(
  make: Make,
  outlierDetection: object,
): Promise<{ rig: Rig; pods: CheckedPod[]; text: (spec: object) => string }> {
  const pods = [await make('good'), await make('bad', 500)];
  for (const pod of pods) closing.push(() => pod.close());
  const port = make === h2CheckedPod ? { port: 80, appProtocol: 'kubernetes.io/h2c' } : { port: 80 };
  const text = (spec: object): string =>
    manifests(
      [HTTP],
      httpRoute('r', [{ ...backendRefs('s'), timeouts: { backendRequest: '200ms' } }]),
      { ...service('s'), spec: { ports: [port] } },
      ...pods.map((pod) => slice('s', pod)),
      backendTraffic('s', { outlierDetection: spec }),
    );
  const rig = await serveManifests(text(outlierDetection));
  closing.push(() => rig.close());
  return { rig, pods, text };
}

/** How many of so many requests were answered with an error. */
async function errors(rig: Rig, count: number): Promise<number> {
  const client = await rawClient(rig.port());
  let failed = 0;
  for (let i = 0; i < count; i++) {
    const [answer] = await client.ask('GET /healthz HTTP/1.1\r\nHost: a.example\r\n\r\n');
    if (answer!.status >= 500) failed++;
  }
  client.close();
  return failed;
}

describe.each([
  ['HTTP/1.1', checkedPod],
  ['HTTP/2', h2CheckedPod],
] as const)('%s', (_, make) => {
  test('so many errors in a row are enough', async () => {
    const { rig, text } = await site(make, { consecutiveErrors: 2, baseEjectionTime: '20s' });
    expect(await errors(rig, 20)).toBe(2);
    // Of what is said anew the next failure decides: it is passed over already, and stays so.
    await rig.write(text({ consecutiveErrors: 7, baseEjectionTime: '20s' }));
    expect(await errors(rig, 10)).toBe(0);
  });

  test('none is enough where the count is 0, or all of it is off', async () => {
    const { rig, text } = await site(make, { consecutiveErrors: 0 });
    expect(await errors(rig, 20)).toBe(10);
    await rig.write(text({ consecutiveErrors: 1, baseEjectionTime: '20s' }));
    expect(await errors(rig, 20)).toBeLessThanOrEqual(1);
    await rig.write(text({ disabled: true }));
    // Whoever was passed over is not any more.
    expect(await errors(rig, 20)).toBe(10);
  });

  test('of errors that are no 500 fewer may be enough', async () => {
    const { rig, pods } = await site(make, {
      consecutiveErrors: 0,
      consecutiveGatewayErrors: 3,
      baseEjectionTime: '20s',
    });
    expect(await errors(rig, 20)).toBe(10);
    pods[1]!.state.status = 503;
    expect(await errors(rig, 20)).toBe(3);
  });

  test('no more than so many of them for that', async () => {
    const { rig, text } = await site(make, { consecutiveErrors: 1, maxEjectionPercent: 49, baseEjectionTime: '20s' });
    expect(await errors(rig, 20)).toBe(10);
    await rig.write(text({ consecutiveErrors: 1, maxEjectionPercent: 50, baseEjectionTime: '20s' }));
    expect(await errors(rig, 20)).toBe(1);
  });

  test('one is tried again after the time that the policy says', async () => {
    const { rig, pods } = await site(make, {
      consecutiveErrors: 1,
      baseEjectionTime: '300ms',
      maxEjectionTime: '300ms',
    });
    expect(await errors(rig, 10)).toBe(1);
    pods[1]!.state.status = 200;
    const back = async (): Promise<number> => {
      await errors(rig, 4);
      return new Set(rig.accesses.slice(-4).map(({ endpoint }) => endpoint)).size;
    };
    const began = performance.now();
    await expect.poll(back, { timeout: 5_000 }).toBe(2);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
