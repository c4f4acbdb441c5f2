import { createHash } from 'node:crypto';
import { POLICY_REASON, type Secret } from '../../../api/index.ts';
import type { ApiKeyList, CredentialPlace } from '../../../config/index.ts';
import { problem } from '../../verdict/problem.ts';
import type { MethodReader } from './method.ts';
import { placesOf } from './place.ts';
import { credentialKey, findSecret } from './secret.ts';

/** Characters of the shortest key: a shorter one is found by trying. */
export const MIN_KEY_LENGTH: number = 8;

const X_API_KEY: CredentialPlace = { in: 'Header', name: 'x-api-key' };

/** Each value of a Secret is the key of the client that its name says. */
export const readApiKey: MethodReader<'apiKey'> = ({ secretRefs, from, forwardCredential = true }, at) => {
  const keys: ApiKeyList['keys'] = [];
  const holders = new Map<string, string>();
  for (const [index, reference] of secretRefs.entries()) {
    const field = `${at.field}.secretRefs[${index}]`;
    const secret = findSecret(reference, at, field);
    if ('reason' in secret) return secret;
    const fault = addKeys(secret, keys, holders);
    if (fault !== undefined) return problem(POLICY_REASON.InvalidCredentialRef, field, fault);
  }
  const credential = credentialKey(at);
  at.reading.credentials.push({ kind: 'Credential', key: credential, content: { type: 'ApiKeys', keys } });
  return { type: 'ApiKey', name: at.name, credential, from: placesOf(from, X_API_KEY), forwards: forwardCredential };
};

/** What is wrong with a key is told by its client: what stands there is a secret. */
function addKeys(
  { metadata, data = {} }: Secret,
  keys: ApiKeyList['keys'],
  holders: Map<string, string>,
): string | undefined {
  const where = `Secret ${metadata.namespace ?? ''}/${metadata.name}`;
  const entries = Object.entries(data);
  if (entries.length === 0) return `${where} holds no key: client: key is expected there`;
  for (const [client, value] of entries) {
    const key = Buffer.from(value, 'base64').toString('latin1').trim();
    if (key.length < MIN_KEY_LENGTH) return `${where}: ${client} has a key of less than ${MIN_KEY_LENGTH} characters`;
    const sha256 = createHash('sha256').update(key, 'utf8').digest('base64');
    const other = holders.get(sha256);
    if (other !== undefined) return `${where}: ${client} has the key of ${other}: nobody could say who it is`;
    holders.set(sha256, client);
    keys.push({ client, sha256 });
  }
  return undefined;
}
