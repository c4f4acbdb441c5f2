/**
 * Tells of Gateways and routes that name what is not there, once that has lasted. Nobody judges them: no controller has a
 * class that does not exist, or routes of a Gateway that does not. Where it may have been another controller's that was meant,
 * it is left to that one.
 */
import { type AnyResource, type Gateway, type Kind, keyOf } from '../api/index.ts';
import type { Change, Collection } from '../graph/index.ts';
import { DueKeys, type NameBook, Pace } from '../sources/cluster/index.ts';
import type { ResourceCollections } from '../sources/index.ts';
import { withMeant } from '../value/absence.ts';
import { type Route, STRAY_ROUTES, strayClass, strayIn } from './stray-parent.ts';

/** Milliseconds that something has to lead nowhere before somebody is warned: of what is applied together it may come last. */
const STRAY_SETTLE = 30_000;

export interface StrayFault {
  reason: 'NoSuchClass' | 'NoSuchParent';
  message: string;
}

export interface StrayWatchOptions {
  collections: ResourceCollections;
  controllerNames: readonly string[];
  book: NameBook;
  /** The namespaces that are read; absent: all. */
  namespaces?: readonly string[] | undefined;
  /** `fault`: what is wrong now; `before`: what was told last. */
  onChange(key: string, fault: StrayFault | undefined, before: StrayFault | undefined): void;
  /** Milliseconds; absent: as above. */
  settle?: number | undefined;
}

const NAMED = ['GatewayClass', 'Gateway', 'ListenerSet'] as const satisfies readonly Kind[];
const WATCHED = ['Gateway', ...STRAY_ROUTES] as const satisfies readonly Kind[];

export class StrayWatch {
  readonly #options: StrayWatchOptions;
  readonly #told = new Map<string, StrayFault>();
  /** What has changed, and is looked at once that has lasted. */
  readonly #due: DueKeys;
  readonly #pace = new Pace();
  readonly #ends: Array<() => void>;
  #leading = false;

  constructor(options: StrayWatchOptions) {
    this.#options = options;
    const { collections, settle = STRAY_SETTLE } = options;
    this.#due = new DueKeys(settle, () => void this.#look());
    const follow = (kind: Kind, onBatch: (changes: ReadonlyArray<Change<AnyResource>>) => void): (() => void) =>
      (collections[kind] as Collection<AnyResource>).subscribe((changes) => this.#leading && onBatch(changes));
    this.#ends = [
      ...WATCHED.map((kind) => follow(kind, (changes) => this.#askAll(changes.map(({ key }) => key)))),
      // What they were told of may be there now.
      ...NAMED.map((kind) =>
        follow(kind, (changes) => {
          if (changes.some(({ before }) => before === undefined)) this.#askAll(this.#told.keys());
        }),
      ),
    ];
  }

  lead(leading: boolean): void {
    this.#leading = leading;
    if (leading) return this.resync();
    this.#due.clear();
    this.#told.clear();
  }

  /** What a Gateway or class that went has left behind is found. */
  resync(): void {
    if (!this.#leading) return;
    for (const kind of WATCHED) this.#askAll(keysOf(this.#options.collections[kind]));
    this.#askAll(this.#told.keys());
  }

  close(): void {
    this.lead(false);
    for (const end of this.#ends) end();
  }

  #askAll(keys: Iterable<string>): void {
    for (const key of keys) this.#due.add(key);
  }

  /** Thousands may be due, in turns. */
  async #look(): Promise<void> {
    for (const key of this.#due.taken()) {
      this.#judge(key);
      if (this.#pace.isOver()) await this.#pace.next();
    }
  }

  #judge(key: string): void {
    const { collections, onChange } = this.#options;
    const object = collections[key.slice(0, key.indexOf('/')) as Kind].get(key) as AnyResource | undefined;
    const before = this.#told.get(key);
    const fault = object && this.#faultOf(object as Gateway | Route);
    if (fault?.message === before?.message) return;
    if (fault === undefined) this.#told.delete(key);
    else this.#told.set(key, fault);
    if (object !== undefined) onChange(key, fault, before);
  }

  #faultOf(object: Gateway | Route): StrayFault | undefined {
    const { collections, namespaces, book } = this.#options;
    const found =
      object.kind === 'Gateway' ? strayClass(object, { collections }) : strayIn(object, { collections }, namespaces);
    const told = found.flatMap(({ missing, field, message }) => {
      if (missing === undefined) return [];
      const [kind, namespace = '', name = ''] = missing.split('/') as [Kind, string?, string?];
      const from = { kind: object.kind, namespace: object.metadata.namespace ?? '' };
      const like = book.meant(from, { kind, namespace, name });
      return this.#isOurs(like === undefined ? undefined : keyOf(kind, namespace, like))
        ? [`${field}: ${withMeant(message, () => like)}`]
        : [];
    });
    if (told.length === 0) return undefined;
    const fate = object.kind === 'Gateway' ? 'no controller serves this Gateway' : 'nobody serves the route there';
    const reason = object.kind === 'Gateway' ? 'NoSuchClass' : 'NoSuchParent';
    return { reason, message: `${told.join('; ')}; ${fate} until then` };
  }

  /** What was surely meant is ours, or there is nobody else whose it could be. */
  #isOurs(meant: string | undefined): boolean {
    const { collections } = this.#options;
    const [kind] = (meant ?? '').split('/');
    if (kind === 'GatewayClass') return this.#isOwnClass(meant);
    const gateway = kind === 'Gateway' ? collections.Gateway.get(meant!) : undefined;
    if (gateway !== undefined) return this.#isOwnClass(`GatewayClass//${gateway.spec.gatewayClassName}`);
    const classes = [...keysOf(collections.GatewayClass)];
    return classes.length > 0 && classes.every((key) => this.#isOwnClass(key));
  }

  #isOwnClass(key: string | undefined): boolean {
    const controllerName = this.#options.collections.GatewayClass.get(key ?? '')?.spec.controllerName;
    return controllerName !== undefined && this.#options.controllerNames.includes(controllerName);
  }
}

function* keysOf(collection: { entries(): IterableIterator<[string, unknown]> }): Iterable<string> {
  for (const [key] of collection.entries()) yield key;
}
