/**
 * Signing in by OpenID Connect: code flow with PKCE, state and nonce. What is known of a browser stands in its cookies,
 * sealed, so that any worker and replica can go on where another one began.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { OidcClient, OidcMethod } from '../../../../config/index.ts';
import { ARENA } from '../../../ground/arena.ts';
import { fieldHash, type Head } from '../../../ground/head.ts';
import { findParameter, foundText } from '../../../match/query.ts';
import { FETCH_TIMEOUT, type PolicyState } from '../../../state/index.ts';
import type { FilterScope, HeaderPair, Reply } from '../../filter.ts';
import { HeaderPatch } from '../../header-patch.ts';
import { AnonymousPaths } from '../anonymous-paths.ts';
import { policyOf } from '../credential-owner.ts';
import { stripCookies } from '../credential-place.ts';
import { challenged, type Finding, type Method, type Refusal, refusal } from '../method.ts';
import { Provider } from './provider.ts';
import { type CookieForm, clearCookies, cookieNames, readCookies, Sealer, setCookies } from './sealed-cookie.ts';
import { SharedSignOuts } from './shared-sign-outs.ts';
import { SignInCookies } from './sign-in-cookies.ts';
import { SignedOut } from './signed-out.ts';

/** Milliseconds for signing in at the provider: what was begun is forgotten then. */
export const SIGN_IN_TIME: number = 600_000;
/** Most characters of the address to which a client comes back: from a longer one it comes to `/`. */
export const MAX_RETURN_LENGTH: number = 2_048;

const ACCEPT = fieldHash('accept');
const MODE = fieldHash('sec-fetch-mode');
const WITH = fieldHash('x-requested-with');
const FOUND = 302;

interface Session {
  sub: string;
  claims: Record<string, unknown>;
  /** Milliseconds since 1970: when it began, when who signed in must do so again, and when the provider is asked anew. */
  since: number;
  until: number;
  fresh: number;
  refresh?: string;
}

/** What is needed of a request after its head is gone. */
interface Asked {
  origin: string;
  target: string;
  navigates: boolean;
  parts: number;
  /** Names of cookies of sign-ins that are under way. */
  begun: readonly string[];
}

interface Keys {
  client: OidcClient;
  session: Sealer;
  state: Sealer;
}

interface Refreshing {
  under: Promise<Session | null>;
  /** Of Date.now(). */
  until: number;
}

export function oidcMethod(settings: OidcMethod, state: PolicyState): Method {
  return new Oidc(settings, state);
}

class Oidc implements Method {
  readonly strip: (scope: FilterScope) => void;
  /** For what it says of itself, its tokens and its keys. */
  readonly timeout: number = 3 * FETCH_TIMEOUT;
  readonly #settings: OidcMethod;
  readonly #state: PolicyState;
  readonly #provider: Provider;
  readonly #apiPaths: AnonymousPaths | null;
  readonly #cookie: CookieForm;
  readonly #signIns: SignInCookies;
  readonly #names: RegExp;
  /** Null: the provider does not tell. */
  readonly #signedOut: SignedOut | null;
  /** Null: other gateways do not tell. */
  readonly #shared: SharedSignOuts | null;
  readonly #refreshing = new Map<string, Refreshing>();
  #keys: Keys | null = null;

