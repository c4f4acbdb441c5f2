/**
 * What clients prove themselves with, as one place of one policy needs it: beside the policies and not in them, so that
 * a policy for many routes carries it once, and a Secret that rotates changes nothing else. Passwords and keys are here as
 * hashes only.
 */
import * as v from 'valibot';
import { key, object, type Shape } from './shape.ts';

/** Key: the policy's, and the place in it. */
export interface Credential {
  kind: 'Credential';
  key: string;
  content: CredentialContent;
}

export type CredentialContent = UserList;

export interface UserList {
  type: 'Users';
  /** `hash` as htpasswd writes it. */
  users: Array<{ name: string; hash: string }>;
}

export const credentialShape: Shape<Credential> = object<Credential>({
  kind: v.literal('Credential'),
  key,
  content: v.variant('type', [
    object<UserList>({ type: v.literal('Users'), users: v.array(v.object({ name: v.string(), hash: key })) }),
  ]),
});

/** How much there is, and nothing of it. */
export function shownCredential(content: CredentialContent): CredentialContent {
  switch (content.type) {
    case 'Users':
      return { ...content, users: content.users.map(({ name }) => ({ name, hash: 'redacted' })) };
  }
}
