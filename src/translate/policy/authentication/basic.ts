import { type BasicAuthentication, POLICY_REASON, type Secret } from '../../../api/index.ts';
import type { UserList } from '../../../config/index.ts';
import { passwordHashFault } from '../../../value/password-hash.ts';
import { type Problem, problem } from '../../verdict/problem.ts';
import type { MethodReader } from './method.ts';
import { credentialKey, findSecret, plainText } from './secret.ts';

/** The key of a Secret of one file. */
const FILE = 'auth';

export const readBasic: MethodReader<'basic'> = (settings, at) => {
  const { secretRef, realm = '', forwardCredential = true } = settings;
  const field = `${at.field}.secretRef`;
  const secret = findSecret(secretRef, at, field);
  if ('reason' in secret) return secret;
  const users = usersOf(secret, settings, field);
  if ('reason' in users) return users;
  const known = users.filter(({ name, hash }) => {
    const fault = passwordHashFault(hash);
    if (fault === undefined) return true;
    // The others come in all the same.
    const where = `Secret ${secret.metadata.namespace ?? ''}/${secret.metadata.name}`;
    at.reading.unresolved.push(problem(POLICY_REASON.InvalidCredentialRef, field, `${where}: user ${name} ${fault}`));
    return false;
  });
  const credential = credentialKey(at);
  at.reading.credentials.push({ kind: 'Credential', key: credential, content: { type: 'Users', users: known } });
  return { type: 'Basic', name: at.name, credential, realm, forwards: forwardCredential };
};

type Users = UserList['users'];

/** What is wrong with a line is told by its number: what it holds may be a password. */
function usersOf({ metadata, data = {} }: Secret, { format }: BasicAuthentication, field: string): Users | Problem {
  const where = `Secret ${metadata.namespace ?? ''}/${metadata.name}`;
  const unusable = (why: string): Problem => problem(POLICY_REASON.InvalidCredentialRef, field, `${where} ${why}`);
  const users = new Map<string, string>();
  if (format === 'AuthMap') {
    for (const [name, value] of Object.entries(data)) {
      const hash = plainText(value).trim();
      if (hash === '') return unusable(`has nothing under ${name}: a hash as htpasswd writes it is expected there`);
      users.set(name, hash);
    }
  } else {
    const file = data[FILE];
    if (file === undefined)
      return unusable(`has no ${FILE}: lines of user:hash are expected there, as htpasswd writes them`);
    for (const [at, text] of plainText(file).split('\n').entries()) {
      const line = text.trim();
      if (line === '' || line.startsWith('#')) continue;
      const colon = line.indexOf(':');
      const hash = line.slice(colon + 1).split(':', 1)[0]!;
      if (colon < 1 || hash === '') return unusable(`has no user:hash in line ${at + 1} of ${FILE}`);
      const name = line.slice(0, colon);
      // Of a name that stands there twice the first line counts, as for nginx.
      if (!users.has(name)) users.set(name, hash);
    }
  }
  if (users.size === 0) return unusable('names no user');
  return Array.from(users, ([name, hash]) => ({ name, hash }));
}
