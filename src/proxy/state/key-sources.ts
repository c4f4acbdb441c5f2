/** Keys that issuers publish, by namespace and by where and how: they outlive the policies that name them. */
import type { KeySource } from './key-source.ts';

/** In all; of more the oldest of the namespace that has most is forgotten, and asked again when it is needed. */
export const MAX_KEY_SOURCES: number = 1_000;

export class KeySources {
  readonly #byTenant = new Map<string, Map<string, KeySource>>();
  #size = 0;

  of(tenant: string, name: string, make: () => KeySource): KeySource {
    let own = this.#byTenant.get(tenant);
    if (own === undefined) this.#byTenant.set(tenant, (own = new Map()));
    let source = own.get(name);
    if (source === undefined) {
      own.set(name, (source = make()));
      if (++this.#size > MAX_KEY_SOURCES) this.#forget();
    }
    return source;
  }

  #forget(): void {
    let most: [string, Map<string, KeySource>] | undefined;
    for (const one of this.#byTenant) if (one[1].size > (most?.[1].size ?? 0)) most = one;
    const [tenant, sources] = most!;
    sources.delete(sources.keys().next().value!);
    this.#size--;
    if (sources.size === 0) this.#byTenant.delete(tenant);
  }
}