  constructor(settings: OidcMethod, state: PolicyState) {
    this.#settings = settings;
    this.#state = state;
    this.#provider = new Provider(settings, state.fetch);
    this.#apiPaths = settings.apiPaths.length === 0 ? null : new AnonymousPaths(settings.apiPaths);
    this.#cookie = settings.cookie;
    this.#signIns = new SignInCookies(settings.cookie);
    this.#names = cookieNames(settings.cookie.name);
    const { issuer, clientId, backchannelLogoutPath, shared, credential } = settings;
    const whose = `${issuer} ${clientId}`;
    const source = policyOf(credential);
    this.#signedOut =
      backchannelLogoutPath === undefined
        ? null
        : new SignedOut(state.marks, { client: whose, owner: state.markOwners.of(source, settings.name) });
    this.#shared = shared
      ? new SharedSignOuts(state.redis.client(shared.redis, source, 'sign-outs'), shared.timeout, whose)
      : null;
    this.strip = (scope) => stripCookies(scope, (one) => this.#names.test(one));
  }

  identify(scope: FilterScope): Finding | Promise<Finding> {
    const keys = this.#keysNow();
    if (keys === null) return refusal('broken', 503, 'The client of the provider is not known.');
    const { head } = scope;
    const path = head.path();
    const { value, parts } = readCookies(head, this.#cookie.name);
    const asked: Asked = { ...this.#asked(scope), parts };
    if (path === this.#settings.callbackPath) {
      scope.conceal('code');
      return this.#callback(head, asked, keys);
    }
    if (path === this.#settings.logoutPath) return this.#logout(asked, keys);
    if (path === this.#settings.backchannelLogoutPath) return this.#toldOfLogout(scope, keys);
    const session = value === '' ? undefined : sessionOf(keys.session.open(value));
    const now = Date.now();
    if (session === undefined || this.#isOver(session, now)) return this.#signIn(asked, keys);
    return this.#shared === null
      ? this.#goOn(session, asked, keys)
      : this.#goOnIfKnown(this.#shared, session, { asked, keys });
  }

  #goOn(session: Session, asked: Asked, keys: Keys): Finding | Promise<Finding> {
    if (session.fresh > Date.now()) return { identity: { subject: session.sub, claims: session.claims } };
    return this.#refresh(session, asked, keys);
  }

  /** What its cookies hold is sealed. */
  takesSecret({ head }: FilterScope): boolean {
    return readCookies(head, this.#cookie.name).parts > 0 || this.#signIns.begun(head).length > 0;
  }

  /** Who may have signed out is not let in. */
  async #goOnIfKnown(
    shared: SharedSignOuts,
    session: Session,
    { asked, keys }: { asked: Asked; keys: Keys },
  ): Promise<Finding> {
    const { sub, claims, since } = session;
    const isOut = await shared.has({ sub, sid: sidOf(claims), since });
    if (isOut === undefined) return NOT_KNOWN;
    return isOut ? this.#signIn(asked, keys) : this.#goOn(session, asked, keys);
  }

  /** Another policy, or this one before it was edited, may have let sessions live longer. */
  #isOver({ sub, claims, since, until }: Session, now: number): boolean {
    if (until <= now || since + this.#settings.lifetime <= now) return true;
    return this.#signedOut?.has({ sub, sid: sidOf(claims), since }) ?? false;
  }

  /** Anew where the Secret is another one. */
  #keysNow(): Keys | null {
    const content = this.#state.credentials.get(this.#settings.credential)?.content;
    if (content?.type !== 'OidcClient') return null;
    if (this.#keys?.client !== content) {
      const purpose = `${this.#settings.issuer} ${this.#settings.clientId} ${this.#cookie.name}`;
      this.#keys = {
        client: content,
        session: new Sealer(content.cookieSecrets, `session ${purpose}`),
        state: new Sealer(content.cookieSecrets, `sign-in ${purpose}`),
      };
    }
    return this.#keys;
  }

  #asked({ head, client }: FilterScope): Omit<Asked, 'parts'> {
    const host = ARENA.latin1Slice(head.authorityStart, head.authorityEnd);
    const target = head.queryEnd === 0 ? head.path() : `${head.path()}?${head.query()}`;
    const scheme = this.#settings.scheme ?? client.scheme;
    const begun = this.#signIns.begun(head);
    return { origin: `${scheme}://${host}`, target, navigates: this.#navigates(head), begun };
  }

  /** A page that a person asked for, and no script: a redirect would be lost on those. */
  #navigates(head: Head): boolean {
    const method = head.method();
    if ((method !== 'GET' && method !== 'HEAD') || (this.#apiPaths?.has(head) ?? false)) return false;
    const mode = valueOf(head, 'sec-fetch-mode', MODE);
    if (mode !== undefined) return mode === 'navigate';
    if (valueOf(head, 'x-requested-with', WITH) !== undefined || head.upgradeEnd > 0) return false;
    return /text\/html|\*\/\*/.test(valueOf(head, 'accept', ACCEPT) ?? '*/*');
  }

  // ── to the provider

  async #signIn(asked: Asked, { client, state }: Keys): Promise<Finding> {
    if (!asked.navigates) return challenged('absent', 'Bearer', 'One must sign in.');
    const metadata = await this.#provider.metadata(client).catch(() => undefined);
    if (metadata === undefined) return UNREACHED;
    const [id, nonce, verifier] = [random(), random(), random()];
    const until = Date.now() + SIGN_IN_TIME;
    const sealed = state.seal({ id, nonce, verifier, until, back: safeReturn(asked.target) });
    const url = new URL(metadata.authorization);
    const { clientId, scopes } = this.#settings;
    for (const [name, value] of Object.entries({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: this.#redirectUri(asked),
      scope: scopes.join(' '),
      state: id,
      nonce,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })) {
      url.searchParams.set(name, value);
    }
    const cookies = this.#signIns.set(id, sealed, { seconds: SIGN_IN_TIME / 1000, begun: asked.begun });
    if (cookies === undefined) return UNREACHED;
    return { ...SIGN_IN, reply: redirect(url.href, [...cookies, NOT_KEPT]) };
  }

  #redirectUri({ origin }: Asked): string {
    return origin + this.#settings.callbackPath;
  }

  // ── back from the provider

  #callback(head: Head, asked: Asked, keys: Keys): Finding | Promise<Finding> {
    const [code, state, error, iss] = ['code', 'state', 'error', 'iss'].map((name) => parameterOf(head, name));
    const begun = keys.state.open(this.#signIns.read(head, state));
    if (
      begun === undefined ||
      state === undefined ||
      !isSame(String(begun.id), state) ||
      Number(begun.until) < Date.now()
    ) {
      return refused(400, 'This sign-in was not begun here, or long ago. Go back to where you wanted to go.');
    }
    if (iss !== undefined && iss !== this.#settings.issuer) return refused(400, 'Another provider answers.');
    if (error !== undefined || code === undefined) return refused(403, 'The provider did not let you sign in.');
    return this.#exchange({ code, iss }, { begun, asked, keys });
  }

  async #exchange(
    { code, iss }: { code: string; iss: string | undefined },
    { begun, asked, keys }: { begun: Record<string, unknown>; asked: Asked; keys: Keys },
  ): Promise<Finding> {
    try {
      const { saysIssuer } = await this.#provider.metadata(keys.client);
      if (saysIssuer && iss === undefined) return refused(400, 'The provider does not say that it is it.');
      const grant = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: this.#redirectUri(asked),
        code_verifier: String(begun.verifier),
      };
      const { claims, expires, refresh } = await this.#provider.tokens(keys.client, grant, String(begun.nonce));
      const since = Date.now();
      const until = since + this.#settings.lifetime;
      const session: Session = {
        sub: String(claims.sub),
        claims,
        since,
        until,
        fresh: refresh === undefined ? until : this.#freshUntil(expires),
      };
      if (refresh !== undefined) session.refresh = refresh;
      const cookies = this.#cookiesOf(session, asked, keys);
      if (cookies === undefined) return refused(500, 'What the provider says of you is too much to be kept.');
      const done = this.#signIns.clear(String(begun.id));
      return { ...SIGN_IN, reply: redirect(safeReturn(String(begun.back)), [...cookies, ...done, NOT_KEPT]) };
    } catch {
      return UNREACHED;
    }
  }

  #freshUntil(expires: number): number {
    const { refresh } = this.#settings;
    return refresh === undefined ? expires : Math.min(expires, Date.now() + refresh);
  }

