/**
 * What OpenSSL is told of versions, suites and curves: the profile's and what the listener has for itself, or what is said of
 * endpoints.
 */
import tls from 'node:tls';
import type { ClientTls, TlsProfile } from '../../config/index.ts';
import type { EndpointVersions } from '../ground/driver.ts';
import { knownCurves, TLS_PROFILES } from './tls-profile.ts';

/** TLS 1.3 has suites of its own. */
const isLate = (suite: string): boolean => suite.startsWith('TLS_');

export function tlsSettings(profile: TlsProfile, own: ClientTls | undefined): tls.SecureContextOptions {
  const settings = TLS_PROFILES[profile];
  if (own === undefined) return settings;
  const { ciphers } = own;
  return {
    ...settings,
    ...versionSettings(own),
    ...(ciphers && { ciphers: together(ciphers, settings.ciphers!.split(':')) }),
    ...(ciphers?.some((suite) => suite.startsWith('DHE-')) && { dhparam: 'auto' }),
  };
}

/** One for each, since many connections are made with it. */
const ofEndpoints = new WeakMap<EndpointVersions, tls.SecureContextOptions>();

export function endpointSettings(own: EndpointVersions): tls.SecureContextOptions {
  let settings = ofEndpoints.get(own);
  if (settings === undefined) {
    const { ciphers = [], minVersion = '1.2' } = own;
    // SHA-1 and the versions before 1.2 need the level.
    const usual = [...tls.DEFAULT_CIPHERS.split(':'), ...(minVersion < '1.2' ? ['@SECLEVEL=0'] : [])];
    settings = { ...versionSettings(own), ciphers: together(ciphers, usual) };
    ofEndpoints.set(own, settings);
  }
  return settings;
}

function versionSettings({ minVersion, maxVersion, curves }: EndpointVersions): tls.SecureContextOptions {
  // OpenSSL may be one that has not got them all; then it is as without them.
  const ecdhCurve = curves?.filter((curve) => knownCurves(curve) !== undefined).join(':');
  return {
    ...(minVersion && { minVersion: versionOf(minVersion) }),
    ...(maxVersion && { maxVersion: versionOf(maxVersion) }),
    ...(ecdhCurve && { ecdhCurve }),
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
