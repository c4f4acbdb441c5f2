/** TCP, TLS passthrough and UDP: bytes and datagrams carried for each second of CPU time. */
import { join } from 'node:path';
import { run } from '../child.ts';
import { parseLoad } from '../load/load.ts';
import { wrk } from '../load/wrk.ts';
import { type Case, eachPeer, type Figure, sampleCpu, sampleThroughput } from './case.ts';

const throughput: Figure = { name: 'throughput', unit: 'MB/CPU second', better: 'higher' };
const datagrams = join(import.meta.dirname, '..', 'load', 'datagram.ts');

function bulkCase(kind: 'tcp' | 'tls', name: string, title: string): Case {
  const tls = kind === 'tls';
  return {
    name,
    title,
    figures: [throughput],
    goals: [{ figure: 'throughput', of: 'ratio', limit: 0.8 }],
    subject: 'daemun',
    baseline: 'haproxy',
    contenders: (peers, world) =>
      eachPeer(peers, {
        kind,
        hosts: ['localhost'],
        paths: [],
        backend: tls ? world.backends.tls : world.backends.h1,
        workers: 1,
      }),
    probe: ({ port }) => ({ kind: 'http', port, tls }),
    measure: (target, { dir, seconds }) =>
      sampleThroughput(target, () =>
        wrk({ port: target.port, tls, seconds, hosts: ['localhost'], targets: ['/1m'], connections: 16, dir }),
      ),
  };
}

const udpCase: Case = {
  name: 'udp',
  title: 'UDP, datagrams of 64 bytes and their replies, 16 clients',
  figures: [{ name: 'throughput', unit: 'thousand round trips/CPU second', better: 'higher' }],
  goals: [{ figure: 'throughput', of: 'ratio', limit: 0.7 }],
  subject: 'daemun',
  baseline: 'nginx',
  contenders: (peers, world) =>
    eachPeer(peers, { kind: 'udp', hosts: [], paths: [], backend: world.backends.udp, workers: 1 }),
  probe: ({ port }) => ({ kind: 'udp', port }),
  async measure(target, { seconds }) {
    const { cpu } = await sampleCpu(target, async () =>
      parseLoad(await run([process.execPath, datagrams, String(target.port), String(seconds)], seconds + 30)),
    );
    return { throughput: 1e3 / cpu! };
  },
};

export const streamCases: Case[] = [
  bulkCase('tcp', 'tcp', 'TCP, responses of 1 MB'),
  bulkCase('tls', 'passthrough', 'TLS passthrough by SNI, responses of 1 MB'),
  udpCase,
];
