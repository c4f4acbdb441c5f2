/**
 * What a browser keeps for the gateway and nobody else can read or change: AES-256-GCM under a key of the policy's own. So
 * replicas need share nothing but the Secret.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { readBase64url } from '../../../../value/base64url.ts';
import { ARENA } from '../../../ground/arena.ts';
import { fieldHash, type Head } from '../../../ground/head.ts';
import { findCookie, foundCookie } from '../../../match/cookie.ts';
import type { HeaderPair } from '../../filter.ts';

/** Bytes of one cookie's value: with its name and attributes it stays below the 4,096 that browsers keep. */
export const MAX_COOKIE_BYTES: number = 3_700;
/** Cookies that one session is split over at most; one that is longer is not kept, and its client is refused. */
export const MAX_COOKIE_PARTS: number = 5;
/** Most bytes of a session before it is sealed: a small cookie must not become a large one here. */
export const MAX_SESSION_BYTES: number = 64 * 1024;

const COOKIE = fieldHash('cookie');
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

/** Keys of one purpose: the first seals, and all open, so that a Secret can rotate. */
export class Sealer {
  readonly #keys: readonly Buffer[];

  /** `purpose`: what is sealed for another one does not open. */
  constructor(secrets: readonly string[], purpose: string) {
    this.#keys = secrets.map((secret) =>
      Buffer.from(hkdfSync('sha256', Buffer.from(secret, 'utf8'), '', `daemun ${purpose}`, 32)),
    );
  }

  seal(value: object): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#keys[0]!, nonce);
    const text = cipher.update(deflateRawSync(JSON.stringify(value)));
    return Buffer.concat([nonce, text, cipher.final(), cipher.getAuthTag()]).toString('base64url');
  }

  /** Undefined: nobody here sealed it. */
  open(sealed: string): Record<string, unknown> | undefined {
    const bytes = readBase64url(sealed);
    if (bytes === undefined || bytes.length <= NONCE_BYTES + TAG_BYTES) return undefined;
    for (const key of this.#keys) {
      try {
        const cipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES));
        cipher.setAuthTag(bytes.subarray(-TAG_BYTES));
        const text = Buffer.concat([cipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), cipher.final()]);
        const plain = inflateRawSync(text, { maxOutputLength: MAX_SESSION_BYTES }).toString('utf8');
        return JSON.parse(plain) as Record<string, unknown>;
      } catch {
        // Of another key, or of nobody.
      }
    }
    return undefined;
  }
}

export interface CookieForm {
  name: string;
  domain?: string;
  secure: boolean;
  sameSite: 'Lax' | 'None';
}

function attributes({ domain, secure, sameSite }: CookieForm, seconds: number): string {
  const where = domain === undefined ? '' : `; Domain=${domain}`;
  return `; Path=/${where}; Max-Age=${seconds}; HttpOnly${secure ? '; Secure' : ''}; SameSite=${sameSite}`;
}

/** Lines that set it, and take away parts that an older one had; undefined: it is too long. */
export function setCookies(
  form: CookieForm,
  value: string,
  at: { seconds: number; had: number },
): HeaderPair[] | undefined {
  const parts = Math.ceil(value.length / MAX_COOKIE_BYTES);
  if (parts > MAX_COOKIE_PARTS) return undefined;
  const set = Array.from({ length: parts }, (_, part): HeaderPair => {
    const text = value.slice(part * MAX_COOKIE_BYTES, (part + 1) * MAX_COOKIE_BYTES);
    return ['Set-Cookie', `${partName(form.name, part)}=${text}${attributes(form, at.seconds)}`];
  });
  return [...set, ...clearCookies(form, { from: parts, to: at.had })];
}

export function clearCookies(form: CookieForm, { from, to }: { from: number; to: number }): HeaderPair[] {
  const lines: HeaderPair[] = [];
  for (let part = from; part < to; part++) {
    lines.push(['Set-Cookie', `${partName(form.name, part)}=${attributes(form, 0)}`]);
  }
  return lines;
}

/**
 * The value of all parts, and how many there are. Of a name that is there twice no value is taken: a page of a sibling
 * host may have set one of the two, and then somebody else's session would be the browser's.
 */
export function readCookies(head: Head, name: string): { value: string; parts: number } {
  let value = '';
  let parts = 0;
  let twice = false;
  while (parts < MAX_COOKIE_PARTS && findCookie(head, partName(name, parts))) {
    value += ARENA.latin1Slice(foundCookie.start, foundCookie.end);
    twice ||= isTwice(head, partName(name, parts));
    parts++;
  }
  return { value: twice ? '' : value, parts };
}

function isTwice(head: Head, name: string): boolean {
  return namesOfCookies(head).filter((one) => one === name).length > 1;
}

/** In the order of the request. */
export function namesOfCookies(head: Head): string[] {
  const names: string[] = [];
  for (let at = head.find('cookie', COOKIE); at >= 0; at = head.find('cookie', COOKIE, at + 1)) {
    for (const one of head.value(at).split(';')) {
      const end = one.indexOf('=');
      if (end >= 0) names.push(one.slice(0, end).trimStart());
    }
  }
  return names;
}

function partName(name: string, part: number): string {
  return part === 0 ? name : `${name}.${part}`;
}

/** The names that a session and a sign-in have, all parts of them. */
export function cookieNames(name: string): RegExp {
  // Names are of letters, digits, '-', '_' and '.'.
  return new RegExp(`^\\s*${name.replaceAll('.', '\\.')}(?:-in(?:\\.[\\w-]{8})?)?(?:\\.\\d+)?\\s*(?:=|$)`);
}
