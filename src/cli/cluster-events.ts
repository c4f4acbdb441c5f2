/** Events of a run whose resources are a cluster's: of which object each is, and when it is told. */
import { type AnyResource, apiVersionOf, type Kind, type Resource } from '../api/index.ts';
import { type StrayFault, StrayWatch } from '../control/index.ts';
import type { Log } from '../observe/index.ts';
import { EventRecorder, type Regarded, SettledFaults, type WrittenStatus } from '../reconcile/index.ts';
import type { ApiClient, ClusterSource, NameBook, UntoldObject } from '../sources/cluster/index.ts';

export interface ClusterEventsOptions {
  client: ApiClient;
  source(): ClusterSource | undefined;
  controllerNames: readonly string[];
  namespaces?: readonly string[] | undefined;
  book: NameBook;
  /** Of this process. */
  instance: string;
  log: Log;
  times?: EventTimes | undefined;
}

/** Milliseconds; absent: what each has by itself. */
export interface EventTimes {
  fault?: number;
  stray?: number;
}

/** Milliseconds that events which still wait may take at the end. */
const LAST_EVENTS = 2000;

export class ClusterEvents {
  readonly #options: ClusterEventsOptions;
  readonly #recorder: EventRecorder;
  readonly #faults: SettledFaults;
  #strays: StrayWatch | undefined;

  constructor(options: ClusterEventsOptions) {
    this.#options = options;
    const { client, controllerNames, instance, log, times } = options;
    const [controllerName = 'daemun'] = controllerNames;
    this.#recorder = new EventRecorder({ client, controllerName, instance, log });
    this.#faults = new SettledFaults({
      controllerNames: new Set(controllerNames),
      warn: (key, fault) => this.#with(key, (regarded) => this.#recorder.warn(regarded, fault)),
      mended: (key, faults) => this.#with(key, (regarded) => this.#recorder.mended(regarded, faults)),
      settle: times?.fault,
    });
  }

  /** Only a leader tells. */
  lead(leading: boolean): void {
    const source = this.#options.source();
    if (!leading) this.#faults.flush();
    else if (source !== undefined) for (const one of source.untold.values()) this.untold(one);
    if (source === undefined) return;
    const { controllerNames, namespaces, book, times } = this.#options;
    this.#strays ??= new StrayWatch({
      collections: source.collections,
      controllerNames,
      namespaces,
      book,
      settle: times?.stray,
      onChange: (key, fault, before) => this.#stray(key, fault, before),
    });
    this.#strays.lead(leading);
  }

  resync(): void {
    this.#strays?.resync();
  }

  wrote(key: string, { before, after }: WrittenStatus): void {
    this.#faults.wrote(key, before, after);
  }

  untold({ kind, metadata, message }: UntoldObject): void {
    this.#recorder.warn(this.#regarded(kind, metadata), { reason: 'Invalid', message });
  }

  /** That others take these classes for theirs. */
  shared(names: readonly string[], message: string): void {
    for (const { metadata, spec } of this.#options.source()?.collections.GatewayClass.values() ?? []) {
      if (!names.includes(spec.controllerName)) continue;
      this.#recorder.warn(this.#regarded('GatewayClass', metadata), { reason: 'ControllerShared', message });
    }
  }

  /** What waits is told first, as far as that takes no time. */
  async close(): Promise<void> {
    this.#strays?.close();
    this.#faults.flush();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_EVENTS)));
    await Promise.race([this.#recorder.settled(), late]);
    clearTimeout(timer);
  }

  #stray(key: string, fault: StrayFault | undefined, before: StrayFault | undefined): void {
    this.#with(key, (regarded) => {
      if (fault !== undefined) this.#recorder.warn(regarded, fault);
      else if (before !== undefined) this.#recorder.mended(regarded, [before]);
    });
  }

  /** Of what is gone nobody has to be told. */
  #with(key: string, tell: (regarded: Regarded) => void): void {
    const kind = key.slice(0, key.indexOf('/')) as Kind;
    const object: AnyResource | undefined = this.#options.source()?.collections[kind].get(key);
    if (object !== undefined) tell(this.#regarded(kind, object.metadata));
  }

  #regarded(
    kind: Kind,
    { namespace, name, uid = '' }: Pick<Resource['metadata'], 'namespace' | 'name' | 'uid'>,
  ): Regarded {
    const place = this.#options.source()?.pathTo(kind, { name, ...(namespace === undefined ? {} : { namespace }) });
    const { apiVersion } = place ?? { apiVersion: apiVersionOf(kind) };
    return { apiVersion, kind, name, uid, ...(namespace === undefined ? {} : { namespace }) };
  }
}
