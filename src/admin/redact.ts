/** The served config as outsiders may see it: everything but private keys. */
import type { ConfigObject, Snapshot } from '../config/index.ts';

export interface RedactedConfig {
  version: number;
  objects: ConfigObject[];
}

export const REDACTED = 'redacted';

export function redactedConfig(snapshot: Snapshot): RedactedConfig {
  return {
    version: snapshot.version,
    objects: Array.from(snapshot.objects(), (object) =>
      object.kind === 'Certificate' ? { ...object, privateKey: REDACTED } : object,
    ),
  };
}
