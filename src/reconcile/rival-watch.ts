/**
 * Other installations in the cluster that take the same classes for theirs. Each has a Lease of its own and writes, over what
 * the other wrote. One is known by its Lease, which says whom it is of, and is there for as long as it renews that: replicas,
 * restarts and updates of one installation share a Lease, and one that has gone renews none.
 */
import { type ApiClient, ApiError } from '../sources/cluster/index.ts';

/** On Leases by which it is decided who writes to the cluster. */
export const LEASE_LABEL = 'daemun.dev/writes';
const LEASE_LABEL_VALUE = 'statuses';
const NAMES = 'daemun.dev/controller-names';
const NAMESPACES = 'daemun.dev/namespaces';

/** Milliseconds between looks: one that has not renewed its Lease in between writes nothing. */
export const RIVAL_LOOK = 30_000;
/** Leases that are looked at. */
export const MAX_INSTALLATIONS = 500;
/** Milliseconds: of Leases that are looked at once, one that is older than the newest by more is nobody's any more. */
const RIVAL_AGE = 60_000;

export interface Installation {
  /** `namespace/name` of its Lease. */
  lease: string;
  controllerNames: string[];
  /** Absent: all. */
  namespaces?: string[];
}

/** What a Lease says of the installation that it is of. */
export function leaseMarks({ controllerNames, namespaces }: Omit<Installation, 'lease'>): LeaseMarks {
  const annotations: Record<string, string> = { [NAMES]: controllerNames.join(',') };
  if (namespaces !== undefined) annotations[NAMESPACES] = namespaces.join(',');
  return { labels: { [LEASE_LABEL]: LEASE_LABEL_VALUE }, annotations };
}

export interface LeaseMarks {
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

interface LeaseView {
  metadata: { namespace: string; name: string; annotations?: Record<string, string> };
  spec?: { holderIdentity?: string; renewTime?: string };
}

export interface Seen extends Installation {
  /** Another each time that it is renewed. */
  mark: string;
  renewed: number;
}

/** Installations that somebody leads, or led until lately. */
export async function installations(client: ApiClient): Promise<Seen[]> {
  const query = { labelSelector: `${LEASE_LABEL}=${LEASE_LABEL_VALUE}`, limit: MAX_INSTALLATIONS };
  const path = '/apis/coordination.k8s.io/v1/leases';
  const { items = [] } = await client.call<{ items?: LeaseView[] }>({ path, query });
  return items.flatMap(({ metadata: { namespace, name, annotations = {} }, spec = {} }) => {
    const { holderIdentity = '', renewTime = '' } = spec;
    const controllerNames = listed(annotations[NAMES]);
    if (holderIdentity === '' || controllerNames.length === 0) return [];
    const namespaces = annotations[NAMESPACES] === undefined ? {} : { namespaces: listed(annotations[NAMESPACES]) };
    const mark = `${holderIdentity} ${renewTime}`;
    return [
      { lease: `${namespace}/${name}`, controllerNames, ...namespaces, mark, renewed: Date.parse(renewTime) || 0 },
    ];
  });
}

function listed(text = ''): string[] {
  return text.split(',').filter((one) => one !== '');
}

/** Names of controllers that both have, where they read the same namespaces. */
export function sharedNames(a: Omit<Installation, 'lease'>, b: Omit<Installation, 'lease'>): string[] {
  const isApart = a.namespaces !== undefined && b.namespaces?.every((one) => !a.namespaces!.includes(one)) === true;
  return isApart ? [] : a.controllerNames.filter((name) => b.controllerNames.includes(name));
}

/** Of one look: pairs of installations that are there and share names, each told once. */
export function rivalries(seen: ReadonlyArray<Seen>, controllerNames: readonly string[]): string[] {
  const newest = Math.max(...seen.map(({ renewed }) => renewed));
  const alive = seen.filter(({ renewed }) => newest - renewed < RIVAL_AGE);
  return alive.flatMap((one, at) =>
    alive.slice(at + 1).flatMap((other) => {
      const names = sharedNames(one, other).filter((name) => controllerNames.includes(name));
      return names.length === 0 ? [] : [`the installations of Leases ${one.lease} and ${other.lease} ${both(names)}`];
    }),
  );
}

function both(names: readonly string[]): string {
  return `both take classes of ${names.join(', ')} for theirs and write over each other: ${WAY_OUT}`;
}

const WAY_OUT =
  'remove one of them, or give it a name of its own with --controller-name (controller.names of the chart) and its GatewayClass that name';

/** What is to be said of one, to whom it is a rival of. */
export function rivalMessage(rival: Installation, names: readonly string[]): string {
  return `the installation of Lease ${rival.lease} and this one ${both(names)}`;
}

export interface RivalWatchOptions {
  client: ApiClient;
  own: Installation;
  /** Those that are there now, with the names that both have; called where that changes. */
  onChange(rivals: ReadonlyMap<string, string[]>): void;
  /** It cannot be told. */
  onFault(error: Error): void;
  /** Milliseconds; absent: as above. */
  look?: number;
}

export class RivalWatch {
  readonly #options: RivalWatchOptions;
  #marks = new Map<string, string>();
  #told = '';
  #timer: NodeJS.Timeout | undefined;
  #round = 0;

  constructor(options: RivalWatchOptions) {
    this.#options = options;
  }

  /** Whoever does not write is in nobody's way. */
  lead(leading: boolean): void {
    clearTimeout(this.#timer);
    this.#round++;
    this.#marks.clear();
    this.#tell(new Map());
    if (leading) void this.#again(this.#round);
  }

  async #again(round: number): Promise<void> {
    const { client, look = RIVAL_LOOK, onFault } = this.#options;
    let pause = look;
    try {
      const seen = await installations(client);
      if (round !== this.#round) return;
      this.#take(seen);
    } catch (error) {
      if (round !== this.#round) return;
      onFault(error instanceof Error ? error : new Error(String(error)));
      // A right that is missing comes with an update, if at all.
      if (error instanceof ApiError && error.status === 403) pause = 10 * look;
    }
    this.#timer = setTimeout(() => void this.#again(round), pause).unref();
  }

  #take(seen: readonly Seen[]): void {
    const { own } = this.#options;
    const found = new Map<string, string[]>();
    const marks = new Map<string, string>();
    for (const one of seen) {
      if (one.lease === own.lease) continue;
      const names = sharedNames(own, one);
      if (names.length === 0) continue;
      marks.set(one.lease, one.mark);
      const before = this.#marks.get(one.lease);
      if (before !== undefined && before !== one.mark) found.set(one.lease, names);
    }
    this.#marks = marks;
    this.#tell(found);
  }

  #tell(found: ReadonlyMap<string, string[]>): void {
    const text = JSON.stringify([...found]);
    if (text === this.#told || (found.size === 0 && this.#told === '')) return;
    this.#told = found.size === 0 ? '' : text;
    this.#options.onChange(found);
  }
}
