/** Runs a gateway until a signal ends it. */
import { createLog, type LogFormat, type LogLevel } from '../observe/index.ts';
import { Announcer } from './announce.ts';
import { EXIT } from './exit-code.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';

export interface ServeOptions extends GatewayOptions {
  logLevel: LogLevel;
  logFormat: LogFormat;
  /** Called once everything serves as far as it can. */
  onStarted?: (gateway: Gateway) => void;
}

/** Levels at which a run tells of its start and its problems in text. */
const CHATTY: ReadonlySet<LogLevel> = new Set(['trace', 'debug', 'info', 'warn']);

export async function serve({ logLevel, logFormat, onStarted, ...options }: ServeOptions): Promise<void> {
  const log = await createLog({ level: logLevel, format: logFormat });
  const announcer = new Announcer({ log, format: logFormat, quiet: !CHATTY.has(logLevel) });
  const asked = signalled();
  const starting = Gateway.start(options, { log, announcer });
  const signal = await Promise.race([asked, starting.then(() => undefined)]);
  const gateway = await starting;
  if (signal === undefined) onStarted?.(gateway);
  const reason = signal ?? (await asked);
  log.info({ signal: reason, timeout: `${options.drainTimeout}ms` }, 'draining; a second signal ends at once');
  await gateway.drain();
  log.info({}, 'drained');
  // What may still be open, such as standard input, is nobody's concern any more.
  process.exit(EXIT.ok);
}

/** The first signal; a second one ends the process. */
function signalled(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let first = true;
  const onSignal = (signal: NodeJS.Signals) => {
    if (!first) process.exit(EXIT.refused);
    first = false;
    resolve(signal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return promise;
}
