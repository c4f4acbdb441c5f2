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

export type CredentialContent =
  | UserList
  | DigestUserList
  | ApiKeyList
  | KeySetText
  | RemoteKeySet
  | BackendKeySet
  | OidcClient
  | RevokedList;

export interface UserList {
  type: 'Users';
  /** `hash` as htpasswd writes it. */
  users: Array<{ name: string; hash: string }>;
}

export interface DigestUserList {
  type: 'DigestUsers';
  /** `hash` of `user:realm:password`, in hexadecimal digits. */
  users: Array<{ name: string; algorithm: 'MD5' | 'SHA-256'; hash: string }>;
}

export interface ApiKeyList {
  type: 'ApiKeys';
  /** SHA-256 of the key, base64. */
  keys: Array<{ client: string; sha256: string }>;
}

/** Public keys of an issuer as JSON (RFC 7517), or secrets that it shares with us. */
export interface KeySetText {
  type: 'KeySet';
  text: string;
  /** Symmetric keys may be among them. */
  secrets: boolean;
}

/** Public keys that an issuer publishes. */
export interface RemoteKeySet {
  type: 'RemoteKeySet';
  /** https. */
  url: string;
  /** PEM; absent: the machine's roots. */
  ca?: string;
  /** Milliseconds after which they are fetched again, and for which the last ones hold where that fails. */
  refresh: number;
  stale: number;
}

/** Public keys that a backend has. */
export interface BackendKeySet {
  type: 'BackendKeySet';
  /** Key of a Backend, whose connections are used. */
  backend: string;
  host: string;
  path: string;
  /** As of a RemoteKeySet. */
  refresh: number;
  stale: number;
}

/** What the gateway itself proves who it is with at a provider of OpenID Connect, and seals its cookies with. */
export interface OidcClient {
  type: 'OidcClient';
  /** Absent: the provider does not ask for one. */
  secret?: string;
  /** In the place of a secret: a private key (PEM), with its name at the provider. */
  key?: string;
  keyId?: string;
  /** The first seals, and all open. */
  cookieSecrets: string[];
  /** PEM; absent: the machine's roots. */
  ca?: string;
}

/** Certificates that an authority takes back: PEM, a block a list. */
export interface RevokedList {
  type: 'Revoked';
  lists: string[];
}

export const credentialShape: Shape<Credential> = object<Credential>({
  kind: v.literal('Credential'),
  key,
  content: v.variant('type', [
    object<UserList>({ type: v.literal('Users'), users: v.array(v.object({ name: v.string(), hash: key })) }),
    object<DigestUserList>({
      type: v.literal('DigestUsers'),
      users: v.array(
        v.object({
          name: key,
          algorithm: v.picklist(['MD5', 'SHA-256']),
          hash: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{32}|[0-9a-f]{64})$/)),
        }),
      ),
    }),
    object<ApiKeyList>({ type: v.literal('ApiKeys'), keys: v.array(v.object({ client: v.string(), sha256: key })) }),
    object<KeySetText>({ type: v.literal('KeySet'), text: v.string(), secrets: v.boolean() }),
    object<RemoteKeySet>({
      type: v.literal('RemoteKeySet'),
      url: v.pipe(v.string(), v.startsWith('https://')),
      ca: v.optional(key),
      refresh: v.pipe(v.number(), v.minValue(1)),
      stale: v.pipe(v.number(), v.minValue(0)),
    }),
    object<BackendKeySet>({
      type: v.literal('BackendKeySet'),
      backend: key,
      host: key,
      path: v.pipe(v.string(), v.startsWith('/')),
      refresh: v.pipe(v.number(), v.minValue(1)),
      stale: v.pipe(v.number(), v.minValue(0)),
    }),
    object<OidcClient>({
      type: v.literal('OidcClient'),
      secret: v.optional(key),
      key: v.optional(key),
      keyId: v.optional(key),
      cookieSecrets: v.pipe(v.array(key), v.minLength(1)),
      ca: v.optional(key),
    }),
    object<RevokedList>({ type: v.literal('Revoked'), lists: v.pipe(v.array(key), v.minLength(1)) }),
  ]),
});

/** How much there is, and nothing of it. */
export function shownCredential(content: CredentialContent): CredentialContent {
  switch (content.type) {
    case 'Users':
      return { ...content, users: content.users.map(({ name }) => ({ name, hash: 'redacted' })) };
    case 'DigestUsers':
      return { ...content, users: content.users.map((user) => ({ ...user, hash: 'redacted' })) };
    case 'ApiKeys':
      return { ...content, keys: content.keys.map(({ client }) => ({ client, sha256: 'redacted' })) };
    case 'KeySet':
      return content.secrets ? { ...content, text: 'redacted' } : content;
    case 'RemoteKeySet':
    case 'BackendKeySet':
    case 'Revoked':
      return content;
    case 'OidcClient':
      return {
        ...content,
        ...(content.secret !== undefined && { secret: 'redacted' }),
        ...(content.key !== undefined && { key: 'redacted' }),
        cookieSecrets: content.cookieSecrets.map(() => 'redacted'),
      };
  }
}
