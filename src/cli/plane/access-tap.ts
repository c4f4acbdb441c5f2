/** The access log of one process, or nothing where it is off. */
import { type AccessEntry, AccessLog, type Metrics } from '../../observe/index.ts';
import { LOG_CLOSE_TIMEOUT, type PlaneSetup } from './data-plane.ts';

export interface AccessTap {
  onAccess: ((entry: AccessEntry) => void) | undefined;
  close(): Promise<void>;
}

/** Bytes that a pipe takes in one piece, also from several writers. */
const PIPE_ATOMIC = 4096;

export function accessTap(setup: PlaneSetup, metrics: Metrics, options: { shared: boolean }): AccessTap {
  const format = setup.accessLog;
  if (format === 'off') return { onAccess: undefined, close: async () => {} };
  const dropped = metrics.counter(
    'daemun_access_log_dropped_total',
    'Access log lines dropped: nobody read them in time.',
  );
  const log = new AccessLog({ format, fd: 1, dropped, ...(options.shared ? { batch: PIPE_ATOMIC } : {}) });
  return { onAccess: (entry) => log.add(entry), close: () => log.close(LOG_CLOSE_TIMEOUT) };
}
