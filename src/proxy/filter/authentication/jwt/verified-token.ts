import type { KeySet } from '../../../../value/json-web-key.ts';
import type { Identity } from '../../identity.ts';

/** A token that was found sound: by these keys of this Credential, until then. */
export interface VerifiedToken {
  readonly identity: Identity;
  readonly credential: string;
  readonly keys: KeySet;
  readonly until: number;
}
