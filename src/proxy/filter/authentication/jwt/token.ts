/**
 * Signed tokens in compact form (RFC 7515, RFC 7519), as RFC 8725 wants them read: the algorithm is what the provider
 * says and not the token, and each token has one form and one reading.
 */
import { constants, createHmac, timingSafeEqual, verify } from 'node:crypto';
import type { JwtProvider } from '../../../../config/index.ts';
import { readBase64url } from '../../../../value/base64url.ts';
import { isObject, type JsonObject } from '../../../../value/json-object.ts';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm, type VerificationKey } from '../../../../value/json-web-key.ts';
import { parseStrictly } from '../../../../value/strict-json.ts';

/** Most characters of a token. */
export const MAX_TOKEN_LENGTH: number = 16 * 1024;
/** Most keys that are tried for a token that names none. */
export const MAX_KEYS_TRIED: number = 8;

export interface Token {
  readonly algorithm: string;
  readonly kid: string | undefined;
  /** What it says that it is. */
  readonly type: string | undefined;
  readonly claims: JsonObject;
  /** What is signed, and the signature. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** Undefined for what is no token, or has a header that nobody here understands. */
export function readToken(text: string): Token | undefined {
  if (text.length > MAX_TOKEN_LENGTH) return undefined;
  const parts = text.split('.', 4);
  if (parts.length !== 3) return undefined;
  const [head, body, tail] = parts.map(readBase64url);
  if (head === undefined || body === undefined || tail === undefined) return undefined;
  const header = objectOf(head);
  const claims = objectOf(body);
  if (header === undefined || claims === undefined) return undefined;
  const { alg, kid, typ, crit, b64 } = header;
  // What is critical must be understood (RFC 7515 4.1.11), and nothing of it is; b64 is of that kind (RFC 7797).
  if (typeof alg !== 'string' || crit !== undefined || b64 !== undefined) return undefined;
  if (kid !== undefined && typeof kid !== 'string') return undefined;
  if (typ !== undefined && typeof typ !== 'string') return undefined;
  const signed = Buffer.from(text.slice(0, text.lastIndexOf('.')), 'latin1');
  return { algorithm: alg, kid, type: typ, claims, signed, signature: tail };
}

const OF_OTHER_USE = /^(?:application\/)?(?:logout|secevent|dpop|oauth-authz-req|token-introspection)\+jwt$/i;

/** What issuers sign for other ends (RFC 8725 3.12): words of what happened (RFC 8417), proofs of a key, requests. */
export function isOfOtherUse({ type, claims }: Token): boolean {
  return claims.events !== undefined || (type !== undefined && OF_OTHER_USE.test(type));
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function objectOf(bytes: Buffer): JsonObject | undefined {
  try {
    const value = parseStrictly(UTF8.decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Keys that the token may be signed with: of its name and of the kind of its algorithm, which the provider allows. */
export function keysFor(
  { algorithm, kid }: Token,
  { algorithms }: JwtProvider,
  keys: readonly VerificationKey[],
): readonly VerificationKey[] {
  if (!(algorithms as string[]).includes(algorithm)) return [];
  const wanted = SIGNATURE_ALGORITHMS[algorithm as SignatureAlgorithm];
  const crv = 'crv' in wanted ? wanted.crv : undefined;
  return keys.filter(
    (key) =>
      key.kty === wanted.kty &&
      (crv === undefined || key.crv === crv) &&
      (key.alg === undefined || key.alg === algorithm) &&
      (kid === undefined || key.kid === kid),
  );
}

/** `algorithm` is one that the keys were chosen for (`keysFor`). */
export function isSignedBy({ algorithm, signed, signature }: Token, { key }: VerificationKey): boolean {
  const { kty, hash, bytes } = SIGNATURE_ALGORITHMS[algorithm as SignatureAlgorithm];
  if (bytes !== 0 && signature.length !== bytes) return false;
  try {
    switch (kty) {
      case 'oct':
        return timingSafeEqual(createHmac(hash, key).update(signed).digest(), signature);
      case 'EC':
        return verify(hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
      case 'OKP':
        return verify(null, signed, key, signature);
      case 'RSA':
        return verify(hash, signed, algorithm.startsWith('PS') ? { key, ...PSS } : key, signature);
    }
  } catch {
    return false;
  }
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };

/** Milliseconds since 1970 until which the token holds, or why it does not. */
export function validUntil({ claims }: Token, provider: JwtProvider, now: number): number | string {
  const { clockSkew, audiences, issuer } = provider;
  const { iss, aud, exp, nbf, iat, sub } = claims;
  if (iss !== issuer) return 'The token is of another issuer.';
  if (sub !== undefined && typeof sub !== 'string') return 'The token has a subject that is no text.';
  if (audiences.length > 0 && !audiencesOf(aud).some((one) => audiences.includes(one)))
    return 'The token is for somebody else.';
  if (!isTime(exp)) return 'The token says no time at which it expires.';
  for (const time of [nbf, iat]) {
    if (time !== undefined && !isTime(time)) return 'The token has a time that is none.';
    if (time !== undefined && time * 1000 > now + clockSkew) return 'The token does not hold yet.';
  }
  const until = exp * 1000 + clockSkew;
  return now < until ? until : 'The token has expired.';
}

/** JSON has numbers that are none. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function audiencesOf(aud: unknown): string[] {
  if (typeof aud === 'string') return [aud];
  return Array.isArray(aud) && aud.every((one) => typeof one === 'string') ? aud : [];
}
