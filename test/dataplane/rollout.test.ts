/** Data planes that take one another's place while requests come: not one of them fails. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { ask, askAdmin } from '../cli/client.ts';
import { freePort } from '../cli/daemun-process.ts';
import { RIG_GATEWAY, StreamRig, type StreamRigOptions } from '../stream-rig.ts';
import { Balancer, PacedLoad } from './balancer.ts';
import { DataPlaneProcess } from './dataplane-process.ts';
import { config } from './served-config.ts';

/** Milliseconds that the balancer takes to notice. */
const LAG = 500;
/** For what takes a process to start on a busy machine. */
const LONG = { timeout: 20_000 };

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function rigOf(port = 80, options: StreamRigOptions = {}): Promise<StreamRig> {
  const rig = await StreamRig.start(options);
  closing.push(() => rig.close());
  rig.gateway().put(...config(port));
  return rig;
}

async function start(rig: StreamRig, flags: string[]): Promise<DataPlaneProcess> {
  const begun = DataPlaneProcess.begin(rig, flags);
  closing.push(() => begun.remove());
  await begun.logged('serving');
  return begun;
}

test('told to end, it is not ready at once, serves on, then is polite, and ends', async () => {
  const rig = await rigOf();
  const running = await start(rig, ['--port-map', '80=0', '--drain-delay', '2s', '--drain-timeout', '5s']);
  const { port, admin } = running;
  const idle = net.connect({ port, host: '127.0.0.1' });
  await once(idle, 'connect');
  const began = performance.now();
  const ended = running.terminate();
  await running.logged('leaving');
  expect(await askAdmin(admin, '/readyz')).toMatchObject({ status: 503, body: 'draining\n' });
  expect(await askAdmin(admin, '/livez')).toMatchObject({ status: 200 });
  expect((await ask({ port })).status).toBe(200);
  // What changes meanwhile is still served, and nobody waits for its acknowledgement.
  rig.gateway().put(...config(80, 'two'));
  await vi.waitFor(async () => expect((await ask({ port })).body).toBe('two'), { timeout: 1_500 });
  await vi.waitFor(() => expect(rig.gateway().names).toEqual([]), LONG);
  idle.resume();
  await once(idle, 'close');
  expect(performance.now() - began).toBeGreaterThan(1_900);
  expect((await ended).code).toBe(0);
});

test('whose pod is taken away and whom no signal reaches, is told by its controller, and a signal that comes late cuts nothing off', async () => {
  const ending = new Set<string>();
  const rig = await rigOf(80, { signalPatience: 50, isEnding: (name) => ending.has(name) });
  const running = await start(rig, ['--port-map', '80=0', '--drain-delay', '1500ms', '--drain-timeout', '5s']);
  await vi.waitFor(() => expect(rig.gateway().names).toHaveLength(1), LONG);
  const [name = ''] = rig.gateway().names;
  ending.add(name);
  rig.fleets.at(RIG_GATEWAY)!.ending(name);
  await running.logged('the pod is being taken away');
  await running.logged('leaving');
  running.child.kill('SIGTERM');
  expect((await ask({ port: running.port })).status).toBe(200);
  expect((await running.finished).code).toBe(0);
});

test('with a longer delay it stays ready until its probes must notice, so that its node goes on sending to it', async () => {
  const rig = await rigOf();
  const running = await start(rig, ['--port-map', '80=0', '--drain-delay', '9500ms']);
  const { port, admin } = running;
  void running.terminate();
  await running.logged('leaving');
  const ready = async (): Promise<number> => (await askAdmin(admin, '/readyz')).status;
  expect(await ready()).toBe(200);
  // Its controller does not wait for it any more.
  await vi.waitFor(() => expect(rig.gateway().names).toEqual([]), LONG);
  const began = performance.now();
  await vi.waitFor(async () => expect(await ready()).toBe(503), LONG);
  expect(performance.now() - began).toBeLessThan(5_000);
  expect((await ask({ port })).status).toBe(200);
});

test('a rolling update and a change of scale behind a balancer that notices late cost no request', async () => {
  const rig = await rigOf();
  const flags = ['--port-map', '80=0', '--drain-delay', '1500ms', '--drain-timeout', '5s'];
  const balancer = await Balancer.start(LAG);
  closing.push(() => balancer.close());
  const running = await Promise.all([start(rig, flags), start(rig, flags)]);
  await Promise.all(running.map((one) => balancer.add(one)));
  const load = new PacedLoad(balancer.port, { perSecond: 500 });
  for (const old of running.splice(0)) {
    const next = await start(rig, flags);
    await balancer.add(next);
    running.push(next);
    expect((await old.terminate()).code).toBe(0);
    balancer.remove(old);
  }
  // Down to one.
  const last = running.pop()!;
  expect((await last.terminate()).code).toBe(0);
  balancer.remove(last);
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.sent).toBeGreaterThan(500);
}, 120_000);

test('two generations on one port of one machine: the second comes before the first goes, and no request is lost', async () => {
  const port = await freePort();
  const rig = await rigOf(port);
  // On a node's network they may have the same port for probes, too: the second gets it when the first has ended.
  const admin = `127.0.0.1:${await freePort()}`;
  const flags = ['--drain-delay', '300ms', '--drain-timeout', '5s', '--admin', admin];
  const first = await start(rig, flags);
  const load = new PacedLoad(port, { perSecond: 300 });
  const second = await start(rig, flags);
  expect(await second.logged('no admin API yet')).toMatchObject({ code: 'DMN_PORT_IN_USE' });
  expect((await first.terminate()).code).toBe(0);
  await vi.waitFor(async () => expect(await askAdmin(admin, '/readyz')).toMatchObject({ status: 200 }), LONG);
  await vi.waitFor(() => expect(load.sent).toBeGreaterThan(600), LONG);
  await load.stop();
  expect(load.failures).toEqual([]);
}, 60_000);
