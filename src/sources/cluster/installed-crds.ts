/** The Gateway API's CRDs as a cluster has them, and what is to be said of what it does not have. */
import {
  BUNDLE_VERSION_ANNOTATION,
  CHANNEL_ANNOTATION,
  GATEWAY_GROUP,
  type InstalledCrd,
  KINDS,
  type Kind,
  OLDER_CRD,
  type Resource,
} from '../../api/index.ts';
import { SourceCollection } from '../../graph/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { CrdFields, type LackingKind } from './crd-fields.ts';
import { ListWatch, type ListWatchTimes } from './list-watch.ts';

export interface InstalledCrdsOptions {
  client: ApiClient;
  times?: Partial<ListWatchTimes> | undefined;
  /** CRDs came, went or changed. */
  changed(): void;
  /** What is wrong with reading them now; undefined: nothing any more. */
  trouble(trouble: { error: Error; denied: boolean } | undefined): void;
}

const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
/** What groups of our own kinds end with. */
const OWN_GROUPS = '.daemun.dev';
/** Answers of a cluster that will not show its CRDs. It is served all the same. */
const DENIED: readonly number[] = [401, 403, 404];
/**
 * Milliseconds that the first look at what they lack is waited for: without it a start would write the class's condition as if
 * they lacked nothing, and then as it was.
 */
const FIRST_LOOK = 10_000;

/** Followed as metadata: their schemas are large. What they lack is looked up apart. */
export class InstalledCrds {
  /** By name. Empty where they may not be read. */
  readonly collection = new SourceCollection<InstalledCrd>('installed CRDs');
  /** Fulfilled when they are read and looked at, or may not be. */
  readonly settled: Promise<void>;
  readonly #watch: ListWatch;
  readonly #fields: CrdFields;
  /** By name, as last seen. */
  readonly #seen = new Map<string, Resource>();

