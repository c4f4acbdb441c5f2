/** `daemun explain`: reads a config, from files or from a running gateway, and tells what becomes of a request. */
import type { RedactedConfig } from '../../admin/index.ts';
import { Snapshot } from '../../config/index.ts';
import { askAdmin } from '../adminclient.ts';
import type { ExplainFlags } from '../command/explain.ts';
import { EXIT } from '../exitcode.ts';
import type { ListenerView } from '../listenerview.ts';
import { openPipeline } from '../pipeline.ts';
import { type Report, unservedListeners } from '../report/index.ts';
import { paintFor } from '../style.ts';
import { type AskedRequest, explanationOf, type KnownConfig } from './explanation.ts';
import { narrative } from './narrative.ts';

/** Prints, and answers the exit code. */
export async function explain(url: string, flags: ExplainFlags): Promise<number> {
  const { listeners, ...known } = flags.admin ? await fromAdmin(flags.admin) : await fromFiles(flags);
  const explanation = explanationOf(known, requestOf(url, flags, listeners));
  const text =
    flags.output === 'json'
      ? `${JSON.stringify(explanation, undefined, 2)}\n`
      : narrative(explanation, paintFor(process.stdout));
  process.stdout.write(text);
  return explanation.outcome.kind === 'error' ? EXIT.refused : EXIT.ok;
}

interface Read extends KnownConfig {
  /** Where it is served; empty where it is not. */
  listeners: ListenerView[];
}

async function fromAdmin(admin: NonNullable<ExplainFlags['admin']>): Promise<Read> {
  const [{ version, objects }, listeners, report] = await Promise.all([
    askAdmin<RedactedConfig>(admin, '/config'),
    askAdmin<ListenerView[]>(admin, '/listeners'),
    askAdmin<Report>(admin, '/status'),
  ]);
  const snapshot = Snapshot.EMPTY.apply({ version, upserts: objects, removals: [] });
  return { snapshot, listeners, unserved: unservedListeners(report) };
}

async function fromFiles({ file = [], controllerName }: ExplainFlags): Promise<Read> {
  const pipeline = openPipeline({ paths: file, watch: false, controllerNames: controllerName, endpoints: [] });
  await pipeline.source.ready;
  await pipeline.source.close();
  const upserts = [...pipeline.config.values()];
  const snapshot = Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] });
  return { snapshot, listeners: [], unserved: unservedListeners(pipeline.report()) };
}

function requestOf(text: string, flags: ExplainFlags, listeners: ListenerView[]): AskedRequest {
  const url = new URL(text);
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port);
  const headers = flags.header ?? [];
  const hostHeader = headers.find(([name]) => name.toLowerCase() === 'host')?.[1];
  const serverName = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return {
    method: flags.request,
    scheme,
    host: hostHeader?.replace(/:\d+$/, '').toLowerCase() ?? serverName,
    serverName: scheme === 'https' ? serverName : '',
    port: writtenPort(port, listeners),
    target: targetOf(text),
    headers: headers.filter(([name]) => name.toLowerCase() !== 'host'),
  };
}

/** As typed: the URL parser would resolve dots and encode what a client may send as it is. */
function targetOf(text: string): string {
  const rest = /^https?:\/\/[^/?#]*([^#]*)/i.exec(text)?.[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** A running gateway may serve a port under another number, and people paste what their client uses. */
function writtenPort(port: number, listeners: ListenerView[]): number {
  const listener = listeners.find(({ bound }) => bound.some((address) => address.endsWith(`:${port}`)));
  return listener?.port ?? port;
}
