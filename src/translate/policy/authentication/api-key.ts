import { createHash } from 'node:crypto';
import { type ApiKeyAuthentication, POLICY_REASON, type Secret } from '../../../api/index.ts';
import type { ApiKeyList, CredentialPlace } from '../../../config/index.ts';
import { selectorFault, selects } from '../../gateway/selector.ts';
import { labelPath } from '../../lookup.ts';
import { byAge } from '../../precedence.ts';
import { type Problem, problem } from '../../verdict/problem.ts';
import type { MethodReader, MethodReading } from './method.ts';
import { placesOf } from './place.ts';
import { credentialKey, findSecret } from './secret.ts';

/** Characters of the shortest key: a shorter one is found by trying. */
export const MIN_KEY_LENGTH: number = 8;
/** Secrets that one selector takes keys from, the oldest first. */
export const MAX_SELECTED_SECRETS: number = 1_000;
/** Faults of selected Secrets that are told in words; of the others it is told how many there are. */
const MAX_TOLD_FAULTS = 4;

const X_API_KEY: CredentialPlace = { in: 'Header', name: 'x-api-key' };

type Selector = NonNullable<ApiKeyAuthentication['secretSelector']>;

interface HeldKeys {
  keys: ApiKeyList['keys'];
  /** Whose a key is, by its hash. */
  holders: Map<string, string>;
}

/** Each value of a Secret is the key of the client that its name says. */
export const readApiKey: MethodReader<'apiKey'> = (
  { secretRefs = [], secretSelector, from, forwardCredential = true },
  at,
) => {
  const held: HeldKeys = { keys: [], holders: new Map() };
  for (const [index, reference] of secretRefs.entries()) {
    const field = `${at.field}.secretRefs[${index}]`;
    const secret = findSecret(reference, at, field);
    if ('reason' in secret) return secret;
    const fault = addKeys(secret, held);
    if (fault !== undefined) return problem(POLICY_REASON.InvalidCredentialRef, field, fault);
  }
  const unselected = secretSelector === undefined ? undefined : addSelected(secretSelector, at, held);
  if (unselected !== undefined) {
    // With no key at all nobody could come in: that is told to clients as what it is.
    if (held.keys.length === 0) return unselected;
    at.reading.unresolved.push(unselected);
  }
  const credential = credentialKey(at);
  at.reading.credentials.push({ kind: 'Credential', key: credential, content: { type: 'ApiKeys', keys: held.keys } });
  return { type: 'ApiKey', name: at.name, credential, from: placesOf(from, X_API_KEY), forwards: forwardCredential };
};

/**
 * Keys of all Secrets that are selected. Teams put theirs there without one another: a Secret that is wrong is told, lets
 * nobody in, and takes no other's keys away.
 */
function addSelected(selector: Selector, at: MethodReading, held: HeldKeys): Problem | undefined {
  const field = `${at.field}.secretSelector`;
  const wrong = selectorFault(selector);
  if (wrong !== undefined) {
    const fault = problem(POLICY_REASON.Invalid, `${field}.${wrong.field}`, wrong.message);
    at.reading.invalid.push(fault);
    return fault;
  }
  const found = selected(selector, at);
  const faults = found.slice(0, MAX_SELECTED_SECRETS).flatMap((secret) => addKeys(secret, held) ?? []);
  const more = faults.splice(MAX_TOLD_FAULTS).length;
  if (more > 0) faults.push(`and ${more} Secrets more of which no key counts`);
  const beyond = found.length - MAX_SELECTED_SECRETS;
  if (beyond > 0)
    faults.push(
      `selects ${found.length} Secrets: the ${beyond} that came last do not count, for ${MAX_SELECTED_SECRETS} may`,
    );
  if (found.length === 0) {
    const { namespace } = at.reading.name;
    faults.push(`selects no Secret in namespace ${namespace}: label one (of type Opaque) with ${shown(selector)}`);
  }
  return faults.length === 0 ? undefined : problem(POLICY_REASON.InvalidCredentialRef, field, faults.join('; '));
}

function selected(selector: Selector, { reading }: MethodReading): Secret[] {
  const { look, name } = reading;
  const [first] = Object.entries(selector.matchLabels);
  if (first === undefined) return [];
  const group = look.context.fetch(look.labelled, labelPath(name.namespace, first)) ?? [];
  const aged = ({ metadata }: Secret) => ({
    created: metadata.creationTimestamp ?? '',
    namespace: name.namespace,
    name: metadata.name,
  });
  return group
    .filter(({ metadata }) => selects(selector, metadata.labels ?? {}))
    .sort((a, b) => byAge(aged(a), aged(b)));
}

function shown({ matchLabels }: Selector): string {
  return Object.entries(matchLabels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** All keys of a Secret or, where it returns what is wrong, none. That is told by its client: what stands there is a secret. */
function addKeys({ metadata, data = {} }: Secret, { keys, holders }: HeldKeys): string | undefined {
  const where = `Secret ${metadata.namespace ?? ''}/${metadata.name}`;
  const entries = Object.entries(data);
  if (entries.length === 0) return `${where} holds no key: client: key is expected there`;
  const own = new Map<string, string>();
  for (const [client, value] of entries) {
    const key = Buffer.from(value, 'base64').toString('latin1').trim();
    if (key.length < MIN_KEY_LENGTH) return `${where}: ${client} has a key of less than ${MIN_KEY_LENGTH} characters`;
    const sha256 = createHash('sha256').update(key, 'utf8').digest('base64');
    const other = own.get(sha256) ?? holders.get(sha256);
    if (other !== undefined) return `${where}: ${client} has the key of ${other}: nobody could say who it is`;
    own.set(sha256, client);
  }
  for (const [sha256, client] of own) {
    holders.set(sha256, client);
    keys.push({ client, sha256 });
  }
  return undefined;
}
