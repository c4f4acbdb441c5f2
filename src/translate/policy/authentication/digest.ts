import { POLICY_REASON, type Secret } from '../../../api/index.ts';
import type { DigestUserList } from '../../../config/index.ts';
import { type Problem, problem } from '../../verdict/problem.ts';
import type { MethodReader } from './method.ts';
import { credentialKey, findSecret, plainText } from './secret.ts';

/** The key of a Secret of one file. */
const FILE = 'auth';
/** Hexadecimal digits of a hash by MD5, and by SHA-256. */
const ALGORITHMS: Readonly<Record<number, DigestUserList['users'][number]['algorithm']>> = { 32: 'MD5', 64: 'SHA-256' };

export const readDigest: MethodReader<'digest'> = ({ secretRef, realm, forwardCredential = true }, at) => {
  const field = `${at.field}.secretRef`;
  const secret = findSecret(secretRef, at, field);
  if ('reason' in secret) return secret;
  const read = usersOf(secret, realm, field);
  if ('reason' in read) return read;
  const credential = credentialKey(at);
  const content: DigestUserList = { type: 'DigestUsers', users: read.users };
  at.reading.credentials.push({ kind: 'Credential', key: credential, content });
  return { type: 'Digest', name: at.name, credential, realm: read.realm, forwards: forwardCredential };
};

/** Lines of `user:realm:hash`, as htdigest writes them. What is wrong is told by the line's number: a hash is as good as the password. */
function usersOf(
  { metadata, data = {} }: Secret,
  wanted: string | undefined,
  field: string,
): { realm: string; users: DigestUserList['users'] } | Problem {
  const where = `Secret ${metadata.namespace ?? ''}/${metadata.name}`;
  const unusable = (why: string): Problem => problem(POLICY_REASON.InvalidCredentialRef, field, `${where} ${why}`);
  const file = data[FILE];
  if (file === undefined)
    return unusable(`has no ${FILE}: lines of user:realm:hash are expected there, as htdigest writes them`);
  const byRealm = new Map<string, Map<string, DigestUserList['users'][number]>>();
  for (const [index, text] of plainText(file).split('\n').entries()) {
    const line = text.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, name, realm, hash] = /^([^:]+):([^:"\\]*):([0-9a-fA-F]+)$/.exec(line) ?? [];
    const algorithm = hash === undefined ? undefined : ALGORITHMS[hash.length];
    if (name === undefined || realm === undefined || hash === undefined || algorithm === undefined)
      return unusable(`has no user:realm:hash in line ${index + 1} of ${FILE}: write it with htdigest`);
    const users = byRealm.get(realm) ?? new Map();
    byRealm.set(realm, users);
    // Of a name that stands there twice the first line counts.
    const key = `${algorithm} ${name}`;
    if (!users.has(key)) users.set(key, { name, algorithm, hash: hash.toLowerCase() });
  }
  const realms = [...byRealm.keys()];
  if (realms.length === 0) return unusable('names no user');
  if (wanted === undefined && realms.length > 1)
    return unusable(`has users of several realms (${realms.join(', ')}): say which with realm`);
  const realm = wanted ?? realms[0]!;
  const users = byRealm.get(realm);
  if (users === undefined)
    return unusable(`has no user of realm "${realm}": those that it has are of ${realms.join(', ')}`);
  const without = ['MD5', 'SHA-256'].map(
    (one) => [...users.values()].find(({ name }) => !users.has(`${one} ${name}`))?.name,
  );
  if (without.every((name) => name !== undefined))
    return unusable(
      `has no algorithm that all users of realm "${realm}" have: ${without[0]} has no MD5, ${without[1]} no SHA-256; give each both, in two lines`,
    );
  return { realm, users: [...users.values()] };
}
