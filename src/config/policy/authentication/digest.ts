import * as v from 'valibot';
import { key, lineText, object, type Shape } from '../../shape.ts';

/** User and password that are not sent (RFC 7616). */
export interface DigestMethod {
  type: 'Digest';
  name: string;
  /** Key of a Credential that is a list of users of this realm. */
  credential: string;
  realm: string;
  /** The backend gets the Authorization line, too. */
  forwards: boolean;
}

export const digestMethod: Shape<DigestMethod> = object<DigestMethod>({
  type: v.literal('Digest'),
  name: key,
  credential: key,
  realm: lineText,
  forwards: v.boolean(),
});
