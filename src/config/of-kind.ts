import type { ConfigKind, ConfigObject } from './object.ts';

export type OfKind<K extends ConfigKind> = Extract<ConfigObject, { kind: K }>;
