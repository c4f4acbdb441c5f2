/**
 * User and password of HTTP's digest scheme (RFC 7616), for clients that have nothing better: MD5 and SHA-256, `qop=auth`. What a
 * client is asked to mix in is sealed with what the Secret holds, so that any worker and replica takes it.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Credential, DigestMethod, DigestUserList } from '../../../config/index.ts';
import { readBase64url } from '../../../value/base64url.ts';
import type { Head } from '../../ground/head.ts';
import { normalEscapes } from '../../ground/path-form.ts';
import type { PolicyState } from '../../state/index.ts';
import type { FilterScope } from '../filter.ts';
import { policyOf } from './credential-owner.ts';
import { type PlaceReader, placeReader } from './credential-place.ts';
import { readParameters } from './digest-parameters.ts';
import { type Finding, type Method, type Refusal, refusal } from './method.ts';

/** Milliseconds for which one nonce is good; clients are given the next one without asking anybody. */
export const NONCE_TIME: number = 300_000;

type Algorithm = DigestUserList['users'][number]['algorithm'];
const HASHES: Readonly<Record<Algorithm, string>> = { MD5: 'md5', 'SHA-256': 'sha256' };
/** As they are offered: clients take the first that they know. */
const OFFERED: readonly Algorithm[] = ['SHA-256', 'MD5'];

const PLACE: PlaceReader = placeReader({ in: 'Header', name: 'authorization', scheme: 'digest' });
const MESSAGES = {
  absent: 'User and password are needed.',
  wrong: 'User and password do not go together.',
  stale: 'Say it again with the new nonce.',
} as const;
const BROKEN = refusal('broken', 503, 'The users of this are not known.');

export function digestMethod(settings: DigestMethod, state: PolicyState): Method {
  return new Digest(settings, state);
}

class Digest implements Method {
  readonly strip: Method['strip'];
  readonly places: readonly PlaceReader[] = [PLACE];
  readonly #credential: string;
  readonly #realm: string;
  readonly #state: PolicyState;
  /** Whose the marks of its nonces are. */
  readonly #owner: number;

  constructor({ name, credential, realm, forwards }: DigestMethod, state: PolicyState) {
    this.strip = forwards ? undefined : (scope) => PLACE.strip(scope);
    this.#credential = credential;
    this.#realm = realm;
    this.#state = state;
    this.#owner = state.markOwners.of(policyOf(credential), name);
  }

