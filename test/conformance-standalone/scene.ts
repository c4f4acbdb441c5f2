/** One test of the suite's, served: its manifests beside the base ones, in a gateway that `daemun run` would be. */
import { equal } from 'node:assert/strict';
import { setTimeout as pass } from 'node:timers/promises';
import { type Rig, serveManifests } from '../served/rig.ts';
import {
  gatewayClass,
  giveAddresses,
  INFRA,
  type Manifest,
  type PodPort,
  podPorts,
  readManifests,
  writtenPorts,
} from './manifests.ts';
import type { Material } from './material.ts';
import { type StandIn, startStandIn } from './stand-in.ts';
import { attachedRoutes } from './status.ts';
import type { Suite } from './suite.ts';

export { INFRA } from './manifests.ts';

export interface SceneOptions {
  suite: Suite;
  material: Material;
  test: string;
  /** Changes the manifests before they are served. */
  prepare?: (manifests: Manifest[]) => void;
  /** HTTP Pods are stand-ins too, which keep a record of requests and fail or wait as they are told. */
  standIns?: boolean;
}

export interface Scene {
  readonly material: Material;
  readonly rig: Rig;
  /** Where a Gateway serves a port. */
  place(gateway: string, written: number): { address: string; port: number };
  /** Port of a Gateway's listener, as written. */
  portOf(gateway: string, listener: string): number;
  firstPort(gateway: string): number;
  /** What a TLSRoute is written with: its hostnames, and the port of the Gateway's first listener. */
  written(gateway: string, route: string): { hostnames: string[]; port: number };
  /** These Gateways have no route on any listener. */
  unattached(...gateways: string[]): Promise<void>;
  /** Paths that a Pod has been asked for. */
  received(pod: string): string[];
  /** Where a Pod's ports are, on 127.0.0.1. */
  podPorts(pod: string): number[];
  /** Edits the manifests on disk. What follows from it is to be waited for. */
  edit(change: (find: (kind: string, name: string) => Manifest, manifests: Manifest[]) => void): void;
  close(): Promise<void>;
}

export async function openScene(options: SceneOptions): Promise<Scene> {
  const { suite, material, test } = options;
  const manifests = [
    gatewayClass(),
    ...readManifests(`${suite.base}\n---\n${suite.tests.get(test)?.manifests ?? ''}`),
    ...(structuredClone(material.objects) as Manifest[]),
  ];
  options.prepare?.(manifests);
  giveAddresses(manifests);
  const pods = await startPods(podPorts(manifests), options);
  const rig = await serveManifests(written(manifests), {
    ports: [...writtenPorts(manifests), 80],
    endpoints: endpointOptions(pods),
    echo: true,
  });
  const find = (kind: string, name: string): Manifest => {
    const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
    if (!found) throw new Error(`no ${kind} ${name}`);
    return found;
  };
  const firstPort = (gateway: string): number => find('Gateway', gateway).spec.listeners[0]!.port;
  return {
    material,
    rig,
    place: (gateway, port) => ({
      address: find('Gateway', gateway).spec.addresses!.at(-1)!.value!,
      port: rig.port(port, `${INFRA}/${gateway}`),
    }),
    portOf: (gateway, listener) => find('Gateway', gateway).spec.listeners.find(({ name }) => name === listener)!.port,
    firstPort,
    written: (gateway, route) => ({
      hostnames: find('TLSRoute', route).spec.hostnames,
      port: firstPort(gateway),
    }),
    async unattached(...gateways) {
      await eventually(() => {
        for (const gateway of gateways) equal(attachedRoutes(rig.report(), gateway), 0, gateway);
      });
    },
    received: (name) => pods.filter(({ pod }) => pod.name === name).flatMap(({ standIn }) => standIn.received),
    podPorts: (name) => pods.filter(({ pod }) => pod.name === name).map(({ standIn }) => standIn.port),
    edit(change) {
      change(find, manifests);
      void rig.write(written(manifests));
    },
    async close() {
      await rig.close();
      await Promise.all(pods.map(({ standIn }) => standIn.close()));
    },
  };
}

function written(manifests: Manifest[]): string {
  return manifests.map((manifest) => JSON.stringify(manifest, undefined, 1)).join('\n---\n');
}

interface RunningPod {
  pod: PodPort;
  standIn: StandIn;
}

function endpointOptions(pods: RunningPod[]): string[] {
  const services = Map.groupBy(pods, ({ pod }) => pod.service);
  return Array.from(services, ([service, behind]) => {
    return `${service}=${behind.map(({ standIn }) => `127.0.0.1:${standIn.port}`).join()}`;
  });
}

async function startPods(ports: PodPort[], { material, standIns }: SceneOptions): Promise<RunningPod[]> {
  const echoed = ({ kind, secret }: PodPort) => (kind === 'http' || kind === 'grpc') && secret === undefined;
  const wanted = ports.filter((pod) => standIns || !echoed(pod));
  return await Promise.all(
    wanted.map(async (pod) => {
      const tls = pod.secret === undefined ? undefined : material.pairs.get(pod.secret);
      return { pod, standIn: await startStandIn({ ...pod, tls }) };
    }),
  );
}

const PATIENCE = 10_000;
const INTERVAL = 20;

/** Tries until nothing is thrown, and throws what the last try threw when patience ends. */
export async function eventually<T>(attempt: () => T | Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await pass(INTERVAL);
  }
}

const STILL = 10;

/** A count that has not grown for ten looks. */
export async function settled(count: () => number): Promise<number> {
  let last = count();
  for (let still = 0; still < STILL; still++) {
    await pass(INTERVAL);
    const now = count();
    if (now !== last) still = 0;
    last = now;
  }
  return last;
}
