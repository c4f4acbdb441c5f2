/**
 * A request's session: which endpoint it keeps, as the client says, and what the answer tells the client to say next.
 * What clients say is believed: whoever makes up a session chooses among endpoints that anybody may be sent to. It names
 * no address: the endpoint's name in it is a keyed hash.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { SessionCookie, SessionPersistence } from '../../config/index.ts';
import { ARENA } from '../ground/arena.ts';
import { FIELD_STRIDE, fieldHash, type Head, nameHash, VALUE_END, VALUE_START } from '../ground/head.ts';
import { findCookie, foundCookie } from '../match/cookie.ts';
import type { SteeredRequest } from './steered-request.ts';

/** Characters of a session that are read; no gateway writes so many. */
export const LONGEST_SESSION = 128;
/** Bytes of an endpoint's name in a session: as many as chance never makes twice. */
const NAME_BYTES = 9;
const KEY_BYTES = 12;
/** Seconds that the clocks of two gateways may be apart. */
const CLOCK_SKEW = 60;
/** An idle session's time is written anew when this part of it has gone by: not with every answer. */
const RENEWAL = 1 / 10;
const BETWEEN_TIMES = '~';
const BEHIND_KEY = '|';

export class SessionClaim {
  readonly persistence: SessionPersistence;
  /** What the client says, without times: an endpoint's name, or the key of a hash; '' where it says nothing that counts. */
  name = '';
  /** The client does not know of it yet. */
  fresh = false;
  /** Seconds since 1970. */
  #began: number;
  #seen: number;
  readonly #now: number;
  readonly #path: string;
  readonly #secure: boolean;
  readonly #sameSite: boolean;

  constructor(persistence: SessionPersistence, { head, matchedPrefix, secure }: SteeredRequest) {
    this.persistence = persistence;
    this.#now = this.#began = this.#seen = Math.floor(Date.now() / 1000);
    const { cookie } = persistence;
    this.#path = cookie?.matchedPath === true ? matchedPath(head, matchedPrefix) : (cookie?.path ?? '/');
    this.#secure = cookie?.secure ?? secure;
    this.#sameSite = cookie?.conditionalSameSiteNone !== true || takesSameSiteNone(head);
    const text = sessionText(persistence, head);
    if (text !== '') this.#read(text);
  }

