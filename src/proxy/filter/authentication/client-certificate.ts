/** Who shows a certificate that the listener has verified: what stands in it says who it is. */
import { X509Certificate } from 'node:crypto';
import type { CertificateMatch, ClientCertificateMethod } from '../../../config/index.ts';
import { distinguishedName, nameParts } from '../../../value/distinguished-name.ts';
import type { LinkTls } from '../../ground/driver.ts';
import { compileRegex } from '../../match/regex.ts';
import type { FilterScope } from '../filter.ts';
import type { Claims } from '../identity.ts';
import { type Finding, type Method, type Refusal, refusal } from './method.ts';

export function clientCertificateMethod({ match }: ClientCertificateMethod): Method {
  return new ClientCertificate(match);
}

const ABSENT: Refusal = refusal('absent', 403, 'A client certificate is needed.');
const UNVERIFIED: Refusal = refusal('wrong', 403, 'The client certificate could not be verified.');
const UNKNOWN: Refusal = refusal('wrong', 403, 'The client certificate is of nobody who may ask for this.');

type Test = (claims: CertificateClaims) => boolean;

class ClientCertificate implements Method {
  readonly #tests: readonly Test[];
  /** By connection, each of which has one certificate. */
  readonly #found = new WeakMap<LinkTls, Finding>();

  constructor(match: readonly CertificateMatch[]) {
    this.#tests = match.map(testOf);
  }

  identify({ client: { tls } }: FilterScope): Finding {
    if (tls?.peerCertificate === undefined) return ABSENT;
    if (!tls.peerVerified) return UNVERIFIED;
    let found = this.#found.get(tls);
    if (found === undefined) this.#found.set(tls, (found = this.#judge(tls.peerCertificate)));
    return found;
  }

  takesSecret(): boolean {
    return false;
  }

  #judge(der: Buffer): Finding {
    const claims = claimsOf(new X509Certificate(der));
    const tests = this.#tests;
    if (tests.length > 0 && !tests.some((test) => test(claims))) return UNKNOWN;
    return { identity: { subject: claims.sub, claims } };
  }
}

/** As nginx names them: `ssl-client-verify`, `-subject-dn` and so on are made of these. */
interface CertificateClaims extends Claims {
  sub: string;
  cn: string[];
  issuer: string;
  serial: string;
  fingerprint: string;
  dns: string[];
  uri: string[];
  email: string[];
  verify: string;
  /** PEM, percent-encoded. */
  pem: string;
}

function claimsOf(certificate: X509Certificate): CertificateClaims {
  const names = namesOf(certificate.subjectAltName ?? '');
  const subject = certificate.subject ?? '';
  return {
    sub: distinguishedName(subject),
    cn: nameParts(subject).flatMap((part) => (part.startsWith('CN=') ? [part.slice(3)] : [])),
    issuer: distinguishedName(certificate.issuer ?? ''),
    serial: certificate.serialNumber,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    dns: names('DNS'),
    uri: names('URI'),
    email: names('email'),
    verify: 'SUCCESS',
    pem: encodeURIComponent(certificate.toString()),
  };
}

/** Names of a kind, as Node writes them; one that it had to put in quotes, since it holds a comma, is nobody's. */
function namesOf(text: string): (kind: string) => string[] {
  const parts = text.includes('"') ? [] : text.split(', ');
  return (kind) => parts.flatMap((part) => (part.startsWith(`${kind}:`) ? [part.slice(kind.length + 1)] : []));
}

function testOf({ field, type, value }: CertificateMatch): Test {
  const holds = type === 'Exact' ? (text: string) => text === value : wholeMatch(value);
  switch (field) {
    case 'Subject':
      return ({ sub }) => holds(sub);
    case 'CommonName':
      return ({ cn }) => cn.some(holds);
    case 'DNS':
      return ({ dns }) => dns.some(holds);
    case 'URI':
      return ({ uri }) => uri.some(holds);
    case 'Email':
      return ({ email }) => email.some(holds);
  }
}

function wholeMatch(expression: string): (text: string) => boolean {
  const regex = compileRegex(expression);
  return (text) => regex.testExact(Buffer.from(text, 'utf8').latin1Slice());
}
