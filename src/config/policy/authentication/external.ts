import * as v from 'valibot';
import { type ExternalAuth, externalAuthFields, shownExternalAuth } from '../../external-auth.ts';
import { key, object, type Shape } from '../../shape.ts';

/** A service says whether a request may pass, and who asks. */
export interface ExternalMethod {
  type: 'External';
  name: string;
  auth: ExternalAuth;
  /** Line of its answer that names who asks, lower case; absent: nobody is named. */
  subject?: string;
}

export const externalMethod: Shape<ExternalMethod> = object<ExternalMethod>({
  type: v.literal('External'),
  name: key,
  auth: object<ExternalAuth>(externalAuthFields),
  subject: v.optional(key),
});

export function shownExternal(method: ExternalMethod): ExternalMethod {
  return { ...method, auth: shownExternalAuth(method.auth) };
}
