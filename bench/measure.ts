/** What a process tree has used so far, read from /proc. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const pageBytes = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));

/** The process and all its descendants; empty when it is gone. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  let found = false;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    const stat = readStat(pid);
    if (stat === undefined) continue;
    found ||= pid === root;
    const siblings = children.get(Number(stat[1]));
    if (siblings === undefined) children.set(Number(stat[1]), [pid]);
    else siblings.push(pid);
  }
  if (!found) return [];
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** User and system time of all threads of these processes, in microseconds; resolution is one clock tick (10 ms). */
export function cpuMicros(pids: number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readStat(pid);
    if (stat !== undefined) ticks += Number(stat[11]) + Number(stat[12]);
  }
  return (ticks * 1e6) / ticksPerSecond;
}

/** Resident memory of these processes, in KiB; pages that they share count once for each. */
export function residentKiB(pids: number[]): number {
  let pages = 0;
  for (const pid of pids) {
    const statm = read(`/proc/${pid}/statm`);
    if (statm !== undefined) pages += Number(statm.split(' ')[1]);
  }
  return (pages * pageBytes) / 1024;
}

/** The same, but pages that they share with one another count once: files are taken to be the same ones. */
export function weightKiB(pids: number[]): number {
  const all = pids.map((pid) => read(`/proc/${pid}/smaps_rollup`) ?? '');
  const field = (text: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  const own = all.map((text) => field(text, 'Pss_Anon') + field(text, 'Pss_Shmem'));
  const files = all.map((text) => Math.max(0, field(text, 'Rss') - field(text, 'Anonymous')));
  return own.reduce((sum, one) => sum + one, 0) + Math.max(0, ...files);
}

/** The fields of /proc/PID/stat from the state on: the name before them may hold blanks and brackets. */
function readStat(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
