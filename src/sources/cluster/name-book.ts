/** Names of a cluster that are nearly the one that was written, as far as whoever wrote it may know of them. */
import { grantPath, grantsOf, KINDS, type Kind, type ReferenceGrant } from '../../api/index.ts';
import type { NamedObject } from '../../value/absence.ts';
import { nearest } from '../schema/index.ts';

/** Names of a namespace that are looked through for one like the missing one. */
const LOOKED_AT = 1000;
/** Milliseconds in which the names of a namespace are not looked for again: thousands may miss something of one. */
const NAMES_LIFE = 1000;

export interface KnownNames {
  /** Names in a namespace; `''`: of a kind without. */
  namesOf(kind: Kind, namespace: string): Iterable<string>;
  grants(): Iterable<ReferenceGrant>;
}

/** Who refers. */
export interface Origin {
  kind: Kind;
  namespace: string;
}

export class NameBook {
  readonly #known: KnownNames;
  /** By `Kind/namespace`, sorted. */
  readonly #names = new Map<string, readonly string[]>();
  #since = 0;

  constructor(known: KnownNames) {
    this.#known = known;
  }

  /** What was surely meant by the name of an object that is not there. */
  meant(from: Origin, { kind, namespace, name }: NamedObject): string | undefined {
    if (!Object.hasOwn(KINDS, kind)) return undefined;
    const to = { kind: kind as Kind, namespace };
    const isOpen = from.namespace === namespace || from.namespace === '' || namespace === '';
    const names = this.#namesIn(to);
    return nearest(name, isOpen ? names : names.filter(this.#granted(from, to)));
  }

  #namesIn({ kind, namespace }: Origin): readonly string[] {
    const now = performance.now();
    if (now - this.#since > NAMES_LIFE) {
      this.#names.clear();
      this.#since = now;
    }
    const place = `${kind}/${namespace}`;
    let names = this.#names.get(place);
    if (names === undefined) {
      const found: string[] = [];
      for (const one of this.#known.namesOf(kind, namespace)) if (found.push(one) === LOOKED_AT) break;
      this.#names.set(place, (names = found.sort()));
    }
    return names;
  }

  /** As references across namespaces are judged: nobody learns names there that he may not refer to. */
  #granted(from: Origin, to: Origin): (name: string) => boolean {
    const wanted = grantPath({ group: KINDS[from.kind].group, ...from }, { group: KINDS[to.kind].group, ...to });
    const names = new Set<string>();
    for (const grant of this.#known.grants()) {
      for (const { path, name } of grantsOf(grant)) {
        if (path !== wanted) continue;
        if (name === undefined) return () => true;
        names.add(name);
      }
    }
    return (name) => names.has(name);
  }
}
