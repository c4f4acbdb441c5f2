/** TLS contexts of listeners, made from Certificate and TrustBundle objects, each once. */
import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import {
  type Certificate,
  type Challenge,
  type ClientTrafficSpec,
  type Listener,
  policyKey,
  type Snapshot,
  type TrustBundle,
} from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { type PresentedCertificates, TLS_PROFILES, type TlsContext, TlsContexts } from '../listen/index.ts';
import { clientDemand } from './client-demand.ts';

/** A certificate of a listener, alone. */
interface OwnCertificate extends PresentedCertificates {
  /** 'rsa', 'ec', …: a connection can be offered one certificate of each. */
  keyType: string;
  /** The certificate is for this server name. */
  names(serverName: string): boolean;
  /** All names that it is for. */
  allNames: string;
}

const presented = new WeakMap<Certificate | Challenge, OwnCertificate>();

/** Throws DMN_CERTIFICATE_INVALID where TLS cannot use the pair. */
export function presentable(certificate: Certificate | Challenge): OwnCertificate {
  let made = presented.get(certificate);
  if (made === undefined) {
    try {
      const options: tls.SecureContextOptions = { cert: certificate.certificate, key: certificate.privateKey };
      // Throws where TLS cannot use them, while nothing has changed yet.
      tls.createSecureContext({ ...options, ...TLS_PROFILES.Intermediate });
      const leaf = new X509Certificate(certificate.certificate);
      const keyType = leaf.publicKey.asymmetricKeyType ?? '';
      made = {
        options,
        keyType,
        names: (name) => leaf.checkHost(name) !== undefined,
        allNames: (leaf.subjectAltName ?? leaf.subject).split(', ').sort().join(),
      };
    } catch (error) {
      throw new DaemunError(
        'DMN_CERTIFICATE_INVALID',
        `Certificate ${certificate.key} cannot be used: ${(error as Error).message}`,
      );
    }
    presented.set(certificate, made);
  }
  return made;
}

const PEM = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** Throws DMN_CERTIFICATE_INVALID where TLS cannot use the bundle; it passes over what is no certificate without a word. */
export function checkTrust({ key, pem }: TrustBundle): void {
  const blocks = pem.match(PEM) ?? [];
  let why = 'it has no PEM certificate';
  for (const block of blocks) {
    try {
      new X509Certificate(block);
      return;
    } catch (error) {
      why = (error as Error).message;
    }
  }
  throw new DaemunError('DMN_CERTIFICATE_INVALID', `CA bundle ${key} cannot be used: ${why}`);
}

/** False of a listener that terminates TLS and has nothing to do it with. */
export function hasCertificate({ tls: settings }: Listener, config: Snapshot): boolean {
  if (settings === undefined || settings.mode !== 'Terminate') return true;
  return settings.certificates.some((key) => config.get('Certificate', key) !== undefined);
}

/** A certificate authority may come to this listener's port. */
export function isChallenged({ key }: Listener, config: Snapshot): boolean {
  for (const { listeners } of config.of('Challenge').values()) if (listeners.includes(key)) return true;
  return false;
}

/** What is shown to certificate authorities on a port of these listeners; undefined where none is expected. */
export function challengeContexts(listeners: readonly Listener[], config: Snapshot): TlsContexts | undefined {
  if (!listeners.some((listener) => isChallenged(listener, config))) return undefined;
  const contexts = Array.from(config.of('Challenge').values(), (challenge): TlsContext => {
    const own = presentable(challenge);
    return { hostname: challenge.key, clients: 'ignore', profile: 'Intermediate', present: () => own };
  });
  return new TlsContexts(contexts);
}

/** The contexts of the listeners that terminate TLS and have a usable certificate. */
export function tlsContexts(listeners: readonly Listener[], config: Snapshot): TlsContexts {
  return new TlsContexts(listeners.flatMap((listener) => contextsOf(listener, config)));
}

function contextsOf(listener: Listener, config: Snapshot): TlsContext[] {
  const { tls: settings, hostname } = listener;
  if (settings === undefined || settings.mode !== 'Terminate') return [];
  const demand = clientDemand(listener, config);
  const certificates: OwnCertificate[] = [];
  for (const key of settings.certificates) {
    const certificate = config.get('Certificate', key);
    if (certificate !== undefined) certificates.push(presentable(certificate));
  }
  if (certificates.length === 0) return [];
  const clients = demand?.mode ?? 'ignore';
  return [{ hostname, clients, demand, ...settingsOf(listener, config), present: presenter(certificates) }];
}

function settingsOf({ key }: Listener, config: Snapshot): Pick<TlsContext, 'profile' | 'own'> {
  const policy = config.get('Policy', policyKey('ClientTraffic', key));
  const { tlsProfile: profile = 'Intermediate', tls: own } =
    policy?.type === 'ClientTraffic' ? policy.spec : NO_SETTINGS;
  return { profile, own };
}

const NO_SETTINGS: ClientTrafficSpec = {};

/**
 * The first certificate that is for the server name, and with it the first for that name of each other kind of key;
 * where none is for it, the first of all, and with it those that differ from it by their kind of key only.
 */
function presenter(certificates: readonly OwnCertificate[]): TlsContext['present'] {
  const first = certificates[0]!;
  if (certificates.length === 1) return () => first;
  const alike = certificates.filter(({ allNames }) => allNames === first.allNames);
  return (serverName) => {
    const fitting = serverName === '' ? [] : certificates.filter((one) => one.names(serverName));
    const candidates = fitting.length > 0 ? fitting : alike;
    const chosen = candidates.filter(
      ({ keyType }, at) => candidates.findIndex((one) => one.keyType === keyType) === at,
    );
    return chosen.slice(1).reduce<PresentedCertificates>(together, chosen[0]!);
  };
}

const combined = new WeakMap<PresentedCertificates, WeakMap<PresentedCertificates, PresentedCertificates>>();

/** Made once, so that what is presented stays the same object for as long as its certificates do. */
function together(first: PresentedCertificates, second: PresentedCertificates): PresentedCertificates {
  let held = combined.get(first);
  if (held === undefined) combined.set(first, (held = new WeakMap()));
  let made = held.get(second);
  if (made === undefined) {
    const cert = [first.options.cert, second.options.cert].flat() as string[];
    const key = [first.options.key, second.options.key].flat() as string[];
    made = { options: { ...first.options, cert, key } };
    held.set(second, made);
  }
  return made;
}
