/** A gateway over manifests in a temporary folder, as `daemun run` starts it, on ports of the system's choice. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Echoes } from '../../src/cli/echo/index.ts';
import { EchoOverlay } from '../../src/cli/echo-overlay.ts';
import { Control, type Report } from '../../src/control/index.ts';
import { MemoryFleet, type OpenReceiver } from '../../src/delivery/index.ts';
import { type AccessEntry, createLog } from '../../src/observe/index.ts';
import { createProxy, type HttpLimits, type Proxy, type ProxyOptions } from '../../src/proxy/index.ts';
import { fileSource, parseEndpointOption } from '../../src/sources/index.ts';
import type { TicketSecret } from '../../src/value/ticket-secret.ts';

export interface RigOptions {
  /** Where answers are kept besides memory. */
  cacheDisk?: ProxyOptions['cacheDisk'];
  countryDatabase?: ProxyOptions['countryDatabase'];
  /** What translation knows of it. */
  countries?: 'known' | 'unknown';
  /** Ports as written in the manifests that the test reaches. */
  ports?: number[];
  /** The same with the port where each is served, for who asks while they come and go. */
  portMap?: ReadonlyMap<number, number>;
  /** As of --endpoint: `ns/service:port=host:port`. */
  endpoints?: string[];
  echo?: boolean;
  limits?: Partial<HttpLimits>;
  trustedHops?: string[];
  /** Absent: 127.0.0.1. */
  bind?: string[];
  /** Names in test manifests may resolve to loopback. */
  loopbackNames?: 'allowed' | 'refused';
  loopbackEndpoints?: 'allowed' | 'refused';
  ownAddresses?: string[];
  via?: boolean;
  /** As of --drain-timeout, for what a change ends. */
  drainTimeout?: number;
  /** Where the gateway runs. */
  zone?: string;
  /** With a worker beside this one. */
  sharedMemory?: NonNullable<ProxyOptions['sharedMemory']>;
  /** Of a worker beside this one. */
  ticketSecret?: TicketSecret;
}

export interface Rig {
  readonly proxy: Proxy;
  /** One entry for each request or connection that has ended. */
  readonly accesses: AccessEntry[];
  /** The port where the first listener with this written port serves; of this Gateway (`namespace/name`) where given. */
  port(written?: number, gateway?: string): number;
  /** Replaces the manifests, as an editor does: written beside, then renamed. Resolves when traffic sees the change. */
  write(manifests: string): Promise<void>;
  report(): Report;
  listeners(): ReturnType<Control['listeners']>;
  close(): Promise<void>;
}

const DRAIN_TIMEOUT = 1_000;

export async function serveManifests(manifests: string, options: RigOptions = {}): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-served-'));
  const put = (text: string): void => {
    writeFileSync(join(folder, '.next'), text);
    renameSync(join(folder, '.next'), join(folder, 'manifests.yaml'));
  };
  put(manifests);
  const accesses: AccessEntry[] = [];
  const waiting: Array<() => void> = [];
  const applied = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  const echoes = options.echo ? new Echoes() : undefined;
  const endpoints = (options.endpoints ?? []).map((text) => parseEndpointOption(text));
  const control = new Control(
    {
      source: (lastGood) => fileSource({ paths: [folder], watch: true, endpoints, lastGood }),
      overlay: new EchoOverlay(echoes),
      loopbackNames: options.loopbackNames,
      ...(options.countries && { countries: options.countries }),
      log: await createLog({ level: 'warn', format: 'json' }),
    },
    {
      onApplied: () => {
        for (const wake of waiting.splice(0)) wake();
      },
    },
  );
  let proxy: Proxy | undefined;
  const open: OpenReceiver = (name, { onAck, onTroubles }) => {
    const opened = createProxy({
      name,
      bind: options.bind ?? ['127.0.0.1'],
      portMap: options.portMap ?? new Map((options.ports ?? [80]).map((port) => [port, 0])),
      reusePort: false,
      trustedHops: options.trustedHops ?? [],
      limits: options.limits,
      ...(options.cacheDisk && { cacheDisk: options.cacheDisk }),
      ...(options.countryDatabase && { countryDatabase: options.countryDatabase }),
      loopbackNames: options.loopbackNames,
      loopbackEndpoints: options.loopbackEndpoints,
      ownAddresses: options.ownAddresses,
      ticketSecret: options.ticketSecret,
      via: options.via,
      ...(options.drainTimeout !== undefined && { drainTimeout: options.drainTimeout }),
      ...(options.sharedMemory !== undefined && { sharedMemory: options.sharedMemory }),
      ...(options.zone !== undefined && { zone: options.zone }),
      onAccess: (entry) => accesses.push(entry),
      onAck,
      onTroubles,
    });
    proxy = opened;
    return {
      apply: (delta) => opened.apply(delta),
      metrics: () => [opened.metrics()],
      purge: (purge) => opened.purge(purge),
      drain: (timeout) => opened.drain(timeout),
    };
  };
  await control.start((events) => new MemoryFleet('rig', open, events));
  return {
    proxy: proxy!,
    accesses,
    port(written = 80, gateway) {
      const keys = [...control.snapshot.of('Listener').values()]
        .filter((listener) => listener.port === written && (gateway ?? listener.gateway) === listener.gateway)
        .map(({ key }) => key);
      const listeners = control.listeners();
      const bound = listeners.find((one) => keys.includes(one.key) && one.bound.length > 0)?.bound[0];
      if (bound === undefined) throw new Error(`no listener serves port ${written}: ${JSON.stringify(listeners)}`);
      return Number(bound.slice(bound.lastIndexOf(':') + 1));
    },
    async write(text) {
      const done = applied();
      put(text);
      await done;
    },
    report: () => control.report(),
    listeners: () => control.listeners(),
    async close() {
      await control.drain(DRAIN_TIMEOUT);
      await echoes?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
