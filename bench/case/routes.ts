/** Daemun beside itself: what many routes and a second worker add to a request. */
import { wrk } from '../load/wrk.ts';
import type { Peer, Setup } from '../peer/index.ts';
import { type Case, type Contender, cpuPerRequest, sampleCpu, type World } from './case.ts';
import { manyHosts, onePath, tenPaths } from './traffic.ts';

function setup(world: World, hosts: string[], paths: string[]): Setup {
  return { kind: 'http', hosts, paths, backend: world.backends.h1, workers: 1 };
}

export const routesCase: Case = {
  name: 'routes',
  title: '5,000 routes beside 10, all of them asked for',
  figures: [cpuPerRequest],
  goals: [{ figure: 'cpu', of: 'ratio', limit: 1.05 }],
  subject: 'daemun, 5,000 routes',
  baseline: 'daemun, 10 routes',
  contenders: (peers, world) =>
    ['daemun', 'nginx'].flatMap((name) =>
      only(peers, name).flatMap((peer): Contender[] => {
        const few = setup(world, manyHosts(1), tenPaths);
        const many = setup(world, manyHosts(500), tenPaths);
        return [
          { label: `${name}, 10 routes`, peer, setup: few },
          { label: `${name}, 5,000 routes`, peer, setup: many },
          // The same traffic as with 10 routes: without what the processor's caches cannot hold of all 5,000.
          { label: `${name}, 5,000 routes, 10 asked for`, peer, setup: { ...many, asked: few.hosts } },
        ];
      }),
    ),
  probe: (target) => ({
    kind: 'http',
    port: target.port,
    tls: false,
    host: target.setup.hosts.at(-1)!,
    path: '/app9/part',
  }),
  measure(target, { dir, seconds }) {
    const { hosts, asked = hosts, paths } = target.setup;
    return sampleCpu(target, () => wrk({ port: target.port, hosts: asked, targets: paths, seconds, dir }));
  },
};

export const workersCase: Case = {
  name: 'workers',
  title: 'Two workers beside one, body of 2 bytes',
  figures: [cpuPerRequest],
  goals: [{ figure: 'cpu', of: 'ratio', limit: 1.1 }],
  subject: 'daemun, 2 workers',
  baseline: 'daemun, 1 worker',
  pair: true,
  contenders: (peers, world) =>
    ['daemun', 'nginx'].flatMap((name) =>
      only(peers, name).flatMap((peer): Contender[] => {
        const one = setup(world, ['bench.example'], onePath);
        return [
          { label: `${name}, 1 worker`, peer, setup: one },
          { label: `${name}, 2 workers`, peer, setup: { ...one, workers: 2 } },
        ];
      }),
    ),
  probe: ({ port }) => ({ kind: 'http', port, tls: false, host: 'bench.example' }),
  measure: (target, { dir, seconds }) =>
    sampleCpu(target, () => wrk({ port: target.port, hosts: ['bench.example'], targets: onePath, seconds, dir })),
};

function only(peers: readonly Peer[], name: string): Peer[] {
  return peers.filter((peer) => peer.name === name);
}
