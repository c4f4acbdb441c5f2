/** Resident memory: of a process at rest, and of connections that are open and silent. */
import { join } from 'node:path';
import { becomes, start } from '../child.ts';
import { wrk } from '../load/wrk.ts';
import { residentKiB } from '../measure.ts';
import { type Case, eachPeer, type Sample, type Target, type World } from './case.ts';
import { onePath } from './traffic.ts';

const connections = 1000;
const holder = join(import.meta.dirname, '..', 'load', 'idle.ts');
const hosts = ['bench.example'];

function memoryCase(name: string, title: string, rest: Pick<Case, 'figures' | 'goals' | 'measure'>, tls = false): Case {
  return {
    name,
    title,
    ...rest,
    subject: 'daemun',
    baseline: 'nginx',
    fresh: true,
    contenders: (peers, world) =>
      eachPeer(peers, {
        kind: 'http',
        hosts,
        paths: onePath,
        backend: world.backends.h1,
        workers: 1,
        ...(tls ? { certificate: world.ecdsa } : {}),
      }),
    probe: ({ port }) => ({ kind: 'http', port, tls, host: hosts[0]! }),
  };
}

const perConnection = (limit: number, tls: boolean): Pick<Case, 'figures' | 'goals' | 'measure'> => ({
  figures: [{ name: 'memory', unit: 'KiB/connection', better: 'lower' }],
  goals: [{ figure: 'memory', of: 'value', limit }],
  measure: (target, world) => holdConnections(target, world, tls),
});

/** The process has served traffic before, so that its code is warm and its heap has the size that traffic gives it. */
async function holdConnections(target: Target, world: World, tls: boolean): Promise<Sample> {
  await wrk({ port: target.port, tls, seconds: 1, hosts, targets: onePath, dir: world.dir });
  const before = residentKiB(target.pids());
  const mode = tls ? 'tls' : 'plain';
  const child = start({ argv: [process.execPath, holder, String(target.port), String(connections), mode] });
  try {
    if (!(await becomes(async () => child.output() === String(connections), child, 30))) {
      throw new Error(`only ${child.output() || 'some'} of ${connections} connections stayed open`);
    }
    return { memory: (residentKiB(target.pids()) - before) / connections };
  } finally {
    await child.stop();
  }
}

export const memoryCases: Case[] = [
  memoryCase('rest', 'One worker at rest', {
    figures: [{ name: 'memory', unit: 'MiB', better: 'lower' }],
    goals: [{ figure: 'memory', of: 'value', limit: 120 }],
    measure: async (target) => ({ memory: residentKiB(target.pids()) / 1024 }),
  }),
  memoryCase('idle', `An idle connection (${connections} of them)`, perConnection(6, false)),
  memoryCase('idle-tls', `An idle TLS connection (${connections} of them)`, perConnection(45, true), true),
];
