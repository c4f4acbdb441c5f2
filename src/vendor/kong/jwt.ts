import { createPublicKey } from 'node:crypto';
import type { CredentialPlaceEntry, JwtProviderEntry } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownSecret } from '../ours.ts';
import { consumerLines, secretName } from './consumer.ts';
import { type CredentialForm, usableCredentials } from './credential.ts';
import type { KongCredential, KongPluginKind } from './plugin.ts';
import { checkNames, checkPlaces, realmIn } from './spelling.ts';

const ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
] as const;
/** Providers of one policy. */
const MOST = 1_000;
type Algorithm = (typeof ALGORITHMS)[number];

export const jwt: KongPluginKind = {
  plugin: 'jwt',
  guards: true,
  read(config, site) {
    const ours = 'methods[].jwt.from';
    const headers = config.texts('header_names', { ours }) ?? ['authorization'];
    const queries = config.texts('uri_param_names', { ours }) ?? ['jwt'];
    const cookies = config.texts('cookie_names', { ours }) ?? [];
    config.only('key_claim_name', 'iss', 'the key is found by iss alone');
    const isEncoded = config.flag('secret_is_base64', { ours: 'methods[].jwt.providers[].jwks' }) ?? false;
    config.texts('claims_to_verify');
    const why = 'a token must have exp, and exp and nbf are verified, whatever is written here';
    config.findings.push({ field: config.at('claims_to_verify'), fate: 'Differs', why });
    config.only('maximum_expiration', 0, "how long a token may live is its issuer's to say");
    config.only('run_on_preflight', true, 'preflights that a CORS filter does not answer are asked for a token, too');
    config.lost('anonymous', 'nobody is let in without a token: anonymousPaths of an AuthenticationPolicy names paths');
    const realm = realmIn(config, 'methods[].jwt.realm');
    const from: CredentialPlaceEntry[] = [
      ...headers.map((header) => ({ header, scheme: 'Bearer' })),
      ...queries.map((query) => ({ query })),
      ...cookies.map((cookie) => ({ cookie })),
    ];
    checkNames(config, 'header_names', headers);
    checkNames(config, 'uri_param_names', queries);
    checkNames(config, 'cookie_names', cookies);
    checkPlaces(config, 'header_names', from);
    if (from.length === 0)
      config.refuse('header_names', 'a token must stand somewhere: in a header, the query or a cookie');
    const usable = usableCredentials(config, site, formOf(isEncoded));
    const issuers = usable.flatMap((one) => {
      const issuer = issuerOf(one.data, isEncoded);
      return typeof issuer === 'string' ? [] : [{ consumer: one.consumer, ...issuer }];
    });
    for (const issuer of issuers) tellOfWeakness(config, issuer);
    if (issuers.length > MOST) config.refuse('plugin', TOO_MANY);
    const metadata = { namespace: site.namespace, name: secretName(site, 'jwks') };
    const providers = issuers.map(({ key, algorithm }, at): JwtProviderEntry => {
      const secretRef = { group: '', kind: 'Secret', name: metadata.name, key: fileOf(at) };
      return { issuer: key, algorithms: [algorithm], jwks: { secretRef } };
    });
    const sets = issuers.map(({ jwk }, at) => [fileOf(at), JSON.stringify({ keys: [jwk] })] as const);
    const method = { name: 'jwt', jwt: { providers, from, ...(realm === undefined ? {} : { realm }) } };
    const lines = consumerLines(config, usable, { claim: 'iss', valueOf: ({ data }) => data.key ?? '' });
    return {
      policies: { AuthenticationPolicy: { methods: [method], ...lines } },
      secrets: sets.length === 0 ? [] : [ownSecret(metadata, Object.fromEntries(sets))],
    };
  },
};

const TOO_MANY = `more than ${MOST} credentials can be used: write an AuthenticationPolicy with one issuer for all, and a set of keys (jwt.providers[].jwks)`;

/** In the Secret: of each issuer by itself, so that nobody's key signs for another. */
function fileOf(at: number): string {
  return at === 0 ? 'jwks.json' : `jwks-${at}.json`;
}

function formOf(isEncoded: boolean): CredentialForm {
  return {
    type: 'jwt',
    idOf: ({ key = '' }) => key,
    faultOf: (data) => {
      const issuer = issuerOf(data, isEncoded);
      return typeof issuer === 'string' ? issuer : undefined;
    },
  };
}

interface Issuer {
  key: string;
  algorithm: Algorithm;
  jwk: object;
  /** Bytes of a secret. */
  length?: number;
}

/** Either alphabet: what a decoder leaves out would be a shorter secret than the one that is meant. */
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
/** Longer ones are not asked to be looked up in tokens. */
const MOST_CHARACTERS = 1_024;

/** A text: why the credential cannot be used. Nothing of what it holds is told. */
function issuerOf({ key = '', secret = '', ...rest }: KongCredential['data'], isEncoded: boolean): Issuer | string {
  const algorithm = ALGORITHMS.find((one) => one === (rest.algorithm ?? 'HS256'));
  if (key === '') return 'has no key, which is the issuer of his tokens';
  if (key.length > MOST_CHARACTERS) return `has a key of more than ${MOST_CHARACTERS} characters`;
  if (algorithm === undefined) return 'has an algorithm that is not served';
  if (!algorithm.startsWith('HS')) return publicIssuer({ key, algorithm }, rest.rsa_public_key);
  if (isEncoded && secret !== '' && !BASE64.test(secret))
    return 'has a secret that is no base64, as secret_is_base64 says';
  const bytes = isEncoded ? Buffer.from(secret, 'base64') : Buffer.from(secret);
  if (bytes.length === 0) return 'has no secret';
  return { key, algorithm, length: bytes.length, jwk: { kty: 'oct', alg: algorithm, k: bytes.toString('base64url') } };
}

/** By the first letters of an algorithm, and what a key of another curve could not sign. */
const KEY_TYPES: Readonly<Record<string, string>> = { RS: 'rsa', PS: 'rsa', ES: 'ec', Ed: 'ed25519' };
const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

function publicIssuer({ key, algorithm }: Pick<Issuer, 'key' | 'algorithm'>, pem: string | undefined): Issuer | string {
  try {
    const read = createPublicKey(pem ?? '');
    const jwk = read.export({ format: 'jwk' });
    const fits = read.asymmetricKeyType === KEY_TYPES[algorithm.slice(0, 2)];
    if (!fits || (CURVES[algorithm] ?? jwk.crv) !== jwk.crv)
      return `has an rsa_public_key that is none of ${algorithm}`;
    return { key, algorithm, jwk: { ...jwk, alg: algorithm } };
  } catch {
    return 'has no rsa_public_key that can be read';
  }
}

/** RFC 7518: a secret is as long as what is made with it; a shorter one is found by trying on any token of its holder's. */
function tellOfWeakness(config: Fields, { consumer, algorithm, length }: Issuer & { consumer: string }): void {
  const least = Number(algorithm.slice(2)) / 8;
  if (length === undefined || length >= least) return;
  const why = `the jwt credential of ${consumer} has a secret of less than the ${least} bytes that ${algorithm} asks for, which who has a token finds by trying: give him a longer one`;
  config.findings.push({ field: config.at('plugin'), fate: 'Differs', why });
}
