/** What OpenSSL is told of versions, suites and curves: the profile's, and what the listener has for itself. */
import type tls from 'node:tls';
import type { ClientTls, TlsProfile } from '../../config/index.ts';
import { knownCurves, TLS_PROFILES } from './tls-profile.ts';

/** TLS 1.3 has suites of its own. */
const isLate = (suite: string): boolean => suite.startsWith('TLS_');

export function tlsSettings(profile: TlsProfile, own: ClientTls | undefined): tls.SecureContextOptions {
  const settings = TLS_PROFILES[profile];
  if (own === undefined) return settings;
  const { minVersion, maxVersion, ciphers, curves } = own;
  // OpenSSL may be one that has not got them all; then it is as without them.
  const ecdhCurve = curves?.filter((curve) => knownCurves(curve) !== undefined).join(':');
  return {
    ...settings,
    ...(minVersion && { minVersion: versionOf(minVersion) }),
    ...(maxVersion && { maxVersion: versionOf(maxVersion) }),
    ...(ciphers && { ciphers: together(ciphers, settings.ciphers!.split(':')) }),
    ...(ecdhCurve && { ecdhCurve }),
    ...(ciphers?.some((suite) => suite.startsWith('DHE-')) && { dhparam: 'auto' }),
  };
}

/** Suites of TLS 1.3 and those before are two lists: the one of which nothing is named stays the profile's. */
function together(named: readonly string[], usual: readonly string[]): string {
  const late = named.some(isLate) ? named : usual;
  const early = named.some((suite) => !isLate(suite)) ? named : usual;
  const levels = usual.filter((suite) => suite.startsWith('@'));
  const suites = [...late.filter(isLate), ...early.filter((suite) => !isLate(suite) && !suite.startsWith('@'))];
  return [...suites, ...levels].join(':');
}

function versionOf(version: NonNullable<ClientTls['minVersion']>): tls.SecureVersion {
  return version === '1.0' ? 'TLSv1' : `TLSv${version}`;
}
