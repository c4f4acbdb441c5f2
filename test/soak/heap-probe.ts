/**
 * Loaded into every process of the gateway that is soaked: on SIGUSR2 it collects garbage and writes what is left to a file
 * named after the process, in the folder that PROBE_FOLDER names.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { leak } from './fault.ts';

/** Of one process, after a collection of garbage. */
export interface HeapReport {
  /** Bytes in the heap, and outside of it for buffers. */
  heap: number;
  external: number;
  /** What keeps the process alive, by kind. */
  resources: Record<string, number>;
}

export const PROBE_FOLDER = 'DAEMUN_SOAK_PROBE';
/** Names of faults to put in, with commas between them. */
export const PROBE_FAULTS = 'DAEMUN_SOAK_FAULTS';

const folder = process.env[PROBE_FOLDER];
if (folder !== undefined) process.on('SIGUSR2', () => report(folder));
const faults = process.env[PROBE_FAULTS];
if (faults) leak(faults.split(','));

function report(to: string): void {
  // What the first collection finalizes, the second one frees.
  for (let i = 0; i < 2; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const file = join(to, String(process.pid));
  writeFileSync(`${file}.part`, JSON.stringify({ heap: heapUsed, external, resources } satisfies HeapReport));
  renameSync(`${file}.part`, file);
}
