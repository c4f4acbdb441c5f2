/** TLS contexts of listeners, made from Certificate and TrustBundle objects, each once. */
import tls from 'node:tls';
import type { Certificate, Listener, Snapshot, TrustBundle } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { type TlsContext, TlsContexts } from '../listen/index.ts';

/** Suites of TLS 1.2 with forward secrecy and authenticated encryption; those of 1.3 are fine as they are. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const contexts = new WeakMap<Certificate, Map<string, tls.SecureContext>>();

/** Throws DMN_CERTIFICATE_INVALID where TLS cannot use the pair. */
export function secureContext(certificate: Certificate, ca: readonly string[] = []): tls.SecureContext {
  const key = ca.join('\n');
  let held = contexts.get(certificate);
  if (held === undefined) contexts.set(certificate, (held = new Map()));
  let context = held.get(key);
  if (context === undefined) {
    try {
      context = tls.createSecureContext({
        cert: certificate.certificate,
        key: certificate.privateKey,
        ciphers: CIPHERS,
        minVersion: 'TLSv1.2',
        ...(ca.length > 0 ? { ca: [...ca] } : {}),
      });
    } catch (error) {
      throw new DaemunError(
        'DMN_CERTIFICATE_INVALID',
        `Certificate ${certificate.key} cannot be used: ${(error as Error).message}`,
      );
    }
    held.set(key, context);
  }
  return context;
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
  const made: TlsContext[] = [];
  for (const key of settings.certificates) {
    const certificate = config.get('Certificate', key);
    if (certificate === undefined) continue;
    made.push({ hostname, secure: secureContext(certificate, ca), clients });
  }
  return made;
}