  constructor({ client, times, changed, trouble }: InstalledCrdsOptions) {
    const { promise: denied, resolve: giveUp } = Promise.withResolvers<void>();
    this.#fields = new CrdFields({
      client,
      path: PATH,
      changed: (name) => {
        this.#put(name);
        changed();
      },
    });
    this.#watch = new ListWatch({
      client,
      path: PATH,
      metadataOnly: true,
      ...(times ? { times } : {}),
      events: {
        replace: (objects) => {
          this.#replace(objects.filter(isRead));
          changed();
        },
        change: (changes) => {
          const own = changes.filter(({ object }) => isRead(object));
          if (own.length === 0) return;
          this.#apply(own.map(({ object, gone }) => ({ key: object.metadata.name, value: gone ? undefined : object })));
          changed();
        },
        trouble: (error) => {
          const isDenied = error instanceof ApiError && DENIED.includes(error.status);
          trouble(error === undefined ? undefined : { error, denied: isDenied });
          if (isDenied) giveUp();
        },
      },
    });
    this.settled = Promise.race([this.#watch.synced.then(() => this.#fields.looked(FIRST_LOOK)), denied]);
  }

  /** Of kinds that are read, of whichever group. */
  get lacking(): LackingKind[] {
    return [...this.#seen.keys()].flatMap((name) => this.#fields.of(name) ?? []);
  }

  async close(): Promise<void> {
    await Promise.all([this.#watch.close(), this.#fields.close()]);
  }

  #replace(objects: Resource[]): void {
    const now = new Set(objects.map(({ metadata }) => metadata.name));
    const gone = [...this.#seen.keys()].filter((name) => !now.has(name));
    this.#apply([
      ...objects.map((value) => ({ key: value.metadata.name, value })),
      ...gone.map((key) => ({ key, value: undefined })),
    ]);
  }

  #apply(changes: Array<{ key: string; value: Resource | undefined }>): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.#seen.delete(key);
      else this.#seen.set(key, value);
      this.#fields.seen(key, value?.metadata.resourceVersion);
      this.#put(key);
    }
  }

  #put(key: string): void {
    const value = this.#seen.get(key);
    if (value === undefined) return this.collection.apply([{ key }]);
    if (isOfGatewayApi(value)) this.collection.apply([{ key, value: installed(value, this.#fields.of(key)) }]);
  }
}

/** Those of the Gateway API, whose releases are told, and our own. */
function isRead(crd: Resource): boolean {
  return isOfGatewayApi(crd) || crd.metadata.name.endsWith(OWN_GROUPS);
}

function isOfGatewayApi({ metadata }: Resource): boolean {
  return metadata.name.endsWith(`.${GATEWAY_GROUP}`);
}

function installed({ metadata: { name, annotations = {} } }: Resource, lacking?: LackingKind): InstalledCrd {
  const version = annotations[BUNDLE_VERSION_ANNOTATION];
  const channel = annotations[CHANNEL_ANNOTATION];
  return {
    name,
    ...(version === undefined ? {} : { version }),
    ...(channel === undefined ? {} : { channel }),
    ...listed(
      'lacks',
      lacking?.fields.map((field) => `${lacking.kind} ${field}`),
    ),
    ...listed(
      'refuses',
      lacking?.values.map((value) => `${lacking.kind} ${value}`),
    ),
  };
}

function listed(name: 'lacks' | 'refuses', found: string[] = []): Partial<InstalledCrd> {
  return found.length === 0 ? {} : { [name]: found };
}

/** Of kinds that are not served and fields that are not kept, by key; those that are served and kept have none. */
export function unservedFindings(
  missing: ReadonlyArray<Kind>,
  crds: Iterable<InstalledCrd>,
  lacking: ReadonlyArray<LackingKind> = [],
): Map<string, Diagnostic> {
  const found = new Map<string, Diagnostic>();
  const all = [...crds];
  const gateway = missing.filter((kind) => KINDS[kind].group === GATEWAY_GROUP);
  const own = missing.filter((kind) => isOwn(kind));
  if (gateway.length > 0) found.set('gateway', said('warning', gatewayMessage(gateway, all)));
  if (own.length > 0) {
    const message = `${named(own)} not served by this cluster: apply the CRDs of Daemun's chart`;
    found.set('own', said('warning', message));
  }
  for (const one of lacking) {
    const finding = isOwn(one.kind) ? said('warning', ownDropped(one)) : dropped(one, all);
    found.set(`fields of ${one.kind}`, finding);
  }
  return found;
}

function isOwn(kind: Kind): boolean {
  return KINDS[kind].group.endsWith(OWN_GROUPS);
}

function dropped({ kind, ...lacking }: LackingKind, all: ReadonlyArray<InstalledCrd>): Diagnostic {
  const begins = (text: string | undefined): boolean => text?.startsWith(`${kind} `) === true;
  const crd = all.find(({ lacks, refuses }) => begins(lacks?.[0]) || begins(refuses?.[0]));
  const release = crd?.version === undefined ? '' : ` of Gateway API ${crd.version} (${crd.channel ?? 'no channel'})`;
  const way = crd?.channel === 'standard' ? ', or need the experimental channel' : '';
  const message =
    `the cluster's ${kind} CRD${release} ${doesTo(lacking)}: objects that are to use that need ` +
    `newer CRDs of the Gateway API${way}`;
  return { ...said('info', message), object: crd === undefined ? '' : `${OLDER_CRD}${crd.name}` };
}

function ownDropped({ kind, ...lacking }: LackingKind): string {
  const what = `the cluster's ${kind} CRD is older than this controller and ${doesTo(lacking)}`;
  return `${what}: apply the CRDs of Daemun's chart`;
}

function doesTo({ fields, values }: Omit<LackingKind, 'kind'>): string {
  const drops = fields.length === 0 ? [] : [`drops ${someOf(fields)} without a word`];
  const refuses = values.length === 0 ? [] : [`refuses ${someOf(values)}`];
  return [...drops, ...refuses].join(' and ');
}

/** Fields, and values of fields, that a message names. */
const NAMED_FIELDS = 6;

function someOf(fields: ReadonlyArray<string>): string {
  const more = fields.length - NAMED_FIELDS;
  const named = fields.slice(0, NAMED_FIELDS).join(', ');
  return more > 0 ? `${named} and ${more} more` : named;
}

function gatewayMessage(missing: ReadonlyArray<Kind>, crds: ReadonlyArray<InstalledCrd>): string {
  const [{ version, channel } = {}] = crds;
  const release = channel === undefined ? version : `${version} (${channel})`;
  const there = version === undefined ? '' : `, which has Gateway API ${release}`;
  return (
    `${named(missing)} not served by this cluster${there}: install the Gateway API's CRDs of v1.6 or later, or the ` +
    'experimental channel of what it has; until then the rest works'
  );
}

function named(kinds: ReadonlyArray<Kind>): string {
  const last = kinds.at(-1)!;
  return kinds.length === 1 ? `${last} is` : `${kinds.slice(0, -1).join(', ')} and ${last} are`;
}

function said(severity: 'warning' | 'info', message: string): Diagnostic {
  return { severity, file: '', line: 0, object: '', field: '', message };
}
