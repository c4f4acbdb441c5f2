import type { ConfigMap } from './config-map.ts';
import type { Secret } from './secret.ts';

/** What a Secret or ConfigMap is used as: a certificate with its key, or certificates of authorities. */
export type CredentialRole = 'certificate' | 'authorities';

/** The last good form of a Secret or ConfigMap whose present form cannot be used, or that is gone. */
export interface Superseded {
  form: Secret | ConfigMap;
  /** RFC 3339: when the form that cannot be used took its place. */
  since: string;
  /** What is wrong with the present form. */
  why: string;
}

/** Key of a Superseded, by the key of the object. */
export function supersededKey(role: CredentialRole, object: string): string {
  return `${role} ${object}`;
}