  #cookiesOf(session: Session, { parts }: Asked, { session: sealer }: Keys): HeaderPair[] | undefined {
    const seconds = Math.max(1, Math.floor((session.until - Date.now()) / 1000));
    return setCookies(this.#cookie, sealer.seal(session), { seconds, had: parts });
  }

  // ── what was signed in goes on, or ends

  /** Many requests come at once when it is time: one of them asks. */
  async #refresh(session: Session, asked: Asked, keys: Keys): Promise<Finding> {
    const { refresh } = session;
    if (refresh === undefined) return this.#signIn(asked, keys);
    const next = await this.#refreshedOnce(session, refresh, keys);
    if (next === null) return this.#signIn(asked, keys);
    const cookies = this.#cookiesOf(next, asked, keys);
    if (cookies === undefined) return this.#signIn(asked, keys);
    const response = HeaderPatch.adding(cookies.map(([name, value]) => ({ name, value })));
    return { identity: { subject: next.sub, claims: next.claims, response } };
  }

  #refreshedOnce(session: Session, refresh: string, keys: Keys): Promise<Session | null> {
    const known = this.#refreshing.get(refresh);
    if (known !== undefined && known.until > Date.now()) return known.under;
    const under = this.#refreshed(session, refresh, keys);
    const entry = { under, until: Number.POSITIVE_INFINITY };
    this.#refreshing.set(refresh, entry);
    // Those that were on their way with the old one are told the same for a moment, while that is worth something.
    void under.then((next) => {
      entry.until = next === null ? Date.now() + RETRY : Math.min(Date.now() + REUSE, next.fresh);
      setTimeout(() => this.#forget(refresh, entry), REUSE).unref();
    });
    return under;
  }

  #forget(refresh: string, entry: Refreshing): void {
    if (this.#refreshing.get(refresh) === entry) this.#refreshing.delete(refresh);
  }

  async #refreshed(session: Session, token: string, { client }: Keys): Promise<Session | null> {
    try {
      const grant = { grant_type: 'refresh_token', refresh_token: token };
      const { claims, expires, refresh } = await this.#provider.tokens(client, grant, undefined);
      // The provider must speak of the same person.
      if (claims.sub !== undefined && claims.sub !== session.sub) return null;
      // By its name the provider says when it ends, and need not say it again.
      const { sid } = session.claims;
      const named = sid === undefined ? claims : { sid, ...claims };
      const told = claims.sub === undefined ? session.claims : named;
      return { ...session, claims: told, fresh: this.#freshUntil(expires), refresh: refresh ?? token };
    } catch {
      return null;
    }
  }

  /** The provider says by itself who has signed out: in a token that it signed, as a form. */
  async #toldOfLogout(scope: FilterScope, { client }: Keys): Promise<Finding> {
    if (scope.head.method() !== 'POST') return refused(405, 'The provider alone has something to say here, by POST.');
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    scope.collectBody(MAX_LOGOUT_BYTES, (body, whole) => resolve(whole ? body : undefined));
    const body = await promise;
    const text = body === undefined ? null : new URLSearchParams(body.toString('latin1')).get('logout_token');
    if (text === null) return NO_LOGOUT;
    const told = await this.#provider.loggedOut(client, text).catch(() => undefined);
    if (told === undefined) return UNREACHED;
    if (typeof told === 'string') return NO_LOGOUT;
    if (this.#shared !== null) {
      // Where it does not hold everywhere the provider is told so, and may say it again.
      const held = await this.#shared.tell(told);
      // Here it holds in any case.
      this.#signedOut!.tell(told);
      if (held !== 'held') return held === 'again' ? NO_LOGOUT : NOT_KNOWN;
    } else if (!this.#signedOut!.tell(told)) return NO_LOGOUT;
    return { ...SIGN_IN, reply: { status: 200, headers: [NOT_KEPT], body: '' } };
  }

  async #logout(asked: Asked, { client }: Keys): Promise<Finding> {
    const gone = clearCookies(this.#cookie, { from: 0, to: Math.max(1, asked.parts) });
    const metadata = await this.#provider.metadata(client).catch(() => undefined);
    const after = `${asked.origin}${this.#settings.afterLogout}`;
    let target = this.#settings.afterLogout;
    if (metadata?.endSession !== undefined) {
      const url = new URL(metadata.endSession);
      url.searchParams.set('client_id', this.#settings.clientId);
      url.searchParams.set('post_logout_redirect_uri', after);
      target = url.href;
    }
    return { ...SIGN_IN, reply: redirect(target, [...gone, NOT_KEPT]) };
  }
}

