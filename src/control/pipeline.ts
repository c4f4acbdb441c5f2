/** From resources to config, statuses and diagnostics: what `check`, `run` and a controller have in common. */
import type { InstalledCrd, ProvidedCertificate, WantedCertificate, WantedInfrastructure } from '../api/index.ts';
import type { Ack, ConfigObject, Delivery } from '../config/index.ts';
import { type Change, type Collection, type CollectionView, join, SourceCollection } from '../graph/index.ts';
import { type Diagnostic, LastGood } from '../sources/index.ts';
import {
  type AssignedAddresses,
  credentialFault,
  endpointsFinding,
  type Diagnostic as Finding,
  sliceFinding,
  translation,
  type UnservedListener,
} from '../translate/index.ts';
import { bareServices } from './bare-service.ts';
import { CertificateDates } from './certificate-date.ts';
import { FieldPlaces } from './field-place.ts';
import { hinted } from './missing-object.ts';
import type { Report, ReportedDiagnostic } from './report.ts';
import type { ResourceSource } from './resource-source.ts';
import { StatusBook } from './status-book.ts';
import type { StatusWriter } from './status-writer.ts';
import { emptyRules } from './unmeant-rule.ts';

export interface PipelineOptions {
  /** Makes the source, which tells `lastGood` of every change of a credential. */
  source(lastGood: LastGood): ResourceSource;
  /** Absent: every GatewayClass is adopted. */
  controllerNames?: string[];
  /** Whether Services may lead to this machine by name; refused unless said otherwise. */
  loopbackNames?: 'allowed' | 'refused';
  /** Certificates that no Secret holds. */
  provided?: ReadonlyArray<Collection<ProvidedCertificate>>;
  /** Each Gateway has data planes of its own; else one fleet serves all. */
  perGateway?: boolean;
  /** Where clients reach the data planes, where that is not what their sockets are bound to. */
  publishedAddresses?: string[];
  /** What sockets that are bound to every address stand for. */
  machineAddresses?: string[];
  /** Of a fleet that serves all Gateways: whether it knows which country an address is in. */
  countries?: 'known' | 'unknown';
  /** Certificates are obtained by ACME: for every Gateway that does not say otherwise, or (false) where one asks; absent: for none. */
  acme?: boolean;
  /** Config objects beside those that are translated. */
  beside?: Collection<ConfigObject>;
  /** Fields and kinds that are not read are errors. */
  strict?: boolean;
  /** Rules and endpoints that do nothing of what they were surely written for are told of. */
  unmeant?: boolean;
  /** How a Service without endpoints is told of; absent: it is not. */
  bareServices?: 'info' | 'warning';
  /** How it is told that there is no object at all; absent: it is not. */
  nothing?: 'error' | 'warning';
  /** Absent: the clock's. */
  now?: () => Date;
  /** Instead of times of changes, so that equal manifests make equal reports. */
  transitionTime?: Date;
  /** Told of every status beside the report's own book. */
  writer?: StatusWriter;
}

export interface Pipeline {
  readonly source: ResourceSource;
  readonly config: Collection<ConfigObject>;
  /** Listeners that are not in the config. */
  readonly unserved: Collection<UnservedListener>;
  /** Certificates that may be obtained by ACME, by listener key. */
  readonly wanted: Collection<WantedCertificate>;
  /** What is to be made for Gateways, by object key; nothing where one fleet serves all. */
  readonly infrastructure: Collection<WantedInfrastructure>;
  /** What the data planes say; filled by whoever serves. */
  readonly acks: SourceCollection<Ack>;
  readonly deliveries: SourceCollection<Delivery>;
  /** What infrastructure gave the Gateways; filled by whoever makes it. */
  readonly addresses: SourceCollection<AssignedAddresses>;
  /** Statuses and diagnostics as they are now; `met`: what is to be said besides. */
  report(met?: ReadonlyArray<Finding>): Report;
  problems(): ReportedDiagnostic[];
  /** Every collection, from what is read to what is told. */
  graph(): CollectionView[];
}

