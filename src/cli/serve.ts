/** Runs a gateway until a signal ends it. */
import { createLog, type LogFormat, type LogLevel } from '../observe/index.ts';
import { Announcer } from './announce.ts';
import type { ClusterSetup } from './cluster-run.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { isChatty } from './serving-announce.ts';
import type { Signals } from './signal.ts';
import { serveUntilSignal } from './until-signal.ts';

export interface ServeOptions extends Omit<GatewayOptions, 'cluster'> {
  /** Serves a cluster in the place of manifests. */
  cluster?: ClusterSetup | undefined;
  logLevel: LogLevel;
  logFormat: LogFormat;
  signals: Signals;
  /** Told once, where there is one. */
  note?: string | undefined;
  /** Milliseconds that it goes on serving, no longer ready, before it drains; absent: none. */
  drainDelay?: number;
  /** Called once everything serves as far as it can. */
  onStarted?: (gateway: Gateway) => void;
}

export async function serve({
  logLevel,
  logFormat,
  signals,
  onStarted,
  cluster,
  note,
  drainDelay = 0,
  ...options
}: ServeOptions): Promise<void> {
  const log = await createLog({ level: logLevel, format: logFormat });
  const announcer = new Announcer({ log, format: logFormat, quiet: !isChatty(logLevel) });
  const run = cluster && (await (await import('./cluster-run.ts')).ClusterRun.open(cluster, log));
  const gateway = new Gateway({ ...options, ...(run ? { cluster: run } : {}) }, { log, announcer });
  if (note !== undefined) log.info({}, note);
  const { drainTimeout } = options;
  await serveUntilSignal(gateway, { signals, log, drainDelay, drainTimeout, onStarted: () => onStarted?.(gateway) });
}
