/** Incremental collections: sources, and what is derived from them. Synchronous and deterministic. */
export type { Change, Collection } from './collection.ts';
export { type Context, type Derivation, type Derived, derive } from './derive.ts';
export { equal } from './equal.ts';
export { type Index, index } from './groups.ts';
export { counts, heads } from './heads.ts';
export { join } from './join.ts';
export { addKey, type KeySet, keysOf, removeKey } from './key-set.ts';
export { parts } from './parts.ts';
export { type CollectionView, type Scope, scope } from './scope.ts';
export { batch, batchInTurns, type Turns } from './settle.ts';
export { SourceCollection } from './source-collection.ts';