  identify({ head }: FilterScope): Finding {
    const users = usersOf(this.#state.credentials.get(this.#credential));
    if (users === undefined) return BROKEN;
    const given = PLACE.read(head);
    if (given === undefined) return this.#asked(users, 'absent');
    const said = given === null ? undefined : readParameters(given);
    const user = said === undefined ? undefined : this.#prover(said, users, head);
    if (said === undefined || user === undefined) return this.#asked(users, 'wrong');
    const age = users.nonces.ageOf(said.nonce!);
    // Who knows the password is told so: clients then ask nobody, and try again.
    const fresh = age <= NONCE_TIME && this.#isFirst(`${said.nonce} ${said.nc}`, NONCE_TIME - age);
    if (!fresh) return this.#asked(users, 'stale');
    return { identity: { subject: user, claims: { sub: user } } };
  }

  takesSecret({ head }: FilterScope): boolean {
    const given = PLACE.read(head);
    return typeof given === 'string' && readParameters(given)?.response !== undefined;
  }

  /** The first time that this is said, of all workers. */
  #isFirst(said: string, time: number): boolean {
    const { marks } = this.#state;
    const bytes = createHash('sha256').update(said).digest();
    const [a, b] = [bytes.readUInt32LE(0) || 1, bytes.readUInt32LE(4) || 1];
    const now = Number(process.hrtime.bigint()) / 1e6;
    if (marks.debt(a, b, now) > 0) return false;
    marks.charge(a, b, { now, cost: Math.max(1, time), owner: this.#owner });
    return true;
  }

  /** Who proves to know the password; undefined: nobody. */
  #prover(said: Parameters, users: Users, head: Head): string | undefined {
    const { username: name, realm, nonce, uri, qop, nc, cnonce, response, algorithm = 'MD5' } = said;
    if (name === undefined || nonce === undefined || uri === undefined || response === undefined) return undefined;
    if (realm !== this.#realm || qop !== 'auth' || cnonce === undefined || !/^[0-9a-f]{8}$/i.test(nc ?? ''))
      return undefined;
    const known = OFFERED.find((one) => one.toLowerCase() === algorithm.toLowerCase());
    if (known === undefined || !users.nonces.isOurs(nonce) || !isTarget(uri, head)) return undefined;
    const hash = (text: string): string => createHash(HASHES[known]).update(text, 'latin1').digest('hex');
    // Whoever is not there takes as long as whoever is.
    const own = users.hashes.get(`${known} ${name}`);
    const expected = hash(
      `${own ?? users.nonces.standIn(name)}:${nonce}:${nc}:${cnonce}:auth:${hash(`${head.method()}:${uri}`)}`,
    );
    return isSame(expected, response.toLowerCase()) && own !== undefined
      ? Buffer.from(name, 'latin1').toString()
      : undefined;
  }

  #asked({ nonces, algorithms }: Users, why: 'absent' | 'wrong' | 'stale'): Refusal {
    const nonce = nonces.next();
    const end = why === 'stale' ? ', stale=true' : '';
    const challenge = algorithms.map(
      (algorithm) => `Digest realm="${this.#realm}", qop="auth", algorithm=${algorithm}, nonce="${nonce}"${end}`,
    );
    return { why: why === 'absent' ? why : 'wrong', status: 401, message: MESSAGES[why], challenge };
  }
}

type Parameters = NonNullable<ReturnType<typeof readParameters>>;

/** It is about this request: a proof for another one proves nothing. Paths are the same in whatever form they are written. */
function isTarget(uri: string, head: Head): boolean {
  const target = uri.replace(/^https?:\/\/[^/?#]*/i, '') || '/';
  const question = target.indexOf('?');
  const [path, query] = question < 0 ? [target, ''] : [target.slice(0, question), target.slice(question + 1)];
  return query === head.query() && (path === head.path() || normalEscapes(path) === head.path());
}

/** What clients mix in: a time, and a seal by which all who have the Secret know it. */
class Nonces {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  next(): string {
    const plain = Buffer.alloc(16);
    plain.writeDoubleBE(Date.now());
    randomBytes(8).copy(plain, 8);
    return Buffer.concat([plain, this.#seal(plain)]).toString('base64url');
  }

  isOurs(nonce: string): boolean {
    const bytes = readBase64url(nonce);
    return bytes?.length === 32 && timingSafeEqual(bytes.subarray(16), this.#seal(bytes.subarray(0, 16)));
  }

  /** Milliseconds; of one that is ours. */
  ageOf(nonce: string): number {
    return Date.now() - Buffer.from(nonce, 'base64url').readDoubleBE();
  }

  /** In the place of the hash of somebody who is not there. */
  standIn(name: string): string {
    return createHmac('sha256', this.#key).update(name).digest('hex');
  }

  #seal(plain: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(plain).digest().subarray(0, 16);
  }
}

interface Users {
  /** By algorithm and name, as bytes. */
  hashes: ReadonlyMap<string, string>;
  algorithms: readonly Algorithm[];
  nonces: Nonces;
}

/** By Credential: all methods that name it, of all routes, share what is made of it. */
const LISTS = new WeakMap<Credential, Users>();

function usersOf(credential: Credential | undefined): Users | undefined {
  if (credential?.content.type !== 'DigestUsers') return undefined;
  let users = LISTS.get(credential);
  if (users === undefined) {
    const all = credential.content.users;
    const seed = createHash('sha256').update('daemun digest nonce');
    for (const { name, algorithm, hash } of all) seed.update(`${algorithm}:${name}:${hash}\n`);
    users = {
      hashes: new Map(
        all.map(({ name, algorithm, hash }) => [`${algorithm} ${Buffer.from(name).latin1Slice()}`, hash]),
      ),
      algorithms: OFFERED.filter((one) => isOfAll(all, one)),
      nonces: new Nonces(seed.digest()),
    };
    LISTS.set(credential, users);
  }
  return users.hashes.size === 0 ? undefined : users;
}

/** Clients take the first that they know: whoever has no hash by it would not come in. */
function isOfAll(users: DigestUserList['users'], algorithm: Algorithm): boolean {
  const having = new Set(users.filter((one) => one.algorithm === algorithm).map(({ name }) => name));
  return users.every(({ name }) => having.has(name));
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
