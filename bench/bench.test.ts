import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBackends } from './backend.ts';
import { cases, type World } from './case/index.ts';
import { makeCertificate } from './certificate.ts';
import { run, start, stopAll } from './child.ts';
import { contest, launch } from './contest.ts';
import { chooseCores } from './machine.ts';
import { cpuMicros, processTree, residentKiB, weightKiB } from './measure.ts';
import { type Peer, peers, type Setup } from './peer/index.ts';
import { probe } from './probe.ts';
import { reportCase } from './report.ts';

const installed = async (program: string): Promise<boolean> => {
  const works = (): boolean => true;
  const fails = (): boolean => false;
  return await run(['sh', '-c', `command -v ${program}`], 5).then(works, fails);
};

const needed = ['nginx', 'wrk', 'openssl', 'taskset'];
/** One case for each sort of setup. */
const setups = ['browser', 'tls', 'h2-h1', 'grpc', 'tcp', 'passthrough', 'udp'].map(
  (name) => [name, cases.find((one) => one.name === name)!] as const,
);
const missing: string[] = [];
for (const program of needed) if (!(await installed(program))) missing.push(program);
const others: Peer[] = [];
for (const peer of peers) if (peer.name !== 'daemun' && (await peer.find()) !== undefined) others.push(peer);

describe('process measurement', () => {
  it('counts the CPU time and memory of a whole process tree', async () => {
    // Bounded, so that it ends by itself where this test is killed.
    const busy = 'i=0; while [ $i -lt 9000000 ]; do i=$((i+1)); done';
    const child = start({ argv: ['sh', '-c', `echo up; (${busy}) & wait`] });
    const tree = await waitFor(() => {
      const pids = processTree(child.pid);
      return cpuMicros(pids) >= 50_000 ? pids : undefined;
    });
    expect(tree.length).toBeGreaterThanOrEqual(2);
    expect(residentKiB(tree)).toBeGreaterThan(100);
    const weight = weightKiB(tree);
    expect(weight).toBeGreaterThan(100);
    expect(weight).toBeLessThan(residentKiB(tree) + 1024);
    await child.stop();
    await waitFor(() => tree.every((pid) => processTree(pid).length === 0) || undefined);
  });

  it('finds nothing for a process that is gone', () => {
    expect(processTree(2 ** 22 + 1)).toEqual([]);
  });
});

if (missing.length > 0) {
  it('needs programs that are not installed here', () => {
    process.stdout.write(`bench: not tried, for want of ${missing.join(', ')}\n`);
  });
} else {
  describe('side by side', () => {
    let world: World;

    beforeAll(async () => {
      const dir = mkdtempSync(join(tmpdir(), 'daemun-bench-test-'));
      const rsa = await makeCertificate(dir, 'rsa');
      const ecdsa = await makeCertificate(dir, 'ecdsa');
      world = { dir, rsa, ecdsa, seconds: 1, backends: await startBackends(dir, ecdsa) };
    });

    afterAll(async () => {
      await stopAll();
      rmSync(world.dir, { recursive: true, force: true });
    });

    it('gives nginx the cost of nginx', async () => {
      const tiny = cases.find(({ name }) => name === 'tiny')!;
      const nginx = others.find(({ name }) => name === 'nginx')!;
      const contenders = tiny.contenders([nginx, { ...nginx, name: 'nginx again' }], world);
      const cores = chooseCores();
      const entries = await contest({ case: tiny, world, cores }, contenders, { reps: 3 });
      const again = reportCase(tiny, entries).contenders.find(({ label }) => label === 'nginx again');
      expect(again?.ratios.cpu?.median).toBeGreaterThan(0.75);
      expect(again?.ratios.cpu?.median).toBeLessThan(1.25);
    }, 60_000);

    it('leaves out by name what does not serve', async () => {
      const tiny = cases.find(({ name }) => name === 'tiny')!;
      const broken: Peer = {
        name: 'broken',
        find: async () => ({ path: 'sh', version: '0' }),
        launch: () => ({ argv: ['sh', '-c', 'echo cannot read its configuration; exit 1'] }),
      };
      const entries = await contest({ case: tiny, world, cores: chooseCores() }, tiny.contenders([broken], world), {
        reps: 1,
      });
      expect(entries[0]).toMatchObject({ samples: [], reason: 'broken did not serve: cannot read its configuration' });
    });

    describe.each(others.map((peer) => [peer.name, peer] as const))('%s', (_, peer) => {
      it.each(setups)('serves %s, or says that it cannot', async (_name, one) => {
        const contender = one.contenders([peer], world).at(-1);
        if (contender === undefined) return;
        const ground = { case: one, world, cores: chooseCores() };
        if (!supports(peer, contender.setup)) {
          await expect(launch(ground, contender)).rejects.toThrow(`${peer.name} has no such feature`);
          return;
        }
        const target = await launch(ground, contender);
        expect(await probe(one.probe(target))).toBe(true);
        await target.child.stop();
      });
    });
  });
}

const unsupported: Record<string, Setup['kind'][]> = { caddy: ['tcp', 'tls', 'udp'], haproxy: ['udp'] };

function supports(peer: Peer, setup: Setup): boolean {
  return !unsupported[peer.name]?.includes(setup.kind);
}

async function waitFor<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise(setImmediate);
  }
}
