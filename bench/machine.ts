/** The machine the figures were measured on, and which of its cores does what. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

export interface Cores {
  /** The core that proxies run on. */
  proxy: string;
  /** Cores of the load generators, the backends and the harness itself; the same as `proxy` on a one-core machine. */
  load: string;
  /** Two cores for cases with two workers; on a two-core machine they share one with the load. */
  pair: string;
}

export interface Machine {
  cpu: string;
  cores: number;
  kernel: string;
  memoryMiB: number;
  node: string;
  /** Load average of the minute before the run. */
  loadBefore: number;
}

export function describeMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: allowedCores().length,
    kernel: `${os.type()} ${os.release()} ${os.arch()}`,
    memoryMiB: Math.round(os.totalmem() / 2 ** 20),
    node: process.version,
    loadBefore: Number(os.loadavg()[0]!.toFixed(2)),
  };
}

export function chooseCores(allowed: number[] = allowedCores()): Cores {
  const [first, second] = allowed;
  if (first === undefined) throw new Error('no core is allowed to this process');
  const rest = allowed.slice(1);
  return {
    proxy: String(first),
    load: rest.length === 0 ? String(first) : rest.join(','),
    pair: second === undefined ? String(first) : `${first},${second}`,
  };
}

/** Moves this process, and with it every child that asks for nothing else, to the load cores. */
export function pinSelf(cores: Cores): void {
  execFileSync('taskset', ['-a', '-p', '-c', cores.load, String(process.pid)], { stdio: 'ignore' });
}

function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return Array.from({ length: to! - from! + 1 }, (_, i) => from! + i);
  });
}
