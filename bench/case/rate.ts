/** Latency at a fixed rate that every peer but the slowest can bear. */
import { join } from 'node:path';
import { run } from '../child.ts';
import { parseLoad } from '../load/load.ts';
import { type Case, cpuPerRequest, eachPeer, sampleCpu } from './case.ts';
import { onePath } from './traffic.ts';

const requestsPerSecond = 4000;
const connections = 64;
const program = join(import.meta.dirname, '..', 'load', 'rate.ts');

export const rateCase: Case = {
  name: 'rate',
  title: `Fixed rate of ${requestsPerSecond} requests a second`,
  figures: [{ name: 'p50', unit: 'ms', better: 'lower' }, { name: 'p99', unit: 'ms', better: 'lower' }, cpuPerRequest],
  goals: [{ figure: 'p99', of: 'ratio', limit: 1.25 }],
  subject: 'daemun',
  baseline: 'nginx',
  contenders: (peers, world) =>
    eachPeer(peers, {
      kind: 'http',
      hosts: ['bench.example'],
      paths: onePath,
      backend: world.backends.h1,
      workers: 1,
    }),
  probe: ({ port }) => ({ kind: 'http', port, tls: false, host: 'bench.example' }),
  measure: (target, { seconds }) =>
    sampleCpu(target, async () => {
      const args = [target.port, requestsPerSecond, seconds, connections].map(String);
      return parseLoad(await run([process.execPath, program, ...args], seconds + 30));
    }),
};
