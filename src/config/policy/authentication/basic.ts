import * as v from 'valibot';
import { key, lineText, object, type Shape } from '../../shape.ts';

/** User and password (RFC 7617). */
export interface BasicMethod {
  type: 'Basic';
  name: string;
  /** Key of a Credential that is a list of users. */
  credential: string;
  realm: string;
  /** The backend gets the Authorization line, too. */
  forwards: boolean;
}

export const basicMethod: Shape<BasicMethod> = object<BasicMethod>({
  type: v.literal('Basic'),
  name: key,
  credential: key,
  realm: lineText,
  forwards: v.boolean(),
});
