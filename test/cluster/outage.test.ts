/**
 * The API server is away for controllers and data planes: what these have they serve on, and what comes back is what was,
 * and what changed meanwhile. By a rule of the firewall, so only as root beside an API server of this machine. The cluster's
 * own parts still reach it: a controller manager that missed the leases of nodes would take their pods out of Services.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../protocols/tool.ts';
import { Firewall } from './firewall.ts';
import { output } from './kubectl.ts';
import { gateway, route, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

/** Milliseconds of the whole outage: half of it nothing answers, half of it connections are refused. */
const OUTAGE = 60_000;
/** Requests a second. */
const RATE = 500;
/** Milliseconds after the outage in which what came meanwhile is served; waits after failures would be up to half a minute. */
const SERVED_AGAIN = 20_000;
const LATER = `---
apiVersion: v1
kind: Service
metadata: { name: later }
spec: { selector: { app: shop }, ports: [{ port: 8080, targetPort: 3000 }] }
`;

const firewall = Firewall.find();

let scene: Scene;
let address: string;
const traffic: Traffic[] = [];

describe.runIf(firewall !== undefined)('an outage of the API server', () => {
  beforeAll(async () => {
    scene = await Scene.open('outage');
    await scene.echo('shop', 2);
    await scene.apply(gateway('edge') + route('shop', { gateway: 'edge', host: 'shop.example.com', service: 'shop' }));
    address = await scene.address('edge');
  });
  afterEach(async () => {
    await firewall!.reopen();
    for (const one of traffic.splice(0)) await one.stop();
  });
  afterAll(() => scene?.close());

  const about = async (): Promise<string[]> => [
    await scene.kubectl(
      'get',
      'gateway/edge',
      '-o',
      'jsonpath={.status.conditions}{.status.addresses}{.status.listeners}',
    ),
    await scene.kubectl(
      'get',
      'pods,services',
      '-o',
      'jsonpath={.items[*].metadata.uid}{.items[*].status.containerStatuses[*].restartCount}',
    ),
    await output([
      '-n',
      'daemun-system',
      'get',
      'pods',
      '-o',
      'jsonpath={.items[*].metadata.uid}{.items[*].status.containerStatuses[*].restartCount}',
    ]),
  ];

  test('of 60 s fails no request, and afterwards all is as before and changes are served', async () => {
    const before = await about();
    const load = { address, host: 'shop.example.com', rate: RATE / 2, clients: 8 };
    traffic.push(new Traffic(load), new Traffic({ ...load, fresh: true }));
    await expect.poll(() => traffic.every(({ sent }) => sent > 50)).toBe(true);
    for (const how of ['drop', 'reject with tcp reset'] as const) {
      await firewall!.block(how);
      const began = performance.now();
      const past = (): number => performance.now() - began;
      await expect.poll(past, { timeout: OUTAGE, interval: 500 }).toBeGreaterThan(OUTAGE / 2);
    }
    // What came meanwhile, of several kinds: none of them is known late.
    await scene.apply(LATER + route('later', { gateway: 'edge', host: 'later.example.com', service: 'later' }));
    await firewall!.reopen();
    const reopened = performance.now();
    const answer = async (): Promise<string> =>
      (await run('curl', ['-s', '-m', '5', '-H', 'Host: later.example.com', `http://${address}/here`])).stdout;
    await expect.poll(answer, { timeout: SERVED_AGAIN, interval: 200 }).toContain('"/here"');
    console.log(`what came meanwhile is served after ${((performance.now() - reopened) / 1000).toFixed(1)} s`);
    const programmed = 'jsonpath={.status.parents[0].conditions[?(@.type=="Programmed")].status}';
    await expect
      .poll(() => scene.kubectl('get', 'httproute/later', '-o', programmed), { timeout: 60_000 })
      .toBe('True');
    await scene.kubectl('delete', 'httproute/later', 'service/later');
    await expect.poll(about, { timeout: 60_000 }).toEqual(before);
    const outcomes = await Promise.all(traffic.splice(0).map((one) => one.stop()));
    console.log(`${outcomes.reduce((sum, { sent }) => sum + sent, 0)} requests`);
    expect(outcomes.flatMap(({ failures }) => failures)).toEqual([]);
  });
});
