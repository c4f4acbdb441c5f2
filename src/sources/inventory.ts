import type { AnyResource, Service } from '../api/index.ts';
import { keyOf, objectKey, SERVICE_NAME_LABEL } from '../api/index.ts';
import { equal } from '../graph/index.ts';
import { asksIn, isStandIn } from './admission.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Entry } from './document.ts';
import { type EndpointOption, endpointSlices } from './endpoint-option.ts';
import type { ParsedFile } from './file-cache.ts';
import { ofNewTargets } from './new-target.ts';

/** One file of a look at the outside, in the order that decides between duplicates. */
export interface InventoryFile {
  path: string;
  /** Named by the user: when it is gone, that is a fault and not a removal. */
  named: boolean;
  content: ParsedFile;
}

/** A line of a file, from 1, and the document around it; of objects that no file has, without one. */
export interface Place {
  file: string;
  line: number;
  document?: { text: string /** Lines of the file before it. */; line: number };
  /** The object names no namespace and was given the default one. */
  homeless?: true;
}

interface Held {
  path: string;
  homeless?: true;
  /** From 1. */
  line: number;
  document?: Place['document'];
  /** As admitted: identical as long as its document did not change. */
  admitted: AnyResource;
  /** The same with its generation. */
  resource: AnyResource;
}

/** Where the objects of `--endpoint` come from, in diagnostics. */
const OPTION_PATH = '--endpoint';

/**
 * All objects that are in use, from all files. Each look at the outside makes a whole new set; an object that was
 * good before and cannot be read now stays in it as it was.
 */
export class Inventory {
  readonly #options: readonly EndpointOption[];
  #held = new Map<string, Held>();

  constructor(options: readonly EndpointOption[] = []) {
    this.#options = options;
  }

