import { type ConfigObject, type Delivery, refKey } from '../config/index.ts';
import type { Collection, Context, derive } from '../graph/index.ts';
import type { Inputs, TranslateOptions } from './inputs.ts';
import type { Lookup } from './lookup.ts';

/** What every stage of the translation is built with. */
export interface Graph {
  inputs: Inputs;
  options: TranslateOptions;
  /** `derive`, counted. */
  derive: typeof derive;
  look(context: Context): Lookup;
  /** As in Lookup. */
  rejections: Collection<Delivery>;
}

/** A config object as an output of a derivation. */
export function configOutput(object: ConfigObject): readonly [string, ConfigObject] {
  return [refKey(object), object];
}

/** A lone output under the input's own key, or none. */
export function one<V>(key: string, value: V | undefined): Array<readonly [string, V]> {
  return value === undefined ? [] : [[key, value]];
}
