/** A gateway over manifests in a temporary folder, as `daemun run` starts it, on ports of the system's choice. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Echoes } from '../../src/cli/echo/index.ts';
import { EchoOverlay } from '../../src/cli/echo-overlay.ts';
import { Feed } from '../../src/cli/feed.ts';
import { openPipeline } from '../../src/cli/pipeline.ts';
import type { Report } from '../../src/cli/report/index.ts';
import type { Ack } from '../../src/config/index.ts';
import type { AccessEntry } from '../../src/observe/index.ts';
import { createProxy, type HttpLimits, type Proxy } from '../../src/proxy/index.ts';
import { parseEndpointOption } from '../../src/sources/index.ts';

export interface RigOptions {
  /** Ports as written in the manifests that the test reaches. */
  ports?: number[];
  /** As of --endpoint: `ns/service:port=host:port`. */
  endpoints?: string[];
  echo?: boolean;
  limits?: Partial<HttpLimits>;
  trustedHops?: string[];
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
  const proxy = createProxy({
    name: 'rig',
    bind: ['127.0.0.1'],
    portMap: new Map((options.ports ?? [80]).map((port) => [port, 0])),
    reusePort: false,
    trustedHops: options.trustedHops ?? [],
    limits: options.limits,
    onAccess: (entry) => accesses.push(entry),
  });
  const pipeline = openPipeline({
    paths: [folder],
    watch: true,
    endpoints: (options.endpoints ?? []).map((text) => parseEndpointOption(text)),
  });
  const echoes = options.echo ? new Echoes() : undefined;
  const waiting: Array<() => void> = [];
  let ack: Ack | undefined;
  const feed = new Feed({
    config: pipeline.config,
    overlay: new EchoOverlay(echoes),
    acks: pipeline.acks,
    deliveries: pipeline.deliveries,
    onApplied: () => {
      for (const wake of waiting.splice(0)) wake();
    },
  });
  const applied = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  await pipeline.source.ready;
  const first = applied();
  feed.start({
    names: ['rig'],
    send: (delta) =>
      void proxy.apply(delta).then((answer) => {
        ack = answer;
        feed.acknowledge(answer);
      }),
    metrics: async () => [proxy.metrics()],
    drain: (timeout) => proxy.drain(timeout),
  });
  await first;
  return {
    proxy,
    accesses,
    port(written = 80, gateway) {
      const keys = [...feed.snapshot.of('Listener').values()]
        .filter((listener) => listener.port === written && (gateway ?? listener.gateway) === listener.gateway)
        .map(({ key }) => key);
      const state = ack?.listeners.find(({ key, bound }) => keys.includes(key) && bound.length > 0);
      const bound = state?.bound[0];
      if (bound === undefined) throw new Error(`no listener serves port ${written}: ${JSON.stringify(ack?.listeners)}`);
      return Number(bound.slice(bound.lastIndexOf(':') + 1));
    },
    async write(text) {
      const done = applied();
      put(text);
      await done;
    },
    report: () => pipeline.report(),
    async close() {
      feed.stop();
      await pipeline.source.close();
      await proxy.drain(DRAIN_TIMEOUT);
      await echoes?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
