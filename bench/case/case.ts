/** A question that the bench asks of proxies, and what counts as a good answer. */
import type { Backends } from '../backend.ts';
import type { Certificate } from '../certificate.ts';
import type { Load } from '../load/load.ts';
import { cpuMicros } from '../measure.ts';
import type { Peer, Setup } from '../peer/index.ts';
import type { ProbeTarget } from '../probe.ts';

/** What all cases of a run share. */
export interface World {
  dir: string;
  backends: Backends;
  rsa: Certificate;
  ecdsa: Certificate;
  /** Length of one measurement. */
  seconds: number;
}

/** One column of a case's table: a proxy in a setup. */
export interface Contender {
  /** Unique within the case. */
  label: string;
  peer: Peer;
  setup: Setup;
}

/** A contender that is running and has answered a probe. */
export interface Target {
  port: number;
  setup: Setup;
  /** Its process tree. */
  pids(): number[];
}

/** The quantities of one measurement by figure name. */
export type Sample = Record<string, number>;

export interface Figure {
  name: string;
  unit: string;
  /** What a larger number means. */
  better: 'lower' | 'higher';
}

export interface Goal {
  figure: string;
  /** Of the ratio to the baseline, or of the plain value in the figure's unit. */
  of: 'ratio' | 'value';
  limit: number;
}

export interface Case {
  name: string;
  title: string;
  figures: Figure[];
  /** The goals are those of the contender `subject`. */
  goals: Goal[];
  subject: string;
  /** Label of the contender that ratios are to. */
  baseline: string;
  contenders(peers: readonly Peer[], world: World): Contender[];
  probe(target: { port: number; setup: Setup }): ProbeTarget;
  /** Started anew for each repetition: for figures that depend on the process's past, such as its memory. */
  fresh?: boolean;
  /** Proxies get two cores. */
  pair?: boolean;
  measure(target: Target, world: World): Promise<Sample>;
}

export const cpuPerRequest: Figure = { name: 'cpu', unit: 'µs/request', better: 'lower' };

/** The share of a load that may fail before its figures count for nothing. */
const tolerated = 0.001;

/** Puts a load on the target and gives its CPU time for each finished unit, in microseconds, and latencies in ms. */
export async function sampleCpu(target: Target, load: () => Promise<Load>): Promise<Sample> {
  const { cpu, result } = await spend(target, load);
  const sample: Sample = { cpu: cpu / result.done };
  if (result.p50 !== undefined) sample.p50 = result.p50 / 1000;
  if (result.p99 !== undefined) sample.p99 = result.p99 / 1000;
  return sample;
}

/** The same for bulk transfer: megabytes carried for each second of CPU time. */
export async function sampleThroughput(target: Target, load: () => Promise<Load>): Promise<Sample> {
  const { cpu, result } = await spend(target, load);
  return { throughput: (result.bytes ?? 0) / cpu };
}

async function spend(target: Target, load: () => Promise<Load>): Promise<{ cpu: number; result: Load }> {
  const pids = target.pids();
  const before = cpuMicros(pids);
  const result = await load();
  const cpu = cpuMicros(pids) - before;
  if (result.done === 0 || result.failed > result.done * tolerated) {
    throw new Error(`${result.failed} failures beside ${result.done} successes`);
  }
  return { cpu, result };
}

/** Every peer once, in the same setup. */
export function eachPeer(peers: readonly Peer[], setup: Setup): Contender[] {
  return peers.map((peer) => ({ label: peer.name, peer, setup }));
}
