import * as v from 'valibot';
import { key, object, type Shape } from '../../shape.ts';
import { type CredentialPlace, credentialPlace } from './credential-place.ts';

/** Keys that were given to clients. */
export interface ApiKeyMethod {
  type: 'ApiKey';
  name: string;
  /** Key of a Credential that is a list of keys. */
  credential: string;
  from: CredentialPlace[];
  /** The backend gets the key, too. */
  forwards: boolean;
}

export const apiKeyMethod: Shape<ApiKeyMethod> = object<ApiKeyMethod>({
  type: v.literal('ApiKey'),
  name: key,
  credential: key,
  from: v.pipe(v.array(credentialPlace), v.minLength(1)),
  forwards: v.boolean(),
});