export function openPipeline(options: PipelineOptions): Pipeline {
  const { controllerNames, loopbackNames, publishedAddresses, machineAddresses, countries, writer, acme, beside } =
    options;
  const provided = join('provided', options.provided ?? []);
  const lastGood = new LastGood({ judge: credentialFault });
  const source = options.source(lastGood);
  const acks = new SourceCollection<Ack>('acks');
  const deliveries = new SourceCollection<Delivery>('deliveries');
  const addresses = new SourceCollection<AssignedAddresses>('addresses');
  const installed = source.installed ?? new SourceCollection<InstalledCrd>('installed CRDs');
  const told = { acks, deliveries, addresses, superseded: lastGood.collection, provided, installed };
  const inputs = { ...source.collections, ...told };
  const {
    config: translated,
    statuses,
    diagnostics,
    unserved,
    wanted,
    infrastructure,
    graph,
  } = translation(inputs, {
    controllerNames,
    shared: options.perGateway !== true,
    cluster: source.installed !== undefined,
    loopbackNames,
    publishedAddresses,
    machineAddresses,
    countries,
    acme,
  });
  const config = beside === undefined ? translated : join('config and challenges', [translated, beside]);
  translated.subscribe((changes) => noteUses(lastGood, changes));
  const { now = () => new Date(), transitionTime } = options;
  const book = new StatusBook(transitionTime);
  const dates = new CertificateDates();
  for (const one of writer ? [book, writer] : [book]) {
    one.write(Array.from(statuses.entries(), ([key, after]) => ({ key, after })));
    statuses.subscribe((changes) => one.write(changes));
  }
  const places = new FieldPlaces((key) => source.placeOf?.(key));
  const problems = (met: ReadonlyArray<Finding> = []) => {
    const read = [...source.diagnostics.values()];
    const own = options.unmeant ? [...strayed(source), ...emptyRules(config.values())] : [];
    const found = [...diagnostics.values(), ...own];
    const meant = [...hinted(found, { source, read }), ...dates.findings(config.values(), now()), ...met];
    const all = reported(read.map(options.strict ? strictly : (one) => one), meant, places);
    if (options.nothing && isEmpty(source)) all.push(nothingFound(options.nothing));
    return options.bareServices ? [...all, ...bareServices(config.values(), options.bareServices)] : all;
  };
  const report = (met: ReadonlyArray<Finding> = []) => ({ items: book.items(), diagnostics: problems(met) });
  const views = { report, problems: () => problems(), graph };
  return { source, config, unserved, wanted, infrastructure, acks, deliveries, addresses, ...views };
}

/**
 * What is in service is worth remembering. A reference that is taken away is no mistake: it ends what was kept in
 * service for its sake.
 */
function noteUses(lastGood: LastGood, changes: ReadonlyArray<Change<ConfigObject>>): void {
  for (const { before, after } of changes) {
    const object = after ?? before;
    if (object?.kind !== 'Certificate' && object?.kind !== 'TrustBundle') continue;
    const role = object.kind === 'Certificate' ? 'certificate' : 'authorities';
    const key = object.kind === 'Certificate' ? `Secret/${object.key}` : object.key;
    if (after === undefined) lastGood.forget(role, key);
    else lastGood.use(role, key);
  }
}

function isEmpty({ collections }: ResourceSource): boolean {
  return Object.values(collections).every(({ size }) => size === 0);
}

function nothingFound(severity: 'error' | 'warning'): ReportedDiagnostic {
  const message = 'there is nothing to serve: no file holds an object that is read (*.yaml, *.yml and *.json are)';
  return { severity, file: '', line: 0, object: '', field: '', message };
}

/** Each is looked at whenever somebody asks, so that a change of endpoints costs no more for it. */
function strayed({ collections }: ResourceSource): Finding[] {
  const serviceOf = (key: string) => collections.Service.get(key);
  return [
    ...[...collections.EndpointSlice.values()].flatMap((slice) => sliceFinding(slice, serviceOf) ?? []),
    ...[...collections.Endpoints.values()].flatMap((endpoints) => endpointsFinding(endpoints, serviceOf) ?? []),
  ];
}

function strictly(diagnostic: Diagnostic): Diagnostic {
  return diagnostic.unread ? { ...diagnostic, severity: 'error' } : diagnostic;
}

/** Of the input first, then of what it means; each in the order of files and lines. */
function reported(read: Diagnostic[], meant: Finding[], places: FieldPlaces): ReportedDiagnostic[] {
  const placeOf = places.round();
  const placed = meant.map((one) => ({ ...placeOf(one.object, one.field), ...one }));
  return [...read.sort(byPlace), ...placed.sort(byPlace)].map(({ severity, file, line, object, field, message }) => ({
    severity,
    file,
    line,
    object,
    field,
    message,
  }));
}

/** All there is to order by is used, so that the same manifests are always told in the same order. */
function byPlace(a: ReportedDiagnostic, b: ReportedDiagnostic): number {
  const [one, other] = [placeText(a), placeText(b)];
  if (a.file === b.file && a.line !== b.line) return a.line - b.line;
  return one < other ? -1 : one > other ? 1 : 0;
}

function placeText({ file, object, field, message }: ReportedDiagnostic): string {
  return [file, object, field, message].join('\n');
}