  /** Takes what the files say now. Answers every object in use and every diagnostic. */
  take(files: readonly InventoryFile[]): { resources: Map<string, AnyResource>; diagnostics: Diagnostic[] } {
    const look = new Look(this.#held);
    for (const file of files) look.file(file);
    look.keepLastGood();
    look.withoutEndpointsOf(new Set(this.#options.map(({ namespace, service }) => `${namespace}/${service}`)));
    for (const option of this.#options) look.option(option);
    this.#held = look.held;
    const resources = new Map([...look.held].map(([key, { resource }]) => [key, resource]));
    return { resources, diagnostics: look.finish() };
  }

  /** Where the object in use stands; undefined for an unknown one. */
  placeOf(key: string): Place | undefined {
    const held = this.#held.get(key);
    if (held === undefined) return undefined;
    const { path: file, line, document, homeless } = held;
    return { file, line, ...(document ? { document } : {}), ...(homeless ? { homeless } : {}) };
  }
}

/** An error whose message has yet to say what became of its object, or of the objects of its file. */
interface Fault {
  diagnostic: Diagnostic;
  path: string;
  key?: string;
  /** What stands in the place of a policy that never was good. */
  guard?: Omit<Held, 'resource'>;
  /** Of a route: filters that have somebody asked who may pass. Its guard stands beside it where what is kept has less of them. */
  asks?: number;
}

/** What becomes of what a guard was to guard that never was good. */
const DENIED = 'requests that it would act on are refused (500) until then';

/** Whether a stand-in of no kind, called `(kind) name`, may be this very object, whose kind was edited. */
function isNamedAs(standIn: AnyResource, { metadata: { name, namespace } }: AnyResource): boolean {
  return standIn.metadata.namespace === namespace && standIn.metadata.name.endsWith(`) ${name}`);
}

class Look {
  readonly held = new Map<string, Held>();
  readonly #before: ReadonlyMap<string, Held>;
  readonly #diagnostics: Diagnostic[] = [];
  readonly #faults: Fault[] = [];
  readonly #foreign = new Map<string, { first: Diagnostic; count: number }>();
  /** Files of folders that are no manifests. */
  readonly #strangers: string[] = [];
  #pathsBefore: Set<string> | undefined;

  constructor(before: ReadonlyMap<string, Held>) {
    this.#before = before;
  }

  file({ path, named, content }: InventoryFile): void {
    if ('chunks' in content) {
      if (!named && this.#isStranger(path, content.chunks)) {
        this.#strangers.push(path);
        return;
      }
      for (const chunk of content.chunks) for (const entry of chunk.entries) this.#entry(entry, path, chunk);
      this.#cutOff(content.chunks.at(-1)?.entries.at(-1), path);
    } else if (named || !content.missing) {
      // A file that went away after its folder was listed is a removal, and needs no words.
      this.#fault({ diagnostic: this.#report({ severity: 'error', file: path, message: content.error }), path });
    }
  }

  /** A file that had objects before and has none now was spoilt, and they stay. */
  #isStranger(path: string, chunks: ReadonlyArray<{ entries: Entry[] }>): boolean {
    const entries = chunks.flatMap((chunk) => chunk.entries);
    // YAML in a folder of manifests was meant as one, unless it is a mapping of something else; JSON is written for much.
    const strange = ({ admission }: Entry): boolean =>
      admission.verdict === 'refused' &&
      (admission.unmarked === 'mapping' || (admission.unmarked === 'other' && path.endsWith('.json')));
    if (entries.length === 0 || !entries.every(strange)) return false;
    this.#pathsBefore ??= new Set(Array.from(this.#before.values(), (held) => held.path));
    return !this.#pathsBefore.has(path);
  }

  #entry(entry: Entry, path: string, document: NonNullable<Place['document']>): void {
    const { admission } = entry;
    const before = document.line;
    const line = before + entry.line + 1;
    if (admission.verdict === 'foreign') {
      this.#foreignKind(admission.kind, { file: path, line });
      return;
    }
    const object = admission.key ?? '';
    const notes = entry.notes.map((note) =>
      this.#report({ ...note, file: path, line: before + note.line + 1, object }),
    );
    if (admission.verdict === 'accepted') {
      const { key, resource: admitted, homeless } = admission;
      this.#accept({ key, path, line, document, admitted, ...(homeless ? { homeless } : {}) });
      return;
    }
    const diagnostic = notes.find(({ severity }) => severity === 'error');
    if (!diagnostic) return;
    const { key, guard, asks } = admission;
    const closes = guard ? { guard: { path, line, document, admitted: guard } } : {};
    this.#fault({ diagnostic, path, key, ...closes, ...(asks === undefined ? {} : { asks }) });
  }

  /** A file whose last document cannot be parsed may be half written: what would follow is not gone. */
  #cutOff(last: Entry | undefined, path: string): void {
    if (last?.admission.verdict !== 'refused' || last.admission.problems.length > 0) return;
    const fault = this.#faults.at(-1);
    if (fault?.path === path && fault.key !== undefined) this.#fault({ diagnostic: fault.diagnostic, path });
  }

  #accept({ key, ...found }: Omit<Held, 'resource'> & { key: string }): void {
    const first = this.held.get(key);
    if (first) {
      const { path: file, line } = found;
      const message = `is also in ${first.path}:${first.line}, which comes first and is used; remove one of the two`;
      this.#report({ severity: 'warning', file, line, object: key, message });
      return;
    }
    this.held.set(key, { ...found, resource: this.#versioned(key, found.admitted) });
  }

  /** The object with its generation; the very object that is in use when nothing in it has changed. */
  #versioned(key: string, admitted: AnyResource): AnyResource {
    const before = this.#before.get(key);
    if (before && (before.admitted === admitted || equal(before.admitted, admitted))) return before.resource;
    if (admitted.metadata.generation !== undefined) return admitted;
    const last = before?.resource.metadata.generation ?? 0;
    const generation = before && equal(bodyOf(before.admitted), bodyOf(admitted)) ? last : last + 1;
    return { ...admitted, metadata: { ...admitted.metadata, generation } } as AnyResource;
  }

  /** Puts back what was good before and cannot be read now, and says so where the fault is reported. */
  keepLastGood(): void {
    for (const fault of this.#faults) {
      const { diagnostic, path, key, guard } = fault;
      const fates = key === undefined ? this.#fatesWithin(path, guard) : [this.#fate(key, fault)];
      for (const fate of fates) diagnostic.message += `; ${fate}`;
    }
  }

  /** Of what may be any object of a file, or one that is none of them and may be a guard. */
  #fatesWithin(path: string, guard: Fault['guard']): string[] {
    const stranger = guard && objectKey(guard.admitted);
    const gone = [...this.#before].filter(
      ([key, { path: from }]) => key !== stranger && !this.held.has(key) && isWithin(from, path),
    );
    for (const [key, held] of gone) this.held.set(key, held);
    const kept = gone.filter(([, { admitted }]) => !isStandIn(admitted));
    const fates: string[] = [];
    const edited = guard && kept.find(([, { admitted }]) => isNamedAs(guard.admitted, admitted))?.[1];
    if (edited !== undefined && this.#guardNew(guard, edited)) fates.push(DENIED);
    if (guard !== undefined && stranger !== undefined && (edited === undefined || this.#before.has(stranger))) {
      this.held.set(stranger, { ...guard, resource: this.#versioned(stranger, guard.admitted) });
      fates.push(DENIED);
    }
    if (kept.length > 0) {
      const names = kept.slice(0, 3).map(([key]) => key);
      const more = kept.length > names.length ? ` and ${kept.length - names.length} more` : '';
      fates.push(`the last good form stays in use of ${names.join(', ')}${more}`);
    }
    return fates;
  }

  /** A fault does not hand an object's name to a duplicate in another file, either. */
  #fate(key: string, { path, guard, asks }: Fault): string {
    const other = this.held.get(key);
    const before = this.#before.get(key);
    if (other && (before?.path !== path || other.path === path)) {
      return `the object in ${other.path}:${other.line} is used`;
    }
    if (guard !== undefined && asks === undefined && (!before || isStandIn(before.admitted))) {
      this.held.set(key, { ...guard, resource: this.#versioned(key, guard.admitted) });
      return DENIED;
    }
    if (!before) return 'the object is left out';
    this.held.set(key, before);
    if (asks !== undefined) return this.#fateOfRoute(before, { guard: guard!, asks });
    const besides = this.#guardNew(guard, before) ? '; what it names besides now is refused (500) until then' : '';
    return `its last good form stays in use${besides}`;
  }

  #fateOfRoute(kept: Held, { guard, asks }: Required<Pick<Fault, 'guard' | 'asks'>>): string {
    if (asksIn(kept.admitted) >= asks) return 'its last good form stays in use';
    const key = objectKey(guard.admitted);
    this.held.set(key, { ...guard, resource: this.#versioned(key, guard.admitted) });
    return 'its last good form stays, which has nobody asked who may pass where this one has: its requests are refused (500) until then';
  }

  #guardNew(guard: Fault['guard'], good: Held): boolean {
    const admitted = guard && ofNewTargets(guard.admitted, good.admitted);
    if (admitted === undefined) return false;
    const key = objectKey(admitted);
    this.held.set(key, { ...guard!, admitted, resource: this.#versioned(key, admitted) });
    return true;
  }

  /** Endpoints given by hand replace those of the files: of a Service, all of them. */
  withoutEndpointsOf(services: ReadonlySet<string>): void {
    if (services.size === 0) return;
    for (const [key, { path, line, resource }] of this.held) {
      const { kind, metadata } = resource;
      if (kind !== 'EndpointSlice' && kind !== 'Endpoints') continue;
      const name = kind === 'Endpoints' ? metadata.name : metadata.labels?.[SERVICE_NAME_LABEL];
      if (!services.has(`${metadata.namespace}/${name}`)) continue;
      this.held.delete(key);
      const message = `is not used: --endpoint gives Service ${metadata.namespace}/${name} its endpoints`;
      this.#report({ severity: 'info', file: path, line, object: key, message });
    }
  }

  option(option: EndpointOption): void {
    const { namespace, service: name, port, text } = option;
    const key = keyOf('Service', namespace, name);
    const service = this.held.get(key)?.resource as Service | undefined;
    const known = service?.spec.ports?.some((candidate) => candidate.port === port || candidate.name === port);
    if (!known) {
      const missing = service ? `port ${port} of Service ${namespace}/${name}` : `Service ${namespace}/${name}`;
      this.#report({ severity: 'warning', file: OPTION_PATH, object: key, message: `${text}: there is no ${missing}` });
    }
    for (const slice of endpointSlices(option, service)) {
      this.#accept({ key: objectKey(slice), path: OPTION_PATH, line: 0, admitted: slice });
    }
  }

  finish(): Diagnostic[] {
    for (const { first, count } of this.#foreign.values()) {
      if (count > 1) first.message += ` (${count} objects)`;
    }
    const [file] = this.#strangers;
    if (file !== undefined) {
      const more = this.#strangers.length - 1;
      const others = more === 0 ? '' : more === 1 ? '; so is 1 more file' : `; so are ${more} more files`;
      const message = `is left out: it has neither apiVersion nor kind, and is no manifest${others}`;
      this.#report({ severity: 'info', file, message });
    }
    return this.#diagnostics;
  }

  #foreignKind(kind: string, where: { file: string; line: number }): void {
    const known = this.#foreign.get(kind);
    if (known) {
      known.count++;
      return;
    }
    const way = WAYS.get(kind) ?? WAYS.get(kind.slice(kind.indexOf('.') + 1));
    const message = `${kind} is not a kind that is read here${way === undefined ? '' : `: ${way}`}`;
    const first = this.#report({ severity: 'info', ...where, message, unread: true });
    this.#foreign.set(kind, { first, count: 1 });
  }

  #fault(fault: Fault): void {
    this.#faults.push(fault);
  }

  #report(diagnostic: Partial<Diagnostic> & Pick<Diagnostic, 'severity' | 'file' | 'message'>): Diagnostic {
    const whole = { line: 0, object: '', field: '', ...diagnostic };
    this.#diagnostics.push(whole);
    return whole;
  }
}

const SUGGESTED = 'nothing of it is in force; daemun check --suggest says what to write in its place';

const OF_KONG = 'docs/guides/kong.md says what of Kong is read';

/** What to do about kinds that are foreign, and whose place is here: by kind, or by group. */
const WAYS: ReadonlyMap<string, string> = new Map([
  ['gateway.envoyproxy.io', SUGGESTED],
  ['gateway.nginx.org', SUGGESTED],
  [
    'Ingress.networking.k8s.io',
    'write an HTTPRoute and policies; docs/guides/kong.md (of Kong), docs/guides/ingress-nginx.md and docs/reference/annotations.md say what carries each annotation',
  ],
  ['KongUpstreamPolicy.configuration.konghq.com', `write a BackendTrafficPolicy; ${OF_KONG}`],
  ['KongIngress.configuration.konghq.com', `write an HTTPRoute, and a BackendTrafficPolicy; ${OF_KONG}`],
  ['TCPIngress.configuration.konghq.com', `write a TCPRoute or a TLSRoute; ${OF_KONG}`],
  ['UDPIngress.configuration.konghq.com', `write a UDPRoute; ${OF_KONG}`],
  ['KongConsumerGroup.configuration.konghq.com', `write policies with claims; ${OF_KONG}`],
]);

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** What generation counts the changes of: everything but metadata. */
function bodyOf({ metadata: _, ...body }: AnyResource): object {
  return body;
}
