/** Versions, cipher suites, curves and signature algorithms, as Mozilla groups them (Server Side TLS, 5.7). */
import { constants } from 'node:crypto';
import tls from 'node:tls';
import type { TlsProfile } from '../../config/index.ts';

const OF_TLS_13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Of TLS 1.2, with forward secrecy and authenticated encryption. Those with DHE are left out: all clients have ECDHE. */
const INTERMEDIATE = [
  ...OF_TLS_13,
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];

const OLD = [
  ...INTERMEDIATE,
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA256',
  'AES256-SHA256',
  'AES128-SHA',
  'AES256-SHA',
  // SHA-1 and the versions before 1.2 need it.
  '@SECLEVEL=0',
];

/** SHA-2 with all kinds of key that a certificate may have. */
const SIGNATURES = [
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ecdsa_secp521r1_sha512',
  'ed25519',
  'rsa_pss_pss_sha256',
  'rsa_pss_pss_sha384',
  'rsa_pss_pss_sha512',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pkcs1_sha256',
  'rsa_pkcs1_sha384',
  'rsa_pkcs1_sha512',
];

/** With the hybrid that withstands quantum computers, where OpenSSL has it. */
const CURVES = knownCurves('X25519MLKEM768:X25519:P-256:P-384') ?? 'X25519:P-256:P-384';

/** Undefined where OpenSSL has not got all of them. */
export function knownCurves(ecdhCurve: string): string | undefined {
  try {
    tls.createSecureContext({ ecdhCurve });
    return ecdhCurve;
  } catch {
    return undefined;
  }
}

/**
 * A renegotiation costs a handshake, and no client needs one: it is refused with a warning. Suites are taken in our order,
 * so that no client is led to a weaker one than it has.
 */
const COMMON = {
  ecdhCurve: CURVES,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
};

export const TLS_PROFILES: Readonly<Record<TlsProfile, tls.SecureContextOptions>> = {
  Modern: { ...COMMON, minVersion: 'TLSv1.3', ciphers: OF_TLS_13.join(':'), sigalgs: SIGNATURES.join(':') },
  Intermediate: { ...COMMON, minVersion: 'TLSv1.2', ciphers: INTERMEDIATE.join(':'), sigalgs: SIGNATURES.join(':') },
  Old: {
    ...COMMON,
    minVersion: 'TLSv1',
    ciphers: OLD.join(':'),
    sigalgs: [...SIGNATURES, 'ECDSA+SHA1', 'RSA+SHA1'].join(':'),
  },
};
