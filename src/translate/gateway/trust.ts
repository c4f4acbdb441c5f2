import { X509Certificate } from 'node:crypto';
import {
  CERTIFICATES_GROUP,
  type ConfigMap,
  keyOf,
  type ObjectReference,
  type Secret,
  supersededKey,
} from '../../api/index.ts';
import type { TrustBundle } from '../../config/index.ts';
import { grantHint, permitted, type Referrer } from '../grants.ts';
import { find, type Lookup } from '../lookup.ts';
import { absent, type Problem, problem } from '../verdict/problem.ts';
import { staleness } from './certificate.ts';

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** A reference to CA certificates, and the reasons that its owner uses for what can be wrong. */
export interface TrustUse {
  reference: ObjectReference;
  field: string;
  from: Referrer;
  reasons: { invalid: string; kind: string };
}

/** `stale`: a problem, though the last good form of the bundle can be used. */
export interface ResolvedTrust {
  bundle: TrustBundle;
  stale?: Problem;
}

/** The bundle in a ConfigMap's or Secret's `ca.crt`, or that of a ClusterTrustBundle, or why there is none. */
export function resolveTrust(look: Lookup, use: TrustUse): ResolvedTrust | Problem {
  const { reference, field, from, reasons } = use;
  const { group, kind, name } = reference;
  if (group === CERTIFICATES_GROUP && kind === 'ClusterTrustBundle') return ofCluster(look, use);
  if (group !== '' || (kind !== 'ConfigMap' && kind !== 'Secret')) {
    const named = group === '' ? kind : `${group}/${kind}`;
    return problem(
      reasons.kind,
      field,
      `${named} is no kind of CA certificates: refer to a ConfigMap or Secret with ca.crt, or to a ClusterTrustBundle`,
    );
  }
  const to = { group, kind, namespace: reference.namespace ?? from.namespace, name };
  const where = `${kind} ${to.namespace}/${name}`;
  if (!permitted(look, from, to)) {
    return problem('RefNotPermitted', field, `${where} is in another namespace: ${grantHint(from, to)}`);
  }
  const key = keyOf(kind, to.namespace, name);
  const superseded = look.context.fetch(look.inputs.superseded, supersededKey('authorities', key));
  const object = superseded?.form ?? find(look, kind, to);
  if (object === undefined) return absent(reasons.invalid, field, key);
  const read = readAuthorities(object);
  if ('fault' in read) return problem(reasons.invalid, field, `${where}: ${read.fault}`);
  const found: ResolvedTrust = { bundle: { kind: 'TrustBundle', key, pem: read.pem } };
  if (superseded !== undefined) found.stale = problem(reasons.invalid, field, staleness(superseded));
  return found;
}

/** Whoever may name it may use it: it is for all namespaces. */
function ofCluster(look: Lookup, { reference, field, reasons }: TrustUse): ResolvedTrust | Problem {
  const { name, namespace } = reference;
  if (namespace !== undefined) {
    const message = `ClusterTrustBundle ${name} is in no namespace: remove namespace`;
    return problem(reasons.invalid, `${field}.namespace`, message);
  }
  const key = keyOf('ClusterTrustBundle', '', name);
  const object = find(look, 'ClusterTrustBundle', { namespace: '', name });
  if (object === undefined) return absent(reasons.invalid, field, key);
  const read = bundle(object.spec.trustBundle, 'trustBundle');
  if ('fault' in read) return problem(reasons.invalid, field, `ClusterTrustBundle ${name}: ${read.fault}`);
  return { bundle: { kind: 'TrustBundle', key, pem: read.pem } };
}

export function readAuthorities(object: ConfigMap | Secret): { pem: string } | { fault: string } {
  return bundle(authorities(object), 'ca.crt');
}

function authorities(object: ConfigMap | Secret): string {
  if (object.kind === 'Secret') return Buffer.from(object.data?.['ca.crt'] ?? '', 'base64').toString('latin1');
  return object.data?.['ca.crt'] ?? Buffer.from(object.binaryData?.['ca.crt'] ?? '', 'base64').toString('latin1');
}

function bundle(text: string, place: string): { pem: string } | { fault: string } {
  if (text === '') return { fault: `has no ${place}` };
  const certificates = text.match(PEM_CERTIFICATE) ?? [];
  if (certificates.length === 0) return { fault: `${place} holds no PEM certificate` };
  for (const [at, pem] of certificates.entries()) {
    try {
      void new X509Certificate(pem);
    } catch {
      return { fault: `certificate ${at + 1} of ${place} cannot be read` };
    }
  }
  return { pem: `${certificates.join('\n')}\n` };
}
