import type { FileSource, Source } from '../sources/index.ts';

/** Where resources come from. What only files have, such as lines and paths, other sources may go without. */
export type ResourceSource = Source & Partial<Pick<FileSource, 'onReload' | 'reload' | 'unreadable' | 'placeOf'>>;
