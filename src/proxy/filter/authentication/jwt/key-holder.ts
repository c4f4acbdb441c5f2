/** Keys as a Credential says where they are: in itself, or where an issuer publishes them. */
import type {
  BackendKeySet,
  Credential,
  CredentialContent,
  KeySetText,
  RemoteKeySet,
} from '../../../../config/index.ts';
import { type KeySet, readKeySet } from '../../../../value/json-web-key.ts';
import { type KeyHolder, KeySource, type PolicyState } from '../../../state/index.ts';
import { namespaceOf } from '../credential-owner.ts';

/** By Credential: all methods that name it share what is made of it. */
const HOLDERS = new WeakMap<Credential, KeyHolder>();

/** Undefined: there is no such Credential. */
export function keyHolderOf(state: PolicyState, key: string): KeyHolder | undefined {
  const credential = state.credentials.get(key);
  if (credential === undefined) return undefined;
  let holder = HOLDERS.get(credential);
  if (holder === undefined) {
    const { content } = credential;
    if (content.type === 'KeySet') holder = new KeptKeys(content);
    else if (isFetched(content)) holder = sourceOf(state, content, namespaceOf(key));
    else return undefined;
    HOLDERS.set(credential, holder);
  }
  return holder;
}

/** Keys that are somewhere else, and come later. */
export function isFetched(content: CredentialContent): content is RemoteKeySet | BackendKeySet {
  return content.type === 'RemoteKeySet' || content.type === 'BackendKeySet';
}

class KeptKeys implements KeyHolder {
  readonly #keys: KeySet | null;

  constructor({ text, secrets }: KeySetText) {
    this.#keys = keysIn(text, secrets);
  }

  current(): KeySet | null {
    return this.#keys;
  }

  keys(): KeySet | null {
    return this.#keys;
  }

  newKeys(): KeySet | null {
    return this.#keys;
  }
}

function keysIn(text: string, secrets: boolean): KeySet | null {
  try {
    return readKeySet(text, secrets);
  } catch {
    return null;
  }
}

/** One for all policies of a namespace that say the same of it, and however often they are edited. */
function sourceOf(state: PolicyState, remote: RemoteKeySet | BackendKeySet, tenant: string): KeySource {
  const fetch = () => (remote.type === 'BackendKeySet' ? state.askBackend(remote) : state.fetch(remote, tenant));
  return state.keySources.of(tenant, JSON.stringify(remote), () => new KeySource(remote, fetch));
}
