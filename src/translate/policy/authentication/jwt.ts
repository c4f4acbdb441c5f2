import {
  type BackendObjectReference,
  type JsonWebKeySet,
  type JwtProviderEntry,
  type KeySetReference,
  POLICY_REASON,
} from '../../../api/index.ts';
import { barredHost, type CredentialContent, type CredentialPlace, type JwtProvider } from '../../../config/index.ts';
import { milliseconds } from '../../../value/duration.ts';
import { readKeySet, SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../../value/json-web-key.ts';
import { resolveTrust } from '../../gateway/trust.ts';
import { type Problem, problem } from '../../verdict/problem.ts';
import type { MethodReader, MethodReading } from './method.ts';
import { placesOf } from './place.ts';
import { credentialKey, findConfigMap, findSecret, plainText, policyReferrer } from './secret.ts';

/** The key of a Secret or ConfigMap where no other is named. */
const FILE = 'jwks.json';
/** Milliseconds, where the policy does not say. */
const CLOCK_SKEW = 60_000;
const REFRESH = 300_000;
const STALE = 86_400_000;

/** Where a Service has its keys, where the policy does not say. */
const KEY_SET_PATH = '/.well-known/jwks.json';

const BEARER: CredentialPlace = { in: 'Header', name: 'authorization', scheme: 'bearer' };

/** Where nobody says: signed with a private key, and so that the issuer alone can. */
const ASYMMETRIC = (Object.keys(SIGNATURE_ALGORITHMS) as SignatureAlgorithm[]).filter(
  (name) => SIGNATURE_ALGORITHMS[name].kty !== 'oct',
);

export const readJwt: MethodReader<'jwt'> = ({ providers, from, realm = '', forwardCredential = true }, at) => {
  const read: JwtProvider[] = [];
  for (const [index, entry] of providers.entries()) {
    const provider = providerOf(entry, { ...at, field: `${at.field}.providers[${index}]` });
    if ('reason' in provider) return provider;
    read.push(provider);
  }
  return {
    type: 'Jwt',
    name: at.name,
    providers: read,
    from: placesOf(from, BEARER),
    realm,
    forwards: forwardCredential,
  };
};

function providerOf(entry: JwtProviderEntry, at: MethodReading): JwtProvider | Problem {
  const { issuer, audiences = [], algorithms = ASYMMETRIC, clockSkew, jwks } = entry;
  const secrets = algorithms.some((name) => SIGNATURE_ALGORITHMS[name].kty === 'oct');
  const place = { ...at, field: `${at.field}.jwks` };
  const content =
    jwks.backendRef === undefined ? contentOf(jwks, place, secrets) : backendOf(entry, jwks.backendRef, place);
  if ('reason' in content) return content;
  const credential = credentialKey(at);
  at.reading.credentials.push({ kind: 'Credential', key: credential, content });
  const skew = clockSkew === undefined ? CLOCK_SKEW : milliseconds(clockSkew)!;
  return { issuer, audiences, algorithms, clockSkew: skew, credential };
}

function contentOf(jwks: JwtProviderEntry['jwks'], at: MethodReading, secrets: boolean): CredentialContent | Problem {
  if (jwks.url !== undefined) return remoteOf(jwks, jwks.url, at);
  if (jwks.inline !== undefined) return keysIn(jwks.inline, { at, field: `${at.field}.inline`, secrets: false });
  const text = jwks.secretRef === undefined ? configMapText(jwks.configMapRef!, at) : secretText(jwks.secretRef, at);
  if (typeof text !== 'string') return text;
  const held = jwks.secretRef !== undefined;
  return keysIn(text, { at, field: `${at.field}.${held ? 'secretRef' : 'configMapRef'}`, secrets: held && secrets });
}

function secretText(reference: KeySetReference, at: MethodReading): string | Problem {
  const field = `${at.field}.secretRef`;
  const { key = FILE, ...named } = reference;
  const found = findSecret(named, at, field);
  if ('reason' in found) return found;
  const text = found.data?.[key];
  return text === undefined
    ? without(`Secret ${found.metadata.namespace}/${found.metadata.name}`, key, field)
    : plainText(text);
}

function configMapText(reference: KeySetReference, at: MethodReading): string | Problem {
  const field = `${at.field}.configMapRef`;
  const { key = FILE, ...named } = reference;
  const found = findConfigMap(named, at, field);
  if ('reason' in found) return found;
  return found.data?.[key] ?? without(`ConfigMap ${found.metadata.namespace}/${found.metadata.name}`, key, field);
}

function without(where: string, key: string, field: string): Problem {
  return problem(
    POLICY_REASON.InvalidCredentialRef,
    field,
    `${where} has no ${key}: a set of keys as JSON is expected there`,
  );
}

/** A key that cannot be used is told, and the others are: issuers publish keys of kinds that are to come. */
function keysIn(
  text: string,
  { at, field, secrets }: { at: MethodReading; field: string; secrets: boolean },
): CredentialContent | Problem {
  try {
    const { keys, faults } = readKeySet(text, secrets);
    const fault = problem(POLICY_REASON.InvalidCredentialRef, field, faults.join('; '));
    if (keys.length === 0)
      return { ...fault, message: `holds no key that can be used${faults.length > 0 ? `: ${fault.message}` : ''}` };
    if (faults.length > 0) at.reading.unresolved.push(fault);
    return { type: 'KeySet', text, secrets };
  } catch (error) {
    // What stands there may be a secret: of JSON's own complaint, which shows it, nothing is told.
    const why = error instanceof RangeError ? error.message : 'is no set of keys: {"keys": […]} as RFC 7517 has it';
    return problem(POLICY_REASON.InvalidCredentialRef, field, why);
  }
}

/** Service and policy are permitted, and the connection made, as for what external authentication asks. */
function backendOf(
  { issuer, jwks }: JwtProviderEntry,
  reference: BackendObjectReference,
  at: MethodReading,
): CredentialContent | Problem {
  const use = at.reading.serviceOf(reference, `${at.field}.backendRef`, 'HTTP');
  if ('reason' in use) return use;
  const { namespace, name } = use.service;
  const host = jwks.host ?? (URL.canParse(issuer) ? new URL(issuer).host : '');
  return {
    type: 'BackendKeySet',
    backend: use.key,
    host: host === '' ? `${name}.${namespace}.svc` : host,
    path: jwks.path ?? KEY_SET_PATH,
    ...timesOf(jwks),
  };
}

function timesOf({ refreshInterval, staleFor }: JsonWebKeySet): { refresh: number; stale: number } {
  return {
    refresh: refreshInterval === undefined ? REFRESH : Math.max(1000, milliseconds(refreshInterval)!),
    stale: staleFor === undefined ? STALE : milliseconds(staleFor)!,
  };
}

function remoteOf(jwks: JwtProviderEntry['jwks'], text: string, at: MethodReading): CredentialContent | Problem {
  const { look, invalid } = at.reading;
  const field = `${at.field}.url`;
  const host = new URL(text).hostname.replace(/^\[|\]$/g, '');
  const barred = barredHost(host, look.options.loopbackNames === 'allowed' ? 'allowed' : 'refused');
  if (barred !== undefined) invalid.push(problem(POLICY_REASON.Invalid, field, `leads to ${host}, which ${barred}`));
  const remote = {
    type: 'RemoteKeySet' as const,
    url: text,
    ...timesOf(jwks),
  };
  if (jwks.caCertificateRef === undefined) return remote;
  const reasons = { invalid: POLICY_REASON.InvalidCACertificateRef, kind: POLICY_REASON.InvalidKind };
  const trust = resolveTrust(look, {
    reference: jwks.caCertificateRef,
    field: `${at.field}.caCertificateRef`,
    from: policyReferrer(at),
    reasons,
  });
  return 'reason' in trust ? trust : { ...remote, ca: trust.bundle.pem };
}
