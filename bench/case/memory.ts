/** Resident memory: of a process at rest, and of connections that are open and silent. */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { becomes, type Child, start } from '../child.ts';
import { wrk } from '../load/wrk.ts';
import { residentKiB, weightKiB } from '../measure.ts';
import { type Case, eachPeer, type Sample, type Target, type World } from './case.ts';
import { onePath } from './traffic.ts';

/** Opened before anything is counted: they take up the room that traffic left in the heap. */
const settling = 1000;
/** Heaps grow by steps of some MiB: there are so many connections that one step more or less is little of each. */
const counted = { plain: 16_000, tls: 8_000 };
/** That one process opens. */
const heldByOne = 4_000;
/** Room for all of them, and for what a proxy has to backends. */
const clients = 20_000;
/** Milliseconds after which a process that nobody asks for anything is at rest. */
const settled = 10_000;
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
        clients,
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
  await using held = new AsyncDisposableStack();
  const count = tls ? counted.tls : counted.plain;
  held.use(await hold(target, settling, tls));
  const before = residentKiB(target.pids());
  const holders: Child[] = [];
  for (let open = 0; open < count; open += heldByOne) holders.push(held.use(await hold(target, heldByOne, tls)));
  const after = residentKiB(target.pids());
  if (holders.some((one) => one.exited())) throw new Error('connections were closed while others came');
  return { memory: (after - before) / count };
}

async function hold(target: Target, count: number, tls: boolean): Promise<Child & AsyncDisposable> {
  const child = start({
    argv: [process.execPath, holder, String(target.port), String(count), tls ? 'tls' : 'plain'],
  });
  if (!(await becomes(async () => child.output() === String(count), child, 60))) {
    const said = child.output();
    await child.stop();
    throw new Error(`not all of ${count} idle connections stayed open${said ? `: ${said}` : ''}`);
  }
  return { ...child, [Symbol.asyncDispose]: () => child.stop() };
}

export const memoryCases: Case[] = [
  memoryCase('rest', 'One worker at rest', {
    figures: [{ name: 'memory', unit: 'MiB', better: 'lower' }],
    goals: [{ figure: 'memory', of: 'value', limit: 120 }],
    measure: async (target) => {
      await setTimeout(settled);
      return { memory: weightKiB(target.pids()) / 1024 };
    },
  }),
  memoryCase('idle', `An idle connection, of ${counted.plain}`, perConnection(6, false)),
  memoryCase('idle-tls', `An idle TLS connection, of ${counted.tls}`, perConnection(45, true), true),
];
