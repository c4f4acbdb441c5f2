/** User and password (RFC 7617). */
import { createHash } from 'node:crypto';
import type { BasicMethod, Credential } from '../../../config/index.ts';
import type { PolicyState } from '../../state/index.ts';
import type { Waiter } from '../../turns/index.ts';
import type { FilterScope } from '../filter.ts';
import { namespaceOf } from './credential-owner.ts';
import { type PlaceReader, placeReader } from './credential-place.ts';
import { challenged, type Finding, type Method, type Refusal, refusal } from './method.ts';
import { type PasswordVerdict, passwordMatches } from './password.ts';

const PLACE: PlaceReader = placeReader({ in: 'Header', name: 'authorization', scheme: 'basic' });

export function basicMethod(settings: BasicMethod, state: PolicyState): Method {
  return new Basic(settings, state);
}

const BUSY: Refusal = {
  ...refusal('wrong', 503, 'Too many passwords are looked at: ask again in a second.'),
  headers: [['Retry-After', '1']],
};

class Basic implements Method {
  readonly strip: Method['strip'];
  readonly places: readonly PlaceReader[] = [PLACE];
  readonly #credential: string;
  readonly #challenge: string;
  readonly #state: PolicyState;
  readonly #whose: Waiter;

  constructor({ credential, realm, forwards }: BasicMethod, state: PolicyState) {
    this.strip = forwards ? undefined : (scope) => PLACE.strip(scope);
    this.#credential = credential;
    this.#challenge = `Basic realm="${realm}"`;
    this.#state = state;
    this.#whose = { tenant: namespaceOf(credential), line: credential };
  }

  identify({ head }: FilterScope): Finding | Promise<Finding> {
    const users = usersOf(this.#state.credentials.get(this.#credential));
    if (users === undefined) return refusal('broken', 503, 'The users of this are not known.');
    const given = PLACE.read(head);
    if (given === undefined) return challenged('absent', this.#challenge, 'User and password are needed.');
    const pair = given === null ? undefined : pairOf(given);
    if (pair === undefined) return this.#wrong();
    const { user, password } = pair;
    const hash = users.hashes.get(user);
    // Whoever is not there takes as long as whoever is, so that nobody learns who is.
    const matches = passwordMatches({ hash: hash ?? standIn(users, user), password, whose: this.#whose }, this.#state);
    const found = (verdict: PasswordVerdict): Finding => {
      if (verdict === 'busy') return BUSY;
      return verdict && hash !== undefined ? { identity: { subject: user, claims: { sub: user } } } : this.#wrong();
    };
    return matches instanceof Promise ? matches.then(found) : found(matches);
  }

  /** Of whom there is; others are refused whatever they say. */
  takesSecret({ head }: FilterScope): boolean {
    const users = usersOf(this.#state.credentials.get(this.#credential));
    const given = PLACE.read(head);
    const pair = typeof given === 'string' ? pairOf(given) : undefined;
    return pair !== undefined && (users?.hashes.has(pair.user) ?? false);
  }

  #wrong(): Finding {
    return challenged('wrong', this.#challenge, 'User and password do not go together.');
  }
}

interface Users {
  hashes: ReadonlyMap<string, string>;
  /** What only who has the Secret can know. */
  seed: Buffer;
}

/** By Credential: all methods that name it, of all routes, share what is made of it. */
const LISTS = new WeakMap<Credential, Users>();

function usersOf(credential: Credential | undefined): Users | undefined {
  if (credential?.content.type !== 'Users') return undefined;
  let users = LISTS.get(credential);
  if (users === undefined) {
    const hashes = new Map(credential.content.users.map(({ name, hash }) => [name, hash]));
    users = {
      hashes,
      seed: createHash('sha256')
        .update([...hashes.values()].join())
        .digest(),
    };
    LISTS.set(credential, users);
  }
  return users.hashes.size === 0 ? undefined : users;
}

/** Of somebody's hash, for a name always the same: in a list of several forms no form, quick or slow, tells who is there. */
function standIn({ hashes, seed }: Users, user: string): string {
  const place = createHash('sha256').update(seed).update(user).digest().readUInt32BE() % hashes.size;
  return [...hashes.values()][place]!;
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function pairOf(given: string): { user: string; password: Buffer } | undefined {
  if (!BASE64.test(given)) return undefined;
  const bytes = Buffer.from(given, 'base64');
  const colon = bytes.indexOf(0x3a);
  if (colon < 0) return undefined;
  return { user: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) };
}
