import * as v from 'valibot';
import { key, object, type Shape } from '../../shape.ts';

/** Where in a request a token or key stands. */
export interface CredentialPlace {
  in: 'Header' | 'Cookie' | 'Query';
  /** Of the header (lower case), cookie or parameter. */
  name: string;
  /** Of a header: the scheme before it, such as `bearer` (lower case). */
  scheme?: string;
}

export const credentialPlace: Shape<CredentialPlace> = object<CredentialPlace>({
  in: v.picklist(['Header', 'Cookie', 'Query']),
  name: key,
  scheme: v.optional(key),
});
