/** Private keys by which a client proves who it is: how each kind signs (RFC 7518). */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from './json-web-key.ts';

/** Bits of the shortest RSA key (RFC 7518 3.3). */
export const MIN_RSA_BITS = 2_048;

const CURVES: Readonly<Record<string, SignatureAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** Why a text is no key that signs; undefined: it is one. Nothing of the text is told. */
export function clientKeyFault(pem: string): string | undefined {
  try {
    const key = createPrivateKey(pem);
    const bits = key.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS;
    if (bits < MIN_RSA_BITS) return `has ${bits} bits: ${MIN_RSA_BITS} are the least`;
    return algorithmFor(key) === undefined ? `is of a kind that does not sign: RSA, EC and Ed25519 do` : undefined;
  } catch {
    return 'is no private key in PEM without a passphrase: make one with openssl genpkey -algorithm ed25519';
  }
}

function algorithmFor({ asymmetricKeyType: type, asymmetricKeyDetails }: KeyObject): SignatureAlgorithm | undefined {
  switch (type) {
    case 'rsa':
      return 'RS256';
    case 'rsa-pss':
      return 'PS256';
    case 'ed25519':
      return 'EdDSA';
    case 'ec':
      return CURVES[asymmetricKeyDetails?.namedCurve ?? ''];
    default:
      return undefined;
  }
}

/** A token in compact form (RFC 7515). Throws where the key is none. */
export function signedToken(pem: string, claims: object, kid?: string): string {
  const key = createPrivateKey(pem);
  const alg = algorithmFor(key);
  if (alg === undefined) throw new Error('the key is of a kind that does not sign');
  const header = { alg, typ: 'JWT', ...(kid === undefined ? {} : { kid }) };
  const text = `${partOf(header)}.${partOf(claims)}`;
  const { hash } = SIGNATURE_ALGORITHMS[alg];
  const signature = sign(alg === 'EdDSA' ? null : hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

function partOf(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
