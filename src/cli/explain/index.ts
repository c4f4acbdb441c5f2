/** `daemun explain`: reads a config, from files or from a running gateway, and tells what becomes of a request. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RedactedConfig } from '../../admin/index.ts';
import { type Endpoints, type Listener, Snapshot } from '../../config/index.ts';
import { openPipeline, type Report, strayParents } from '../../control/index.ts';
import type { ListenerView } from '../../delivery/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { CertificateFiles, type CertificateOption, type EndpointOption } from '../../sources/index.ts';
import { visibleText } from '../../value/visible-text.ts';
import { type AskedAdmin, askAdmin } from '../admin-client.ts';
import { heldSource, readCluster } from '../cluster-read.ts';
import { EXIT } from '../exit-code.ts';
import { manifestSource } from '../manifest-source.ts';
import { CLUSTER_CONTROLLER } from '../option.ts';
import { unservedListeners } from '../report/index.ts';
import { paintFor } from '../style.ts';
import type { AskedRequest } from './asked-request.ts';
import { CONNECTION_KINDS } from './connection-policy.ts';
import type { ExplainFlags } from './explain-flags.ts';
import { type Explanation, explanationOf } from './explanation.ts';
import type { KnownConfig } from './known-config.ts';
import { leftOut, refusedRoutes } from './meant-route.ts';
import { narrative, policyNarrative } from './narrative.ts';
import type { PolicyEffect } from './policy-effect.ts';
import { placesOf, policyNames, statedPlaces } from './policy-place.ts';
import { policyAsked, questionOf } from './question.ts';
import { type StreamExplanation, streamExplanationOf } from './stream-explanation.ts';
import { streamNarrative } from './stream-narrative.ts';

export { isQuestion } from './question.ts';

interface ExplainAsked extends ExplainFlags {
  endpoints: EndpointOption[];
  certificates: CertificateOption[];
}

/** What an echo's address is shown as: it has none until it runs. */
const ECHO = 'built-in echo';

/** Prints, and answers the exit code. */
export async function explain(url: string, flags: ExplainAsked): Promise<number> {
  const { admin, adminTokenFile: token } = flags;
  const read: Read = admin
    ? await fromAdmin({ ...admin, token })
    : flags.file === undefined
      ? await fromCluster(url, flags)
      : await fromFiles(flags);
  const { listeners: served, ...known } = read;
  const asked = policyAsked(url);
  if (asked !== undefined) {
    const places = allPlaces(read, asked);
    const told =
      flags.output === 'json'
        ? `${JSON.stringify(places, undefined, 2)}\n`
        : policyNarrative(asked, visible(places), {
            paint: paintFor(process.stdout),
            known: visible(policyNames(read.report)),
          });
    process.stdout.write(told);
    return places.every(({ accepted }) => accepted === false) ? EXIT.refused : EXIT.ok;
  }
  const question = questionOf(url, flags, {
    listeners: known.snapshot.of('Listener').values(),
    served,
    portMap: flags.portMap,
  });
  const paint = paintFor(process.stdout);
  let explanation: Explanation | StreamExplanation;
  let text: string;
  if (question.kind === 'request') {
    explanation = await explanationOf(known, await withCertificate(question.request, flags.clientCertificate));
    text = narrative(visible(explanation), paint);
  } else {
    explanation = streamExplanationOf(known, question.connection);
    text = streamNarrative(visible(explanation), paint);
  }
  process.stdout.write(flags.output === 'json' ? `${JSON.stringify(explanation, undefined, 2)}\n` : text);
  const { kind } = explanation.outcome;
  return kind === 'error' || kind === 'denied' ? EXIT.refused : EXIT.ok;
}

/** What a policy of connections hangs on stands before what it comes to there. */
function allPlaces({ snapshot, report }: Read, asked: string): PolicyEffect[] {
  const acting = placesOf(snapshot, asked);
  const known = new Set(acting.map(({ policy }) => policy));
  const stated = statedPlaces(report, asked).filter(
    ({ policy, type }) => CONNECTION_KINDS.has(type) || !known.has(policy),
  );
  return [...stated, ...acting];
}

/** Names, paths and messages are others': none may reach the terminal as anything but text. */
function visible<T>(told: T): T {
  return JSON.parse(JSON.stringify(told), (_, value: unknown) =>
    typeof value === 'string' ? visibleText(value) : value,
  ) as T;
}

async function withCertificate(request: AskedRequest, path: string | undefined): Promise<AskedRequest> {
  if (path === undefined) return request;
  return { ...request, certificate: new X509Certificate(await readFile(path)).raw };
}

interface Read extends KnownConfig {
  /** Where it is served; empty where it is not. */
  listeners: ListenerView[];
  report: Report;
}

