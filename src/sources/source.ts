import { type InstalledCrd, KINDS, type Kind, type ResourceByKind } from '../api/index.ts';
import { type Collection, SourceCollection } from '../graph/index.ts';
import type { Diagnostic } from './diagnostic.ts';

/** One collection per kind, of objects as an API server would store them, by `objectKey`. */
export type ResourceCollections = { readonly [K in Kind]: Collection<ResourceByKind[K]> };

/**
 * Where resources come from. What one look at the outside changed reaches the collections as one batch; where that would
 * be too long for a turn of the event loop, a cluster's as several, and what is gone last.
 */
export interface Source {
  readonly collections: ResourceCollections;
  /** What is wrong with the input now. */
  readonly diagnostics: Collection<Diagnostic>;
  /** The Gateway API's CRDs of a cluster; absent where there is none. */
  readonly installed?: Collection<InstalledCrd>;
  /** Fulfilled when the collections hold what was there at the start. */
  readonly ready: Promise<void>;
  /** What it is called where people look, such as `files`. */
  readonly name: string;
  /** When it last knew all of the outside; undefined before the first time. */
  readonly synced: Date | undefined;
  /** Stops looking. The collections stay as they are. */
  close(): Promise<void>;
}

/** The collections that a source fills. */
export type FilledCollections = { readonly [K in Kind]: SourceCollection<ResourceByKind[K]> };

export function emptyCollections(): FilledCollections {
  const entries = Object.keys(KINDS).map((kind) => [kind, new SourceCollection(kind)]);
  // Keys and values were made pairwise from the list of kinds.
  return Object.fromEntries(entries) as FilledCollections;
}
