/** From the start of what serves to its end, by the signals that ask for it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ListenerView } from '../delivery/index.ts';
import type { Log } from '../observe/index.ts';
import { EXIT } from './exit-code.ts';
import { ServiceManager } from './service-manager.ts';
import type { Signals } from './signal.ts';

export interface Served {
  /** Resolves when the first config is served, as far as it can be. */
  start(): Promise<void>;
  listeners(): ListenerView[];
  /** Looks at where the config comes from now. */
  reload(): void;
  /** Load balancers are told to send no more; it goes on as before. */
  leave(): void;
  /** Requests under way finish; then everything is closed. */
  drain(): Promise<void>;
  /** Ends at once, whatever is under way. */
  end(): Promise<void>;
}

export interface Ending {
  signals: Signals;
  log: Log;
  /** Milliseconds between leaving and draining. */
  drainDelay: number;
  /** Milliseconds. */
  drainTimeout: number;
  /** Called once everything serves as far as it can. */
  onStarted?: (() => void) | undefined;
}

export async function serveUntilSignal(served: Served, ending: Ending): Promise<never> {
  const { signals, log, drainDelay, drainTimeout, onStarted } = ending;
  signals.onReload(() => served.reload());
  void signals.end.then(async (signal) => {
    log.warn({ signal }, 'ended before the drain was complete');
    await served.end();
    process.exit(EXIT.refused);
  });
  const manager = new ServiceManager(log);
  let isStarted = false;
  const started = served.start().then(() => {
    isStarted = true;
    onStarted?.();
    const listeners = served.listeners();
    const serving = listeners.filter(({ state }) => state === 'serving').length;
    void manager.ready(`${serving} of ${listeners.length} listeners serve`);
  });
  try {
    // A signal during the start does not wait for it.
    await Promise.race([started, signals.drain]);
  } catch (error) {
    await served.end();
    // Where manifests come from there, it may be open for ever.
    process.stdin.destroy();
    throw error;
  }
  const signal = await signals.drain;
  const stopping = manager.stopping();
  served.leave();
  if (isStarted && drainDelay > 0) {
    log.info({ signal, delay: `${drainDelay}ms` }, 'leaving: serves on until load balancers have noticed');
    await pause(drainDelay);
  }
  log.info({ signal, timeout: `${drainTimeout}ms` }, 'draining; a second signal ends at once');
  await Promise.all([stopping, served.drain()]);
  log.info({}, 'drained');
  // What may still be open, such as standard input, is nobody's concern any more.
  process.exit(EXIT.ok);
}
