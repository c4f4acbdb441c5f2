/** Where Daemun's CPU time goes in a case, by Node's own sampling profiler. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Ground, launch } from './contest.ts';
import { daemun } from './peer/index.ts';

export interface ProfileLine {
  /** Function and file, such as `parse (head.ts:120)`; `(program)` is time in native code and the kernel. */
  where: string;
  /** Of all samples that were not idle, 0 to 1. */
  share: number;
}

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  /** Microseconds of the machine's monotonic clock, as process.hrtime counts. */
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

/** Microseconds of the same clock: what lies outside, such as start and drain, is not of interest. */
interface Span {
  from: number;
  to: number;
}

const shown = 30;
const secondsToWarm = 2;

export async function profileCase(ground: Ground): Promise<ProfileLine[]> {
  const dir = join(ground.world.dir, 'profiles', String(performance.now()));
  mkdirSync(dir, { recursive: true });
  const nodeArgs = ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', dir];
  const profiled = daemun('daemun', resolve(import.meta.dirname, '..'), nodeArgs);
  const contender = ground.case.contenders([profiled], ground.world).find(({ label }) => label === ground.case.subject);
  if (contender === undefined) throw new Error(`${ground.case.name} does not measure Daemun`);
  const target = await launch(ground, contender);
  const span: Span = { from: 0, to: 0 };
  try {
    await ground.case.measure(target, { ...ground.world, seconds: secondsToWarm });
    span.from = now();
    await ground.case.measure(target, ground.world);
    span.to = now();
  } finally {
    // Profiles are written on a clean exit, after the drain.
    await target.child.stop(20_000);
  }
  const files = readdirSync(dir).filter((name) => name.endsWith('.cpuprofile'));
  if (files.length === 0) throw new Error('Daemun wrote no profile: it did not exit cleanly');
  const profiles = files.map((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')) as CpuProfile);
  return busiest(profiles, span);
}

function now(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Self time by function, over all threads and processes. */
export function busiest(profiles: CpuProfile[], span: Span): ProfileLine[] {
  const times = new Map<string, number>();
  let total = 0;
  for (const { nodes, startTime, samples, timeDeltas } of profiles) {
    let time = startTime;
    const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
    samples.forEach((id, i) => {
      const name = names.get(id)!;
      time += timeDeltas[i]!;
      if (time < span.from || time > span.to || name === '(idle)' || name === '(root)') return;
      total += timeDeltas[i]!;
      times.set(name, (times.get(name) ?? 0) + timeDeltas[i]!);
    });
  }
  const lines = [...times].map(([where, time]): ProfileLine => ({ where, share: time / total }));
  return lines.sort((a, b) => b.share - a.share).slice(0, shown);
}

export function renderProfile(lines: ProfileLine[]): string {
  return lines.map(({ where, share }) => `${(share * 100).toFixed(1).padStart(5)} %  ${where}`).join('\n');
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName || '(anonymous)';
  if (url === '') return name;
  return `${name} (${basename(url)}:${lineNumber + 1})`;
}
