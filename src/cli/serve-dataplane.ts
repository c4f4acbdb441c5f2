/** Runs a data plane until a signal ends it. */
import type { SnapshotPlace } from '../delivery/index.ts';
import { StreamClient, type StreamClientOptions } from '../delivery/stream/index.ts';
import { createLog, type LogFormat, type LogLevel } from '../observe/index.ts';
import { formatHostPort } from './address.ts';
import { type DataPlaneOptions, DataPlaneRun } from './dataplane-run.ts';
import { isChatty, ServingAnnouncer } from './serving-announce.ts';
import type { Signals } from './signal.ts';
import { growSlowly } from './slow-growth.ts';
import { serveUntilSignal } from './until-signal.ts';
import { packageVersion } from './version.ts';

type Stream = Pick<StreamClientOptions, 'address' | 'serverName' | 'ca' | 'token' | 'name' | 'node' | 'zone'>;

export interface ServeDataPlaneOptions extends Omit<DataPlaneOptions, 'controller' | 'openStream' | 'snapshot'> {
  stream: Stream;
  /** Whose it is, the token says. */
  snapshot?: Omit<SnapshotPlace, 'owner'>;
  logLevel: LogLevel;
  logFormat: LogFormat;
  signals: Signals;
  /** Told once, where there is one. */
  note?: string | undefined;
}

export async function serveDataPlane(options: ServeDataPlaneOptions): Promise<void> {
  const { stream, snapshot, logLevel, logFormat, signals, note, ...rest } = options;
  growSlowly();
  const log = await createLog({ level: logLevel, format: logFormat });
  const announcer = new ServingAnnouncer({ log, format: logFormat, quiet: !isChatty(logLevel) });
  if (note !== undefined) log.info({}, note);
  const owner = snapshot && (await ownerOf(stream));
  const run = new DataPlaneRun(
    {
      ...rest,
      controller: formatHostPort(stream.address),
      ...(owner === undefined ? {} : { snapshot: { ...snapshot!, owner } }),
      openStream: ({ held, ...parts }) =>
        new StreamClient({
          ...stream,
          version: packageVersion(),
          log,
          onEnding: () => {
            log.warn({}, 'the pod is being taken away, and no signal has said so: it ends as if one had come');
            signals.leave();
          },
          ...(held ? { held } : {}),
          ...parts,
        }),
    },
    { log, announcer },
  );
  await serveUntilSignal(run, { signals, log, drainDelay: rest.drainDelay, drainTimeout: rest.drainTimeout });
}

/**
 * Whom the token names: the account of one Gateway's data planes. It is not verified here: who could write a false one
 * could write a false snapshot, too.
 */
async function ownerOf({ token, address }: Stream): Promise<string> {
  try {
    const [, claims = ''] = (await token()).split('.');
    const { sub } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { sub?: unknown };
    if (typeof sub === 'string') return sub;
  } catch {
    // It is no token of a service account, or not there yet: the stream will tell.
  }
  return formatHostPort(address);
}
