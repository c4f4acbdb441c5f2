/** The Gateway API's CRDs as a cluster has them, and what is to be said of what it does not have. */
import {
  BUNDLE_VERSION_ANNOTATION,
  CHANNEL_ANNOTATION,
  GATEWAY_GROUP,
  type InstalledCrd,
  KINDS,
  type Kind,
  type Resource,
} from '../../api/index.ts';
import { SourceCollection } from '../../graph/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
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
/** Answers of a cluster that will not show its CRDs. It is served all the same. */
const DENIED: readonly number[] = [401, 403, 404];

/** Followed as metadata: their schemas are large, and the API server has done their work. */
export class InstalledCrds {
  /** By name. Empty where they may not be read. */
  readonly collection = new SourceCollection<InstalledCrd>('installed CRDs');
  /** Fulfilled when they are read, or may not be. */
  readonly settled: Promise<void>;
  readonly #watch: ListWatch;

  constructor({ client, times, changed, trouble }: InstalledCrdsOptions) {
    const { promise: denied, resolve: giveUp } = Promise.withResolvers<void>();
    this.#watch = new ListWatch({
      client,
      path: PATH,
      metadataOnly: true,
      ...(times ? { times } : {}),
      events: {
        replace: (objects) => {
          this.#replace(objects.filter(isOfGatewayApi));
          changed();
        },
        change: (changes) => {
          const own = changes.filter(({ object }) => isOfGatewayApi(object));
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
    this.settled = Promise.race([this.#watch.synced, denied]);
  }

  close(): Promise<void> {
    return this.#watch.close();
  }

  #replace(objects: Resource[]): void {
    const now = new Set(objects.map(({ metadata }) => metadata.name));
    const gone = Array.from(this.collection.entries(), ([name]) => name).filter((name) => !now.has(name));
    this.#apply([
      ...objects.map((value) => ({ key: value.metadata.name, value })),
      ...gone.map((key) => ({ key, value: undefined })),
    ]);
  }

  #apply(changes: Array<{ key: string; value: Resource | undefined }>): void {
    this.collection.apply(
      changes.map(({ key, value }) => (value === undefined ? { key } : { key, value: installed(value) })),
    );
  }
}

function isOfGatewayApi({ metadata }: Resource): boolean {
  return metadata.name.endsWith(`.${GATEWAY_GROUP}`);
}

function installed({ metadata: { name, annotations = {} } }: Resource): InstalledCrd {
  const version = annotations[BUNDLE_VERSION_ANNOTATION];
  const channel = annotations[CHANNEL_ANNOTATION];
  return { name, ...(version === undefined ? {} : { version }), ...(channel === undefined ? {} : { channel }) };
}

/** Of kinds that are not served and fields that are not kept, by key; those that are served and kept have none. */
export function unservedFindings(
  missing: ReadonlyArray<Kind>,
  crds: Iterable<InstalledCrd>,
): Map<'gateway' | 'own' | 'retry', Diagnostic> {
  const found = new Map<'gateway' | 'own' | 'retry', Diagnostic>();
  const all = [...crds];
  const gateway = missing.filter((kind) => KINDS[kind].group === GATEWAY_GROUP);
  const own = missing.filter((kind) => KINDS[kind].group.endsWith('.daemun.dev'));
  if (gateway.length > 0) found.set('gateway', said('warning', gatewayMessage(gateway, all)));
  if (own.length > 0) {
    const message = `${named(own)} not served by this cluster: apply the CRDs of Daemun's chart`;
    found.set('own', said('warning', message));
  }
  const routes = all.find(({ name }) => name === `httproutes.${GATEWAY_GROUP}`);
  if (routes?.channel === 'standard') found.set('retry', said('info', RETRY_DROPPED));
  return found;
}

const RETRY_DROPPED =
  "the cluster's HTTPRoute CRD is of the standard channel, which drops spec.rules[].retry without a word: routes that " +
  'are to retry need the experimental channel';

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
