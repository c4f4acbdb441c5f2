import type { AuthenticationEntry, CredentialPlaceEntry, JwtProviderEntry } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { compact } from '../suggest/compact.ts';
import { duration } from '../suggest/quantity.ts';
import type { AuthenticationParts } from './authentication-parts.ts';

/** Each provider is a method: each has its own places for its tokens. */
export function jwtMethods(jwt: Fields | undefined, parts: AuthenticationParts): AuthenticationEntry[] {
  if (jwt === undefined) return [];
  jwt.only('optional', false, 'a token is asked for: anonymousPaths names paths without');
  jwt.only('failOpen', false, 'who cannot be known is not let in');
  return jwt.objects('providers').flatMap((provider) => methodOf(provider, parts));
}

function methodOf(provider: Fields, { claimsToHeaders }: AuthenticationParts): AuthenticationEntry[] {
  const name = provider.text('name', { ours: 'methods[].name' });
  const issuer = provider.text('issuer', { ours: 'methods[].jwt.providers[].issuer' });
  const audiences = provider.texts('audiences', { ours: 'methods[].jwt.providers[].audiences' });
  provider.lost('recomputeRoute', 'the rule is chosen before: match the header in another Gateway');
  for (const one of provider.objects('claimToHeaders')) {
    const [header, claim] = [one.text('header', { ours: 'claimsToHeaders' }), one.text('claim')];
    if (header !== undefined && claim !== undefined) claimsToHeaders.push({ name: header, claim });
  }
  const from = placesOf(provider.object('extractFrom'));
  const jwks = keysOf(provider);
  if (issuer === undefined) provider.refuse('issuer', 'is required here: a token says whose it is by iss');
  if (issuer === undefined || jwks === undefined) return [];
  const entry = compact<JwtProviderEntry>({ issuer, ...(audiences === undefined ? {} : { audiences }), jwks })!;
  return [
    { ...(name === undefined ? {} : { name }), jwt: { providers: [entry], ...(from.length > 0 ? { from } : {}) } },
  ];
}

function keysOf(provider: Fields): JwtProviderEntry['jwks'] | undefined {
  const remote = provider.object('remoteJWKS');
  const ours = 'methods[].jwt.providers[].jwks';
  const url = remote?.text('uri', { ours: `${ours}.url` });
  const refreshInterval = remote && duration(remote, 'cacheDuration', { ours: `${ours}.refreshInterval` });
  remote?.lost('failedRefetchDuration', 'keys are asked for again by refreshInterval');
  for (const name of ['backendRef', 'backendRefs', 'backendSettings'])
    remote?.lost(name, 'keys are asked for at the url itself');
  const local = provider.object('localJWKS');
  local?.text('type');
  const inline = local?.text('inline', { ours: `${ours}.inline` });
  const reference = local?.object('valueRef');
  reference?.text('group');
  const kind = reference?.text('kind') ?? 'ConfigMap';
  const held = reference?.text('name', { ours: `${ours}.${kind === 'Secret' ? 'secretRef' : 'configMapRef'}` });
  if (url !== undefined) return { url, ...(refreshInterval === undefined ? {} : { refreshInterval }) };
  if (inline !== undefined) return { inline };
  if (held === undefined) return undefined;
  const named = { group: '', kind, name: held, key: 'jwks' };
  return kind === 'Secret' ? { secretRef: named } : { configMapRef: named };
}

function placesOf(extract: Fields | undefined): CredentialPlaceEntry[] {
  const ours = 'methods[].jwt.from';
  const headers = (extract?.objects('headers') ?? []).flatMap((one): CredentialPlaceEntry[] => {
    const header = one.text('name', { ours });
    const scheme = one.text('valuePrefix', { ours: 'methods[].jwt.from[].scheme' })?.trim();
    if (header === undefined) return [];
    return [{ header, ...(scheme === undefined || scheme === '' ? {} : { scheme }) }];
  });
  const cookies = (extract?.texts('cookies', { ours }) ?? []).map((cookie) => ({ cookie }));
  return [...headers, ...cookies, ...(extract?.texts('params', { ours }) ?? []).map((query) => ({ query }))];
}
