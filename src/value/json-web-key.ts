/** Sets of keys (RFC 7517) that signatures are checked with. */
import { createPublicKey, createSecretKey, type KeyObject, type webcrypto } from 'node:crypto';
import { readBase64url } from './base64url.ts';
import { isObject } from './json-object.ts';
import { parseStrictly } from './strict-json.ts';

/** Most keys of one set: who publishes more wants something else. */
export const MAX_KEYS: number = 100;
/** Bits of the shortest RSA key that is believed (RFC 7518 3.3). */
export const MIN_RSA_BITS: number = 2048;

/** Algorithms of signatures (RFC 7518, RFC 8037), and what of a key goes with each. */
export const SIGNATURE_ALGORITHMS = {
  RS256: { kty: 'RSA', hash: 'sha256', bytes: 0 },
  RS384: { kty: 'RSA', hash: 'sha384', bytes: 0 },
  RS512: { kty: 'RSA', hash: 'sha512', bytes: 0 },
  PS256: { kty: 'RSA', hash: 'sha256', bytes: 0 },
  PS384: { kty: 'RSA', hash: 'sha384', bytes: 0 },
  PS512: { kty: 'RSA', hash: 'sha512', bytes: 0 },
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256', bytes: 64 },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'sha384', bytes: 96 },
  ES512: { kty: 'EC', crv: 'P-521', hash: 'sha512', bytes: 132 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', hash: '', bytes: 64 },
  HS256: { kty: 'oct', hash: 'sha256', bytes: 32 },
  HS384: { kty: 'oct', hash: 'sha384', bytes: 48 },
  HS512: { kty: 'oct', hash: 'sha512', bytes: 64 },
} as const satisfies Record<string, { kty: string; crv?: string; hash: string; bytes: number }>;

export type SignatureAlgorithm = keyof typeof SIGNATURE_ALGORITHMS;

export interface VerificationKey {
  readonly kid: string | undefined;
  readonly kty: string;
  readonly crv: string | undefined;
  /** The only one that it may be used with; absent: any of its kind. */
  readonly alg: string | undefined;
  readonly key: KeyObject;
}

export interface KeySet {
  readonly keys: readonly VerificationKey[];
  /** What is wrong with keys that are left out, each with its place. */
  readonly faults: readonly string[];
}

/** `secrets`: symmetric keys may be in it, since nobody else sees it. Throws an Error for what is no set of keys. */
export function readKeySet(text: string, secrets: boolean): KeySet {
  const set = parseStrictly(text);
  if (!isObject(set) || !Array.isArray(set.keys)) throw new SyntaxError('it has no list of keys');
  if (set.keys.length > MAX_KEYS) throw new RangeError(`it has ${set.keys.length} keys, and ${MAX_KEYS} are the most`);
  const keys: VerificationKey[] = [];
  const faults: string[] = [];
  for (const [at, jwk] of (set.keys as unknown[]).entries()) {
    const key = readKey(jwk, secrets);
    if (typeof key !== 'string') keys.push(key);
    else if (key !== '') faults.push(`keys[${at}] ${key}`);
  }
  return { keys, faults };
}

/** What is wrong with it; '': it is for something else. */
function readKey(jwk: unknown, secrets: boolean): VerificationKey | string {
  if (!isObject(jwk)) return 'is no key';
  const { kty, kid, crv, alg, use, key_ops: operations } = jwk;
  if (kid !== undefined && typeof kid !== 'string') return 'has a kid that is no text';
  if (alg !== undefined && typeof alg !== 'string') return 'has an alg that is no text';
  if (use !== undefined && use !== 'sig') return '';
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return '';
  const about = { kid, alg, kty: String(kty), crv: typeof crv === 'string' ? crv : undefined };
  try {
    if (kty === 'oct') return secrets ? { ...about, key: secretOf(jwk) } : 'is a secret, and everybody can read it';
    if (['d', 'p', 'q', 'k'].some((name) => name in jwk))
      return 'is a private key: whoever reads it signs what he likes';
    const key = createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: 'jwk' });
    const bits = key.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS;
    return bits < MIN_RSA_BITS ? `is of ${bits} bits, and ${MIN_RSA_BITS} are the least` : { ...about, key };
  } catch {
    return 'cannot be read';
  }
}

function secretOf({ k }: { k?: unknown }): KeyObject {
  const bytes = typeof k === 'string' ? readBase64url(k) : undefined;
  if (bytes === undefined) throw new RangeError('no key');
  return createSecretKey(bytes);
}