  #read(text: string): void {
    const [name = '', began, seen] = text.split(BETWEEN_TIMES);
    const { absoluteTimeout, idleTimeout } = this.persistence;
    if (absoluteTimeout !== undefined || idleTimeout !== undefined) {
      const [first, last] = [secondsOf(began), secondsOf(seen)];
      const latest = this.#now + CLOCK_SKEW;
      // What is no time, or one to come, is none that was written here.
      if (!(first <= last && last <= latest)) return;
      if (absoluteTimeout !== undefined && (this.#now - first) * 1000 >= absoluteTimeout) return;
      if (idleTimeout !== undefined && (this.#now - last) * 1000 >= idleTimeout) return;
      this.#began = first;
      this.#seen = last;
    }
    this.name = name;
  }

  /** Of a request without a session: what it is to say from now on. */
  begin(name: string): void {
    this.name = name;
    this.fresh = true;
  }

  /** Its endpoint is none of this backend's: as if it had said nothing. */
  forget(): void {
    this.name = '';
    this.#began = this.#seen = this.#now;
  }

  /** It has waited so long that the client must be told of the request. */
  get aged(): boolean {
    const { idleTimeout } = this.persistence;
    return idleTimeout !== undefined && (this.#now - this.#seen) * 1000 >= idleTimeout * RENEWAL;
  }

  /** The header line that has the client say this name. */
  line(name: string): { name: string; value: string } {
    const { type, name: own, absoluteTimeout, idleTimeout } = this.persistence;
    const timed = absoluteTimeout !== undefined || idleTimeout !== undefined;
    const times = [this.#began, this.#now].map((seconds) => `${BETWEEN_TIMES}${seconds.toString(36)}`).join('');
    const value = timed ? `${name}${times}` : name;
    if (type === 'Header') return { name: own, value };
    return { name: 'Set-Cookie', value: `${own}=${value}${this.#attributes(this.persistence.cookie ?? {})}` };
  }

  /** In the order in which ingress-nginx writes them. */
  #attributes({ expires, maxAge, domain, sameSite }: SessionCookie): string {
    const gone = this.#now - this.#began;
    let text = expires === undefined ? '' : `; Expires=${new Date((this.#now + expires) * 1000).toUTCString()}`;
    // A session's end does not move, however often its cookie is written.
    if (maxAge !== undefined) text += `; Max-Age=${maxAge > gone ? maxAge - gone : maxAge}`;
    if (domain !== undefined) text += `; Domain=${domain}`;
    text += `; Path=${this.#path}`;
    if (this.#secure) text += '; Secure';
    text += '; HttpOnly';
    if (sameSite !== undefined && (sameSite !== 'None' || this.#sameSite)) text += `; SameSite=${sameSite}`;
    return text;
  }
}

/** What a name in sessions stands for, among the endpoints of one backend. */
export class SessionNames<T> {
  readonly #secret: string;
  readonly #backend: string;
  readonly #members: ReadonlyMap<string, T>;
  readonly #names = new Map<string, string>();
  #byName: Map<string, T> | undefined;
  #tag: string | undefined;

  /** `members`: endpoints by `address:port`. */
  constructor(secret: string, backend: string, members: ReadonlyMap<string, T>) {
    this.#secret = secret;
    this.#backend = backend;
    this.#members = members;
  }

  member(name: string): T | undefined {
    if (this.#byName === undefined) {
      this.#byName = new Map();
      for (const [label, member] of this.#members) this.#byName.set(this.nameOf(label), member);
    }
    return this.#byName.get(name);
  }

  /** Of an endpoint that is no member any more, too. */
  nameOf(label: string): string {
    let name = this.#names.get(label);
    if (name === undefined) this.#names.set(label, (name = this.#keyed(`${this.#backend} ${label}`)));
    return name;
  }

  /** The backend, as keys of a hash have it behind them. */
  get tag(): string {
    this.#tag ??= this.#keyed(this.#backend);
    return this.#tag;
  }

  /** A key of a hash, of one session alone. */
  newKey(): string {
    return `${randomBytes(KEY_BYTES).toString('base64url')}${BEHIND_KEY}${this.tag}`;
  }

  #keyed(text: string): string {
    const mac = createHmac('sha256', this.#secret).update(text).digest();
    return mac.subarray(0, NAME_BYTES).toString('base64url');
  }
}

/** The key of a hash, without the backend behind it. */
export function keyIn(name: string): string {
  const end = name.indexOf(BEHIND_KEY);
  return end === -1 ? name : name.slice(0, end);
}

/** The backend behind a key, or ''. */
export function tagIn(name: string): string {
  const end = name.indexOf(BEHIND_KEY);
  return end === -1 ? '' : name.slice(end + 1);
}

function sessionText({ type, name }: SessionPersistence, head: Head): string {
  let start = 0;
  let end = 0;
  if (type === 'Cookie') {
    if (!findCookie(head, name)) return '';
    ({ start, end } = foundCookie);
  } else {
    const at = head.find(name.toLowerCase(), fieldHash(name));
    if (at === -1) return '';
    start = head.fields[at * FIELD_STRIDE + VALUE_START]!;
    end = head.fields[at * FIELD_STRIDE + VALUE_END]!;
  }
  return end - start > LONGEST_SESSION ? '' : ARENA.latin1Slice(start, end);
}

/** NaN for what is no number. */
function secondsOf(text: string | undefined): number {
  return text !== undefined && /^[0-9a-z]{1,8}$/.test(text) ? Number.parseInt(text, 36) : Number.NaN;
}

/** What would end the attribute, or the line, is not repeated. */
function matchedPath(head: Head, length: number): string {
  const path = ARENA.latin1Slice(head.pathStart, Math.min(head.pathEnd, head.pathStart + length));
  return /^\/[!-+\--:<-~]*$/.test(path) ? path : '/';
}

/** Characters of a User-Agent that are looked at. */
const LONGEST_AGENT = 512;
const USER_AGENT = nameHash('user-agent');
/** Clients that take SameSite=None for Strict, or refuse the cookie (as chromium.org lists them). */
const INCOMPATIBLE = [
  /\((iPhone|iPad|iPod)[^)]* OS 12[_ ]/,
  /Macintosh;[^)]*Mac OS X 10_14[_\d]*\).*Version\/.*Safari/,
  /Chrom(e|ium)\/(5[1-9]|6[0-6])\./,
  /UCBrowser\/(\d|1[01])\.|UCBrowser\/12\.(\d|1[0-2])\.|UCBrowser\/12\.13\.[01]\b/,
];

function takesSameSiteNone(head: Head): boolean {
  const at = head.find('user-agent', USER_AGENT);
  if (at === -1) return true;
  const agent = head.value(at).slice(0, LONGEST_AGENT);
  return !INCOMPATIBLE.some((pattern) => pattern.test(agent));
}
