/** What policies ask of a data plane that was started without it, and that is served all the same, with less. */
import type { Policy, Shortfall, Snapshot } from '../../config/index.ts';

const NO_DISK =
  'it has no disk for answers, and keeps them in memory alone: start it with --cache-path, or give the DaemunParameters of its Gateway a cache';

/** Of the policies of a config, which are looked at when they change. */
export class Shortfalls {
  readonly #hasDisk: boolean;
  #policies: ReadonlyMap<string, Policy> | undefined;
  #found: Shortfall[] = [];

  constructor({ cacheDisk }: { cacheDisk?: unknown }) {
    this.#hasDisk = cacheDisk !== undefined;
  }

  of(config: Snapshot): Shortfall[] {
    const policies = config.of('Policy');
    if (this.#hasDisk || this.#policies === policies) return this.#found;
    this.#policies = policies;
    const sources = new Set([...policies.values()].flatMap(diskless));
    this.#found = Array.from(sources, (policy) => ({ policy, message: NO_DISK }));
    return this.#found;
  }
}

/** Users' policies that ask for a disk. */
function diskless(policy: Policy): string[] {
  if (policy.type !== 'Cache') return [];
  return policy.spec.acts.filter(({ settings }) => settings?.maxDiskBytes !== undefined).map(({ source }) => source);
}
