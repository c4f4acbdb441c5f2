/** TLS contexts of listeners, made from Certificate and TrustBundle objects, each once. */
import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import type { Certificate, Listener, Snapshot, TrustBundle } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { CIPHERS, type PresentedCertificate, type TlsContext, TlsContexts } from '../listen/index.ts';

const presented = new WeakMap<Certificate, Map<string, PresentedCertificate>>();

/** Throws DMN_CERTIFICATE_INVALID where TLS cannot use the pair. */
export function presentable(certificate: Certificate, ca: readonly string[] = []): PresentedCertificate {
  const key = ca.join('\n');
  let held = presented.get(certificate);
  if (held === undefined) presented.set(certificate, (held = new Map()));
  let made = held.get(key);
  if (made === undefined) {
    try {
      const options: tls.SecureContextOptions = {
        cert: certificate.certificate,
        key: certificate.privateKey,
        ciphers: CIPHERS,
        minVersion: 'TLSv1.2',
        ...(ca.length > 0 ? { ca: [...ca] } : {}),
      };
      const leaf = new X509Certificate(certificate.certificate);
      made = { options, secure: tls.createSecureContext(options), names: (name) => leaf.checkHost(name) !== undefined };
    } catch (error) {
      throw new DaemunError(
        'DMN_CERTIFICATE_INVALID',
        `Certificate ${certificate.key} cannot be used: ${(error as Error).message}`,
      );
    }
    held.set(key, made);
  }
  return made;
}

/** Throws DMN_CERTIFICATE_INVALID where TLS cannot use the bundle. */
export function checkTrust(bundle: TrustBundle): void {
  try {
    tls.createSecureContext({ ca: bundle.pem });
  } catch (error) {
    const why = (error as Error).message;
    throw new DaemunError('DMN_CERTIFICATE_INVALID', `CA bundle ${bundle.key} cannot be used: ${why}`);
  }
}

/** The contexts of the listeners that terminate TLS and have a usable certificate. */
export function tlsContexts(listeners: readonly Listener[], config: Snapshot): TlsContexts {
  return new TlsContexts(listeners.flatMap((listener) => contextsOf(listener, config)));
}

function contextsOf(listener: Listener, config: Snapshot): TlsContext[] {
  const { tls: settings, hostname } = listener;
  if (settings === undefined || settings.mode !== 'Terminate') return [];
  const { clientValidation } = settings;
  const ca = (clientValidation?.trust ?? []).flatMap((key) => config.get('TrustBundle', key)?.pem ?? []);
  const clients =
    clientValidation === undefined ? 'ignore' : clientValidation.mode === 'AllowValidOnly' ? 'verify' : 'request';
  const certificates: PresentedCertificate[] = [];
  for (const key of settings.certificates) {
    const certificate = config.get('Certificate', key);
    if (certificate !== undefined) certificates.push(presentable(certificate, ca));
  }
  return certificates.length > 0 ? [{ hostname, certificates, clients }] : [];
}
