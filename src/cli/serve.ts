/** Runs a gateway until a signal ends it. */
import { createLog, type LogFormat, type LogLevel } from '../observe/index.ts';
import { Announcer } from './announce.ts';
import type { ClusterSetup } from './cluster-run.ts';
import { EXIT } from './exit-code.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { ServiceManager } from './service-manager.ts';
import type { Signals } from './signal.ts';

export interface ServeOptions extends Omit<GatewayOptions, 'cluster'> {
  /** Serves a cluster in the place of manifests. */
  cluster?: ClusterSetup | undefined;
  logLevel: LogLevel;
  logFormat: LogFormat;
  signals: Signals;
  /** Told once, where there is one. */
  note?: string | undefined;
  /** Called once everything serves as far as it can. */
  onStarted?: (gateway: Gateway) => void;
}

/** Levels at which a run tells of its start and its problems in text. */
const CHATTY: ReadonlySet<LogLevel> = new Set(['trace', 'debug', 'info', 'warn']);

export async function serve({
  logLevel,
  logFormat,
  signals,
  onStarted,
  cluster,
  note,
  ...options
}: ServeOptions): Promise<void> {
  const log = await createLog({ level: logLevel, format: logFormat });
  const announcer = new Announcer({ log, format: logFormat, quiet: !CHATTY.has(logLevel) });
  const run = cluster && (await (await import('./cluster-run.ts')).ClusterRun.open(cluster, log));
  const gateway = new Gateway({ ...options, ...(run ? { cluster: run } : {}) }, { log, announcer });
  if (note !== undefined) log.info({}, note);
  signals.onReload(() => gateway.reload());
  void signals.end.then(async (signal) => {
    log.warn({ signal }, 'ended before the drain was complete');
    await gateway.end();
    process.exit(EXIT.refused);
  });
  const manager = new ServiceManager(log);
  const started = gateway.start().then(() => {
    onStarted?.(gateway);
    const listeners = gateway.listeners();
    const serving = listeners.filter(({ state }) => state === 'serving').length;
    void manager.ready(`${serving} of ${listeners.length} listeners serve`);
  });
  try {
    // A signal during the start does not wait for it.
    await Promise.race([started, signals.drain]);
  } catch (error) {
    await gateway.end();
    // Where manifests come from there, it may be open for ever.
    process.stdin.destroy();
    throw error;
  }
  const signal = await signals.drain;
  log.info({ signal, timeout: `${options.drainTimeout}ms` }, 'draining; a second signal ends at once');
  await Promise.all([manager.stopping(), gateway.drain()]);
  log.info({}, 'drained');
  // What may still be open, such as standard input, is nobody's concern any more.
  process.exit(EXIT.ok);
}
