import { createPublicKey } from 'node:crypto';
import type { CredentialPlaceEntry, JwtProviderEntry, Secret } from '../../api/index.ts';
import { ownSecret } from '../ours.ts';
import { consumerLines, NO_CONSUMERS, secretName } from './consumer.ts';
import type { KongCredential, KongPluginKind, PluginSite } from './plugin.ts';

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
const MOST = 16;
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
    const realm = config.text('realm', { ours: 'methods[].jwt.realm' });
    const from: CredentialPlaceEntry[] = [
      ...headers.map((header) => ({ header, scheme: 'Bearer' })),
      ...queries.map((query) => ({ query })),
      ...cookies.map((cookie) => ({ cookie })),
    ];
    const found = site.credentials('jwt').map((one) => issuerOf(one, isEncoded));
    for (const one of found) if (typeof one === 'string') config.refuse('plugin', one);
    const issuers = found.filter((one) => typeof one !== 'string');
    if (issuers.length === 0) config.refuse('plugin', NO_CONSUMERS);
    if (issuers.length > MOST)
      config.refuse('plugin', `more than ${MOST} consumers have a key: write an AuthenticationPolicy`);
    if (new Set(issuers.map(({ key }) => key)).size < issuers.length)
      config.refuse('plugin', 'two credentials have one key: nobody could say who it is');
    const made = issuers.map((one, at) => providerOf(one, site, at));
    const providers = made.map(({ provider }) => provider);
    const method = { name: 'jwt', jwt: { providers, from, ...(realm === undefined ? {} : { realm }) } };
    return {
      policies: { AuthenticationPolicy: { methods: [method], ...consumerLines('iss') } },
      secrets: made.map(({ secret }) => secret),
    };
  },
};

interface Issuer {
  key: string;
  algorithm: Algorithm;
  jwk: object;
}

/** A text: why the credential cannot be used. Nothing of what it holds is told. */
function issuerOf({ consumer, data }: KongCredential, isEncoded: boolean): Issuer | string {
  const { key = '', secret = '', rsa_public_key: pem } = data;
  const algorithm = ALGORITHMS.find((one) => one === (data.algorithm ?? 'HS256'));
  if (key === '') return `the jwt credential of ${consumer} has no key, which is the issuer of his tokens`;
  if (algorithm === undefined) return `the jwt credential of ${consumer} has an algorithm that is not served`;
  if (algorithm.startsWith('HS')) {
    if (secret === '') return `the jwt credential of ${consumer} has no secret`;
    const bytes = isEncoded ? Buffer.from(secret, 'base64') : Buffer.from(secret);
    return { key, algorithm, jwk: { kty: 'oct', alg: algorithm, k: bytes.toString('base64url') } };
  }
  try {
    return { key, algorithm, jwk: { ...createPublicKey(pem ?? '').export({ format: 'jwk' }), alg: algorithm } };
  } catch {
    return `the jwt credential of ${consumer} has no rsa_public_key that can be read`;
  }
}

function providerOf(
  { key, algorithm, jwk }: Issuer,
  site: PluginSite,
  at: number,
): { provider: JwtProviderEntry; secret: Secret } {
  const metadata = { namespace: site.namespace, name: secretName(site, at === 0 ? 'jwks' : `jwks-${at}`) };
  const secret = ownSecret(metadata, { 'jwks.json': JSON.stringify({ keys: [jwk] }) });
  const secretRef = { group: '', kind: 'Secret', name: metadata.name };
  return { provider: { issuer: key, algorithms: [algorithm], jwks: { secretRef } }, secret };
}
