/** The served config as outsiders may see it. */
import type { ConfigObject, Snapshot } from '../config/index.ts';

export interface RedactedConfig {
  version: number;
  objects: ConfigObject[];
}

export function redactedConfig(snapshot: Snapshot): RedactedConfig {
  return { version: snapshot.version, objects: snapshot.shown() };
}
