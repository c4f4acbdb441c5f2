import { createPrivateKey, X509Certificate } from 'node:crypto';
import { keyOf, type Secret, type SecretObjectReference, type Superseded } from '../../api/index.ts';
import type { Certificate } from '../../config/index.ts';
import type { Collection } from '../../graph/index.ts';
import { grantHint, permitted, type Referent, type Referrer } from '../grants.ts';
import type { Lookup } from '../lookup.ts';
import { absent, type Problem, problem } from '../verdict/problem.ts';

/**
 * A Secret that something refers to as a certificate: usable, or why not. `stale`: its present form is not, and the last
 * good one serves in its place.
 */
export type CertificateVerdict = ReadCertificate | { fault: string };

interface ReadCertificate {
  certificate: Certificate;
  /** DNS names that the certificate is for, in lower case. */
  names: string[];
  /** Of the Secret. */
  type: string;
  stale?: string;
}

/** The certificate of a Secret as it is, or of its last good form. */
export function certificateVerdict(
  secret: Secret | undefined,
  superseded: Superseded | undefined,
): CertificateVerdict | undefined {
  if (superseded?.form.kind === 'Secret') {
    const last = readCertificate(superseded.form);
    if ('certificate' in last) return { ...last, stale: staleness(superseded) };
  }
  return secret && readCertificate(secret);
}

/** What a condition says of a credential whose last good form is in use. */
export function staleness({ form, why, since }: Superseded): string {
  const { namespace = '', name } = form.metadata;
  const object = `${form.kind} ${namespace}/${name}`;
  const told = why.startsWith(object) ? why : `${object} ${why}`;
  return `${told}, since ${since}: its last good form stays in service`;
}

/** Reads a kubernetes.io/tls Secret. Dates are left to the data plane, which has a clock. */
export function readCertificate(secret: Secret): CertificateVerdict {
  const { namespace = '', name } = secret.metadata;
  const certificate = certificatesIn(decoded(secret, 'tls.crt'));
  const privateKey = decoded(secret, 'tls.key');
  const missing = [certificate === '' ? 'tls.crt' : '', privateKey === '' ? 'tls.key' : ''].filter((key) => key !== '');
  if (missing.length > 0)
    return { fault: `Secret ${namespace}/${name} has no ${missing.join(' and no ')} in its data` };
  const read = leafOf(certificate, privateKey);
  if (typeof read === 'string') return { fault: `Secret ${namespace}/${name}: ${read}` };
  return {
    certificate: { kind: 'Certificate', key: `${namespace}/${name}`, certificate, privateKey },
    names: namesOf(read),
    type: secret.type ?? 'Opaque',
  };
}

/** Clients look at the common name only where there is no other, and most not at all. */
function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return Array.from(subjectAltName.matchAll(/DNS:([^,\s"]+)/g), ([, name]) => name!.toLowerCase());
}

/** A client takes the certificate for this host, or for some host that the wildcard stands for. */
export function isFor(names: ReadonlyArray<string>, hostname: string): boolean {
  const parent = hostname.slice(hostname.indexOf('.'));
  return names.some((name) => name === hostname || (name.startsWith('*.') && name.slice(1) === parent));
}

const PEM_CERTIFICATE = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[\s\S]*?-----END \1-----/g;

/** Nothing but certificates: some put the key beside them, and what is called a certificate is shown to everybody. */
function certificatesIn(text: string): string {
  const found = text.match(PEM_CERTIFICATE);
  return found === null ? (text === '' ? '' : NO_CERTIFICATE) : `${found.join('\n')}\n`;
}

/** Stands for text that holds no certificate. */
const NO_CERTIFICATE = 'none';

function decoded(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64').toString('latin1');
}

/** The first certificate, or why the pair is none. */
function leafOf(certificate: string, privateKey: string): X509Certificate | string {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificate);
  } catch {
    return 'tls.crt holds no PEM certificate that can be read';
  }
  try {
    if (leaf.checkPrivateKey(createPrivateKey(privateKey))) return leaf;
  } catch {
    return 'tls.key holds no unencrypted PEM private key that can be read';
  }
  return 'tls.key does not belong to the first certificate in tls.crt';
}

/** A reference to a certificate, where it stands, and who makes it. */
export interface CertificateUse {
  reference: SecretObjectReference;
  field: string;
  from: Referrer;
  /** The reason where the Secret is absent or unusable. */
  reason: string;
}

/** Key of the Secret that a reference names, or undefined where it names no Secret. */
export function secretKey({ reference, from }: CertificateUse): string | undefined {
  if (reference.group !== '' || reference.kind !== 'Secret') return undefined;
  return keyOf('Secret', reference.namespace ?? from.namespace, reference.name);
}

/** A reference to a Secret that is allowed and leads nowhere. */
export function isAbsent(look: Lookup, verdicts: Collection<CertificateVerdict>, use: CertificateUse): boolean {
  const key = secretKey(use);
  return (
    key !== undefined && permitted(look, use.from, secretOf(use)) && look.context.fetch(verdicts, key) === undefined
  );
}

function secretOf({ reference, from }: CertificateUse): Referent {
  return { group: '', kind: 'Secret', namespace: reference.namespace ?? from.namespace, name: reference.name };
}

/** `stale`: a problem, though the certificate can be used. */
export interface ResolvedCertificate extends Omit<ReadCertificate, 'stale'> {
  stale?: Problem;
}

/** The certificate that a reference leads to. Permission is judged first, so that nothing is told of what is hidden. */
export function resolveCertificate(
  look: Lookup,
  verdicts: Collection<CertificateVerdict>,
  use: CertificateUse,
): ResolvedCertificate | Problem {
  return certificateOf(look, use, (key) => look.context.fetch(verdicts, key));
}

/** The same for whoever reads Secrets by himself. */
export function certificateOf(
  look: Lookup,
  use: CertificateUse,
  verdictOf: (key: string) => CertificateVerdict | undefined,
): ResolvedCertificate | Problem {
  const { reference, field, from, reason } = use;
  const key = secretKey(use);
  if (key === undefined) {
    const kind = reference.group === '' ? reference.kind : `${reference.group}/${reference.kind}`;
    return problem(reason, field, `${kind} is no kind of certificate: refer to a Secret of type kubernetes.io/tls`);
  }
  const to = secretOf(use);
  if (!permitted(look, from, to)) {
    const message = `Secret ${to.namespace}/${to.name} is in another namespace: ${grantHint(from, to)}`;
    return problem('RefNotPermitted', field, message);
  }
  const verdict = verdictOf(key);
  if (verdict === undefined) return absent(reason, field, key);
  if ('fault' in verdict) return problem(reason, field, verdict.fault);
  const { stale, ...read } = verdict;
  return stale === undefined ? read : { ...read, stale: problem(reason, field, stale) };
}
