/** HTTP/1.1 in and out, at full load. */
import { wrk } from '../load/wrk.ts';
import type { Setup } from '../peer/index.ts';
import { type Case, cpuPerRequest, eachPeer, type Figure, sampleCpu, type World } from './case.ts';
import { browserHeaders, manyHosts, onePath, tenPaths } from './traffic.ts';

interface HttpCase {
  name: string;
  title: string;
  goal: number;
  hosts?: string[];
  paths?: string[];
  targets?: string[];
  headers?: Record<string, string>;
  pipeline?: number;
  certificate?: 'rsa' | 'ecdsa';
  asks?: boolean;
  gzip?: number;
}

const p50: Figure = { name: 'p50', unit: 'ms', better: 'lower' };
const p99: Figure = { name: 'p99', unit: 'ms', better: 'lower' };

function httpCase(options: HttpCase): Case {
  const hosts = options.hosts ?? ['bench.example'];
  const paths = options.paths ?? onePath;
  const setup = (world: World): Setup => ({
    kind: 'http',
    hosts,
    paths,
    backend: world.backends.h1,
    workers: 1,
    ...(options.asks ? { asks: true } : {}),
    ...(options.gzip === undefined ? {} : { gzip: options.gzip }),
    ...(options.certificate === undefined ? {} : { certificate: world[options.certificate] }),
  });
  const tls = options.certificate !== undefined;
  return {
    name: options.name,
    title: options.title,
    // wrk has no latency of single requests that were sent at once.
    figures: options.pipeline === undefined ? [cpuPerRequest, p50, p99] : [cpuPerRequest],
    goals: [{ figure: 'cpu', of: 'ratio', limit: options.goal }],
    subject: 'daemun',
    baseline: 'nginx',
    contenders: (peers, world) => [
      ...eachPeer(peers, setup(world)),
      ...eachPeer(
        peers.filter(({ name }) => name === 'nginx'),
        { ...setup(world), forwarded: true },
      ).map((contender) => ({ ...contender, label: 'nginx, same headers' })),
    ],
    probe: ({ port }) => ({ kind: 'http', port, tls, host: hosts.at(-1)!, path: paths.at(-1)! }),
    measure(target, { dir, seconds }) {
      const { headers, pipeline } = options;
      const targets = options.targets ?? paths;
      return sampleCpu(target, () => wrk({ port: target.port, tls, seconds, hosts, targets, headers, pipeline, dir }));
    },
  };
}

export const httpCases: Case[] = [
  httpCase({ name: 'tiny', title: 'Body of 2 bytes', goal: 0.9 }),
  httpCase({ name: '10k', title: 'Body of 10 KB', goal: 0.9, targets: ['/10k'] }),
  httpCase({ name: '1m', title: 'Body of 1 MB', goal: 0.9, targets: ['/1m'] }),
  httpCase({
    name: 'browser',
    title: 'Browser request with 12 headers, 100 hosts × 10 paths',
    goal: 0.9,
    hosts: manyHosts(100),
    paths: tenPaths,
    targets: tenPaths.map((path) => `${path}/index.html?session=42`),
    headers: browserHeaders,
  }),
  httpCase({ name: 'pipelined', title: 'Pipelined, 16 requests at once', goal: 1.1, pipeline: 16 }),
  httpCase({
    name: 'asks',
    title: 'A service is asked about each request with 12 headers (auth_request)',
    goal: 1.2,
    headers: browserHeaders,
    asks: true,
  }),
  httpCase({
    name: 'gzip',
    title: 'A page of 40 KB, compressed by gzip at level 5',
    goal: 1.1,
    targets: ['/page'],
    headers: { 'Accept-Encoding': 'gzip' },
    gzip: 5,
  }),
  httpCase({ name: 'tls', title: 'TLS 1.3, keepalive', goal: 1.1, certificate: 'ecdsa' }),
];
