/** What is made while a scope is open belongs to it, and can be shown and closed as one. */
export interface Scope<T> {
  readonly made: T;
  /** Every collection of the scope and the sources that these read, in the order in which they settle. */
  views(): CollectionView[];
  /** Ends all of them: they follow no change any more and hold nothing. Nothing outside may still read one of them. */
  close(): void;
}

/** One collection, for people who look for the cause of a result or of a cost. */
export interface CollectionView {
  name: string;
  kind: CollectionKind;
  /** Objects held. */
  size: number;
  /** How often its derivation ran; undefined where it has none. */
  runs?: number;
  /** Names of the collections whose every change it takes in. */
  inputs: string[];
  /** What else its derivation reads, and how many keys of it; `all`: some run reads the whole collection. */
  reads: CollectionRead[];
}

export interface CollectionRead {
  collection: string;
  keys: number | 'all';
}

export type CollectionKind = 'source' | 'derived' | 'index' | 'join';

/** A collection as its scope sees it. */
interface Member {
  readonly order: number;
  /** Those that it follows. */
  sources(): Iterable<Member>;
  view(): CollectionView;
  close(): void;
}

let current: Set<Member> | undefined;

/** Takes in a node that is being made. */
export function enlist(node: Member): void {
  current?.add(node);
}

export function scope<T>(make: () => T): Scope<T> {
  const outer = current;
  const nodes = new Set<Member>();
  current = nodes;
  try {
    const made = make();
    // What belongs to the inner one belongs to the outer one, too.
    for (const node of nodes) outer?.add(node);
    return { made, views: () => views(nodes), close: () => closeAll(nodes) };
  } catch (error) {
    closeAll(nodes);
    throw error;
  } finally {
    current = outer;
  }
}

function closeAll(nodes: Set<Member>): void {
  // Whatever reads a node was made after it.
  for (const node of Array.from(nodes).sort((a, b) => b.order - a.order)) node.close();
  nodes.clear();
}

function views(nodes: ReadonlySet<Member>): CollectionView[] {
  const all = new Set(nodes);
  for (const node of nodes) for (const read of node.sources()) all.add(read);
  return Array.from(all)
    .sort((a, b) => a.order - b.order)
    .map((node) => node.view());
}