/** Milliseconds for which a refresh answers those who ask with the token that it took the place of. */
const REUSE = 10_000;
/** Milliseconds after which a provider that gave nothing for a refresh token is asked again. */
const RETRY = 1_000;
/** Most bytes of what a provider says of who has signed out. */
export const MAX_LOGOUT_BYTES: number = 20 * 1024;
const NO_LOGOUT = refusal('wrong', 400, 'This says of nobody, in a way that can be believed, that he has signed out.');
const NOT_KEPT: HeaderPair = ['Cache-Control', 'no-store'];
const UNREACHED = refusal('wrong', 503, 'The provider by which one signs in gave no answer that could be used.');
const NOT_KNOWN = refusal('broken', 503, 'It is not known who has signed out: try again later.');
const SIGN_IN = refusal('wrong', 401, 'One must sign in.');

function sidOf({ sid }: Record<string, unknown>): string | undefined {
  return typeof sid === 'string' ? sid : undefined;
}

function refused(status: number, message: string): Refusal {
  return refusal('wrong', status, message);
}

function redirect(location: string, headers: readonly HeaderPair[]): Reply {
  return { status: FOUND, headers: [['Location', location], ...headers], body: '', reason: 'unauthenticated' };
}

/** A path of this host: `//host` and `/\host` are others' (browsers read a backslash as a slash). */
function safeReturn(target: string): string {
  const sound = target.length <= MAX_RETURN_LENGTH && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(target);
  return sound ? target : '/';
}

function sessionOf(opened: Record<string, unknown> | undefined): Session | undefined {
  if (opened === undefined || typeof opened.sub !== 'string' || typeof opened.until !== 'number') return undefined;
  if (typeof opened.since !== 'number') return undefined;
  return opened as unknown as Session;
}

function valueOf(head: Head, name: string, hash: number): string | undefined {
  const at = head.find(name, hash);
  return at < 0 ? undefined : head.value(at);
}

function parameterOf(head: Head, name: string): string | undefined {
  return findParameter(head, name) ? foundText() : undefined;
}

function random(): string {
  return randomBytes(32).toString('base64url');
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
