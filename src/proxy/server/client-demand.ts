/** What a listener asks of clients' certificates: its ClientTrafficPolicy's, or else what its Gateway says of the port. */
import { createHash, X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import {
  type ClientCertificateSettings,
  type ClientValidation,
  type ConfigObject,
  type Credential,
  type Listener,
  policyKey,
  type Snapshot,
} from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import type { ClientDemand } from '../listen/index.ts';

/** Undefined: nothing is asked. */
export function clientDemand(listener: Listener, config: Snapshot): ClientDemand | undefined {
  const policy = config.get('Policy', policyKey('ClientCertificates', listener.key));
  if (policy !== undefined) {
    const settings = policy.type === 'ClientCertificates' ? policy.spec : UNREADABLE;
    return made(policy, demandParts(settings, config), () => {
      const demand = demandOf(settings, config);
      // A page can be told only where requests are read: whoever is let in for it gets nothing else (filter/certificate-page.ts).
      const isTold = settings.errorPage !== undefined && listener.protocol === 'HTTPS' && demand.mode !== 'nobody';
      return isTold ? { ...demand, mode: 'request' as const, beyondPage: demand.mode } : demand;
    });
  }
  const validation = listener.tls?.clientValidation;
  if (validation === undefined) return undefined;
  const settings = ofGateway(validation);
  return made(validation, demandParts(settings, config), () => {
    return { ...demandOf(settings, config), forward: undefined, outdates: '' };
  });
}

const MODES = { Required: 'verify', Optional: 'optional', OptionalUnverified: 'request' } as const;
const NOBODY: ClientDemand = { mode: 'nobody', options: {}, key: 'nobody', outdates: 'nobody' };
const UNREADABLE: ClientCertificateSettings = {
  ...{ source: '', mode: 'Required', trust: [], revoked: [] },
  forward: { certificate: false, chain: false },
  broken: 'it cannot be read',
};

function ofGateway({ mode, trust }: ClientValidation): ClientCertificateSettings {
  const forward = { certificate: true, chain: false };
  return {
    source: '',
    mode: mode === 'AllowValidOnly' ? 'Required' : 'OptionalUnverified',
    trust,
    revoked: [],
    forward,
  };
}

/** By what says so: for as long as that and all that it names are the same objects. */
const known = new WeakMap<object, { parts: readonly unknown[]; demand: ClientDemand }>();

function made(by: object, parts: readonly unknown[], make: () => ClientDemand): ClientDemand {
  const held = known.get(by);
  if (held !== undefined && held.parts.length === parts.length && held.parts.every((part, at) => part === parts[at])) {
    return held.demand;
  }
  const demand = make();
  known.set(by, { parts, demand });
  return demand;
}

function demandParts({ trust, revoked }: ClientCertificateSettings, config: Snapshot): Array<ConfigObject | undefined> {
  return [
    ...trust.map((key) => config.get('TrustBundle', key)),
    ...revoked.map((key) => config.get('Credential', key)),
  ];
}

/** What cannot be had lets nobody in: without authorities OpenSSL would take those of the machine, without a list all. */
function demandOf(settings: ClientCertificateSettings, config: Snapshot): ClientDemand {
  const { mode, trust, revoked, depth, forward, errorPage, broken } = settings;
  const ca = trust.flatMap((key) => config.get('TrustBundle', key)?.pem ?? []);
  const lists = revoked.map((key) => listsOf(config.get('Credential', key)));
  if (broken !== undefined || ca.length === 0 || lists.some((list) => list === undefined)) return NOBODY;
  const crl = lists.flatMap((list) => list!);
  const options = { ca, ...(crl.length > 0 && { crl }) };
  try {
    // Bundles and lists were looked at when they came (checkTrust, checkRevoked): a long one takes a while.
    const authorities = depth === undefined ? [] : authoritiesOf(ca);
    const said = JSON.stringify([mode, ca, crl, depth, forward, errorPage !== undefined]);
    const key = createHash('sha256').update(said).digest('base64');
    return {
      mode: MODES[mode],
      options,
      key,
      outdates: key,
      depth: depth === undefined ? undefined : { most: depth, authorities },
      forward,
    };
  } catch {
    return NOBODY;
  }
}

function listsOf(credential: Credential | undefined): string[] | undefined {
  return credential?.content.type === 'Revoked' ? credential.content.lists : undefined;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function authoritiesOf(ca: readonly string[]): X509Certificate[] {
  return ca.flatMap((pem) => Array.from(pem.match(PEM) ?? [], (block) => new X509Certificate(block)));
}

/** Throws DMN_CERTIFICATE_INVALID where TLS cannot use the lists. */
export function checkRevoked(credential: Credential): void {
  const crl = listsOf(credential);
  if (crl === undefined) return;
  try {
    tls.createSecureContext({ crl });
  } catch (error) {
    const why = (error as Error).message;
    throw new DaemunError('DMN_CERTIFICATE_INVALID', `Lists of revoked certificates ${credential.key}: ${why}`);
  }
}
