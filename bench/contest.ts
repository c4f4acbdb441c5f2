/** Runs one case: all its contenders side by side, repetition by repetition, in changing order. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Case, Contender, Sample, Target, World } from './case/index.ts';
import { becomes, type Child, freePort, start } from './child.ts';
import type { Cores } from './machine.ts';
import { processTree } from './measure.ts';
import { probe } from './probe.ts';

export interface Entry {
  label: string;
  peer: string;
  /** One for each repetition; empty when the contender was left out. */
  samples: Sample[];
  /** Why it was left out. */
  reason?: string;
}

export interface ContestOptions {
  reps: number;
  /** Milliseconds between the warm-up and the first repetition: what a start leaves to be done is done then. */
  rest?: number;
  /** Told before each measurement. */
  onStep?: (step: string) => void;
}

/** A case in a world, with what is needed to start a contender of it. */
export interface Ground {
  case: Case;
  world: World;
  cores: Cores;
}

const secondsToServe = 15;
const secondsToWarm = 2;
let launches = 0;

export async function contest(ground: Ground, contenders: Contender[], options: ContestOptions): Promise<Entry[]> {
  const entries = contenders.map(({ label, peer }): Entry => ({ label, peer: peer.name, samples: [] }));
  const running: (Running | undefined)[] = [];
  const turn = async (i: number, keep: boolean): Promise<void> => {
    const entry = entries[i]!;
    if (entry.reason !== undefined) return;
    try {
      const target = running[i] ?? (await launch(ground, contenders[i]!));
      running[i] = target;
      const world = keep ? ground.world : { ...ground.world, seconds: secondsToWarm };
      const sample = await ground.case.measure(target, world);
      if (keep) entry.samples.push(sample);
    } catch (error) {
      entry.samples = [];
      entry.reason = error instanceof Error ? error.message : String(error);
    }
    if (ground.case.fresh || entry.reason !== undefined) {
      await running[i]?.child.stop();
      running[i] = undefined;
    }
  };
  try {
    for (let rep = ground.case.fresh ? 1 : 0; rep <= options.reps; rep++) {
      for (let i = 0; i < entries.length; i++) {
        const next = (i + rep) % entries.length;
        options.onStep?.(
          rep === 0 ? `${entries[next]!.label}, warm-up` : `${entries[next]!.label}, ${rep}/${options.reps}`,
        );
        await turn(next, rep > 0);
      }
      if (rep === 0) await setTimeout(options.rest ?? 0);
    }
  } finally {
    await Promise.all(running.map((target) => target?.child.stop()));
  }
  return entries;
}

export interface Running extends Target {
  child: Child;
}

/** Starts a contender and waits until it answers; the error says why it does not. */
export async function launch(
  { case: case_, world, cores }: Ground,
  { label, peer, setup }: Contender,
): Promise<Running> {
  const dir = join(world.dir, `proxy-${++launches}`);
  mkdirSync(dir);
  const port = await freePort();
  const how = peer.launch(setup, { dir, port });
  if (how === undefined) throw new Error(`${peer.name} has no such feature`);
  const child = start(how, case_.pair ? cores.pair : cores.proxy);
  const target = case_.probe({ port, setup });
  if (!(await becomes(() => probe(target), child, secondsToServe))) {
    await child.stop();
    const said = (child.errors() || child.output()).split('\n').at(-1);
    throw new Error(`${label} did not serve${said ? `: ${said}` : ''}`);
  }
  return { child, port, setup, pids: () => processTree(child.pid) };
}
