/** The access log of one process, or nothing where it is off. */
import { type AccessEntry, type AccessFormat, AccessLog, type Metrics } from '../observe/index.ts';

export interface AccessSetup {
  accessLog: AccessFormat | 'off';
  /** Absent: standard output. */
  accessLogFile?: string;
  /** Several processes write to the same place. */
  shared: boolean;
}

export interface AccessTap {
  onAccess: ((entry: AccessEntry) => void) | undefined;
  close(): Promise<void>;
}

/** Milliseconds that the access log gets at exit to write what is left. */
const LOG_CLOSE_TIMEOUT = 2000;
/** Bytes that a pipe takes in one piece, also from several writers. */
const PIPE_ATOMIC = 4096;

export function accessTap({ accessLog: format, accessLogFile, shared }: AccessSetup, metrics: Metrics): AccessTap {
  if (format === 'off') return { onAccess: undefined, close: async () => {} };
  const dropped = metrics.counter(
    'daemun_access_log_dropped_total',
    'Access log lines dropped: nobody read them in time.',
  );
  const log = new AccessLog({ format, to: accessLogFile ?? 1, dropped, ...(shared ? { batch: PIPE_ATOMIC } : {}) });
  return { onAccess: (entry) => log.add(entry), close: () => log.close(LOG_CLOSE_TIMEOUT) };
}
