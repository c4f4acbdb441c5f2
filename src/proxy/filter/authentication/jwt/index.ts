/** Signed tokens: who they are about, where they are what they say. */
import { createHash } from 'node:crypto';
import type { JwtMethod, JwtProvider } from '../../../../config/index.ts';
import type { KeySet, VerificationKey } from '../../../../value/json-web-key.ts';
import type { PolicyState } from '../../../state/index.ts';
import type { FilterScope } from '../../filter.ts';
import { firstFound, type PlaceReader, parametersOf, placeReader, stripOf } from '../credential-place.ts';
import { challenged, type Finding, type Method, type Refusal, refusal } from '../method.ts';
import { keyHolderOf } from './key-holder.ts';
import { isOfOtherUse, isSignedBy, keysFor, MAX_KEYS_TRIED, readToken, type Token, validUntil } from './token.ts';

export function jwtMethod(settings: JwtMethod, state: PolicyState): Method {
  return new Jwt(settings, state);
}

/** A token on its way to be verified. */
interface Candidate {
  readonly text: string;
  readonly token: Token;
  readonly provider: JwtProvider;
  readonly until: number;
}

const UNKNOWN: Refusal = refusal('wrong', 503, 'The keys of who has issued this token are not known.');

class Jwt implements Method {
  readonly strip: Method['strip'];
  readonly secrets: readonly string[];
  readonly #settings: JwtMethod;
  /** By issuer, as a token says it: what is no text is nobody. */
  readonly #providers: ReadonlyMap<unknown, JwtProvider>;
  readonly places: readonly PlaceReader[];
  readonly #state: PolicyState;
  /** Before a token among those that were verified: what was asked of it. */
  readonly #prefix: string;

  constructor(settings: JwtMethod, state: PolicyState) {
    this.#settings = settings;
    this.#providers = new Map(settings.providers.map((one) => [one.issuer, one]));
    this.#state = state;
    const places = settings.from.map(placeReader);
    this.places = places;
    this.secrets = parametersOf(settings.from);
    this.#prefix = createHash('sha256').update(JSON.stringify(settings.providers)).digest('base64');
    this.strip = stripOf(places, settings.forwards);
  }

  identify({ head }: FilterScope): Finding | Promise<Finding> {
    const text = firstFound(this.places, head);
    if (text === undefined) return challenged('absent', this.#challenge(), 'A token is needed.');
    if (text === null) return this.#wrong('What was sent is no token.');
    const now = Date.now();
    const known = this.#state.tokens.get(this.#prefix + text);
    if (known !== undefined && now < known.until && this.#holderOf(known)?.current() === known.keys) return known;
    const candidate = this.#read(text, now);
    if (typeof candidate === 'string') return this.#wrong(candidate);
    const holder = this.#holderOf(candidate.provider);
    if (holder === undefined) return UNKNOWN;
    const keys = holder.keys();
    return keys instanceof Promise ? keys.then((set) => this.#verify(candidate, set)) : this.#verify(candidate, keys);
  }

  /** Whoever could sign with a key that is shared. */
  takesSecret({ head }: FilterScope): boolean {
    const text = firstFound(this.places, head);
    const candidate = typeof text === 'string' ? this.#read(text, Date.now()) : '';
    if (typeof candidate === 'string') return false;
    const content = this.#state.credentials.get(candidate.provider.credential)?.content;
    return content?.type === 'KeySet' && content.secrets;
  }

  #holderOf({ credential }: { credential: string }) {
    return keyHolderOf(this.#state, credential);
  }

  /** Why it is none, as a text. */
  #read(text: string, now: number): Candidate | string {
    const token = readToken(text);
    if (token === undefined) return 'What was sent is no token.';
    if (isOfOtherUse(token)) return 'The token is for something else than to say who asks.';
    const provider = this.#providers.get(token.claims.iss);
    if (provider === undefined) return 'The token is of another issuer.';
    if (!(provider.algorithms as string[]).includes(token.algorithm)) return 'Its algorithm is not allowed.';
    const until = validUntil(token, provider, now);
    return typeof until === 'string' ? until : { text, token, provider, until };
  }

  #verify(candidate: Candidate, set: KeySet | null): Finding | Promise<Finding> {
    if (set === null) return UNKNOWN;
    const { token, provider } = candidate;
    const keys = keysFor(token, provider, set.keys);
    if (keys.length > 0 || token.kid === undefined) return this.#judge(candidate, set, keys);
    // The issuer may have begun to use a key that it published since.
    const fresh = this.#holderOf(provider)?.newKeys() ?? null;
    const again = (next: KeySet | null): Finding =>
      next === null ? UNKNOWN : this.#judge(candidate, next, keysFor(token, provider, next.keys));
    return fresh instanceof Promise ? fresh.then(again) : again(fresh);
  }

  #judge({ text, token, provider, until }: Candidate, set: KeySet, keys: readonly VerificationKey[]): Finding {
    if (keys.length === 0) return this.#wrong('No key of its issuer has its name and kind.');
    if (keys.length > MAX_KEYS_TRIED) return this.#wrong('The token does not say with which key it is signed.');
    if (!keys.some((key) => isSignedBy(token, key))) return this.#wrong('Its signature is wrong.');
    const { claims } = token;
    const identity = { subject: typeof claims.sub === 'string' ? claims.sub : '', claims };
    const { credential } = provider;
    this.#state.tokens.set(this.#prefix + text, { identity, credential, keys: set, until });
    return { identity };
  }

  #wrong(message: string): Finding {
    const { realm } = this.#settings;
    const separator = realm === '' ? ' ' : ', ';
    return challenged('wrong', `${this.#challenge()}${separator}error="invalid_token"`, message);
  }

  #challenge(): string {
    const { realm } = this.#settings;
    return realm === '' ? 'Bearer' : `Bearer realm="${realm}"`;
  }
}
