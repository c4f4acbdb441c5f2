/** Keys that were given to clients: whoever brings one is whom it was given to. */
import { hash } from 'node:crypto';
import type { ApiKeyMethod, Credential } from '../../../config/index.ts';
import { type PolicyState, VerifiedCache } from '../../state/index.ts';
import type { FilterScope } from '../filter.ts';
import type { Identity } from '../identity.ts';
import { firstFound, type PlaceReader, parametersOf, placeReader, stripOf } from './credential-place.ts';
import { challenged, type Finding, type Method, type Refusal, refusal } from './method.ts';

export function apiKeyMethod(settings: ApiKeyMethod, state: PolicyState): Method {
  return new ApiKey(settings, state);
}

const ABSENT: Refusal = challenged('absent', 'ApiKey', 'A key is needed.');
const WRONG: Refusal = challenged('wrong', 'ApiKey', 'The key is not known.');
const BROKEN: Refusal = refusal('broken', 503, 'The keys of this are not known.');

class ApiKey implements Method {
  readonly strip: Method['strip'];
  readonly secrets: readonly string[];
  readonly #credential: string;
  readonly places: readonly PlaceReader[];
  readonly #state: PolicyState;

  constructor({ credential, from, forwards }: ApiKeyMethod, state: PolicyState) {
    const places = from.map(placeReader);
    this.#credential = credential;
    this.places = places;
    this.secrets = parametersOf(from);
    this.#state = state;
    this.strip = stripOf(places, forwards);
  }

  identify({ head }: FilterScope): Finding {
    const holders = holdersOf(this.#state.credentials.get(this.#credential));
    if (holders === undefined) return BROKEN;
    const given = firstFound(this.places, head);
    if (given === undefined) return ABSENT;
    if (given === null) return WRONG;
    let found = holders.seen.get(given);
    if (found === undefined) {
      // Looked up by its hash: how long that takes says nothing of the keys that there are.
      found = holders.byHash.get(hash('sha256', given, 'base64'));
      if (found === undefined) return WRONG;
      holders.seen.set(given, found);
    }
    return found;
  }

  takesSecret({ head }: FilterScope): boolean {
    return typeof firstFound(this.places, head) === 'string';
  }
}

type Holder = Finding & { identity: Identity };

/** Bytes of keys that came in lately, so that they need not be hashed again. */
const SEEN_BYTES = 512 * 1024;

interface Holders {
  readonly byHash: ReadonlyMap<string, Holder>;
  readonly seen: VerifiedCache<Holder>;
}

/** By Credential: all methods that name it, of all routes, share what is made of it. */
const LISTS = new WeakMap<Credential, Holders>();

function holdersOf(credential: Credential | undefined): Holders | undefined {
  if (credential?.content.type !== 'ApiKeys') return undefined;
  let holders = LISTS.get(credential);
  if (holders === undefined) {
    const { keys } = credential.content;
    const byHash = new Map(
      keys.map(({ sha256, client }) => [sha256, { identity: { subject: client, claims: { sub: client } } }]),
    );
    holders = { byHash, seen: new VerifiedCache(SEEN_BYTES) };
    LISTS.set(credential, holders);
  }
  return holders.byHash.size === 0 ? undefined : holders;
}