async function fromAdmin(admin: AskedAdmin): Promise<Read> {
  const [{ version, objects }, listeners, report] = await Promise.all([
    askAdmin<RedactedConfig>(admin, '/config'),
    askAdmin<ListenerView[]>(admin, '/listeners'),
    askAdmin<Report>(admin, '/status'),
  ]);
  const snapshot = Snapshot.EMPTY.apply({ version, upserts: objects, removals: [] });
  const { diagnostics } = report;
  const unserved = unservedListeners(report);
  return { snapshot, listeners, unserved, report, told: diagnostics, leftOut: leftOut(diagnostics) };
}

async function fromFiles(asked: ExplainAsked): Promise<Read> {
  const { file = [], controllerName, endpoints, echoBackends } = asked;
  const certificates = new CertificateFiles(asked.certificates);
  await certificates.start();
  certificates.stop();
  const pipeline = openPipeline({
    source: manifestSource({ paths: file, watch: false, endpoints }),
    controllerNames: controllerName,
    acme: false,
    provided: [certificates.collection],
  });
  await pipeline.source.ready;
  await pipeline.source.close();
  const { unreadable = [] } = pipeline.source;
  if (unreadable.length > 0) {
    const why = unreadable.map(({ path, error }) => `${path}: ${error}`).join('; ');
    throw new DaemunError('DMN_MANIFESTS_UNREADABLE', why);
  }
  const whole = Snapshot.EMPTY.apply({ version: 1, upserts: [...pipeline.config.values()], removals: [] });
  const shown = Snapshot.EMPTY.apply({ version: 1, upserts: whole.shown(), removals: [] });
  const snapshot = withEchoes(shown, echoBackends);
  const written = refusedRoutes(pipeline);
  const report = pipeline.report();
  return {
    snapshot,
    secret: withEchoes(whole, echoBackends),
    listeners: [],
    unserved: unservedListeners(report),
    written,
    leftOut: leftOut(report.diagnostics),
    report,
  };
}

/** Each Gateway of a cluster has data planes and addresses of its own: a request goes to one of them. */
async function fromCluster(url: string, flags: ExplainAsked): Promise<Read> {
  const { controllerName = [CLUSTER_CONTROLLER], gateway } = flags;
  const source = heldSource([await readCluster(flags)]);
  const pipeline = openPipeline({ source, controllerNames: controllerName, perGateway: true });
  const whole = Snapshot.EMPTY.apply({ version: 1, upserts: [...pipeline.config.values()], removals: [] });
  const listeners = [...whole.of('Listener').values()];
  // A policy may act at all of them.
  const asked = gateway ?? (policyAsked(url) === undefined ? onlyGateway(url, listeners, flags) : undefined);
  if (asked !== undefined && !listeners.some((one) => one.gateway === asked)) {
    const others = [...new Set(listeners.map((one) => one.gateway))].join(', ') || 'none';
    throw new Error(`no listener of Gateway ${asked} is served; Gateways that serve: ${others}`);
  }
  const removals = listeners.filter((one) => one.gateway !== asked).map(({ kind, key }) => ({ kind, key }));
  const own = asked === undefined ? whole : whole.apply({ version: 2, upserts: [], removals });
  const snapshot = Snapshot.EMPTY.apply({ version: 1, upserts: own.shown(), removals: [] });
  const report = pipeline.report();
  const unserved = unservedListeners(report);
  return {
    snapshot,
    secret: own,
    listeners: [],
    unserved,
    written: refusedRoutes(pipeline, strayParents(pipeline.source, flags.namespace)),
    report,
  };
}

/** The Gateway that has the port; one must be named where several have. */
function onlyGateway(url: string, listeners: Listener[], flags: ExplainAsked): string | undefined {
  const question = questionOf(url, flags, { listeners, served: [] });
  const { port } = question.kind === 'request' ? question.request : question.connection;
  const found = new Set(listeners.filter((one) => one.port === port).map((one) => one.gateway));
  if (found.size < 2) return [...found][0];
  const names = [...found].sort().join(', ');
  throw new Error(`several Gateways have port ${port}: name one of ${names} with --gateway`);
}

/** As --echo-backends of `run`: an echo where a Backend has no endpoints. */
function withEchoes(snapshot: Snapshot, wanted = false): Snapshot {
  if (!wanted) return snapshot;
  const upserts: Endpoints[] = [];
  for (const { key, service } of snapshot.of('Backend').values()) {
    const own = snapshot.get('Endpoints', key);
    if (own && (own.endpoints.length > 0 || own.dns)) continue;
    upserts.push({ kind: 'Endpoints', key, endpoints: [{ address: ECHO, port: service.port, state: 'ready' }] });
  }
  return snapshot.apply({ version: snapshot.version, upserts, removals: [] });
}
