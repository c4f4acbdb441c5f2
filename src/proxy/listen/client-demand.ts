/** What is asked of clients' certificates on a listener, and what becomes of the one that a client shows. */
import type { X509Certificate } from 'node:crypto';
import type tls from 'node:tls';
import type { CertificateForwarding } from '../../config/index.ts';
import { distinguishedName } from '../../value/distinguished-name.ts';
import type { ChainDepth, LinkTls } from '../ground/driver.ts';
import { isNear, isRoot } from './chain-depth.ts';

/** Most bytes of Client-Cert-Chain, which backends must have room for; a longer chain is not told. */
export const MAX_CHAIN_BYTES: number = 16 * 1024;

export interface ClientDemand {
  /** verify: a must. optional: one that is shown must be valid. request: it is told whether it is. nobody: no one is let in. */
  mode: 'verify' | 'optional' | 'request' | 'nobody';
  /** Authorities, and lists of what they took back. */
  options: Pick<tls.SecureContextOptions, 'ca' | 'crl'>;
  /** Changes with all that decides who is let in. */
  key: string;
  /** Connections that were let in by another of these end: where a policy asks. The Gateway's own validation ends none. */
  outdates: string;
  /** The authorities, where it matters how far away they are. */
  depth?: ChainDepth | undefined;
  forward?: CertificateForwarding | undefined;
  /** The mode by which those are told apart who are let in for a page alone, where `mode` lets in all for it. */
  beyondPage?: ClientDemand['mode'];
}

/** What a client showed. */
export interface ShownCertificate {
  certificate: X509Certificate | undefined;
  verified: boolean;
  /** In words, where it is not. */
  failure: string;
}

export function shownBy(socket: tls.TLSSocket, demand: ClientDemand | undefined): ShownCertificate {
  const certificate = socket.getPeerX509Certificate();
  const shown: ShownCertificate = { certificate, verified: false, failure: '' };
  if (certificate === undefined) return shown;
  const { authorized, authorizationError } = socket as tls.TLSSocket & { authorizationError?: unknown };
  if (!authorized) shown.failure = String(authorizationError ?? 'not verified');
  else if (demand?.depth !== undefined && !isNear(certificate, demand.depth)) shown.failure = 'CERT_CHAIN_TOO_LONG';
  else shown.verified = true;
  return shown;
}

/** Whether the handshake may lead to anything. */
export function admits(mode: ClientDemand['mode'] | 'ignore', { certificate, verified }: ShownCertificate): boolean {
  switch (mode) {
    case 'ignore':
    case 'request':
      return true;
    case 'verify':
      return verified;
    case 'optional':
      return certificate === undefined || verified;
    case 'nobody':
      return false;
  }
}

/** What the link knows of it. */
export function clientTls(shown: ShownCertificate, demand: ClientDemand | undefined): Partial<LinkTls> {
  const { certificate, verified } = shown;
  return {
    ...(certificate && { peerCertificate: certificate.raw }),
    peerVerified: verified,
    ...(demand?.beyondPage && !admits(demand.beyondPage, shown) && { turnedAway: true }),
    ...(demand?.forward && { identityLines: identityLines(shown, demand.forward) }),
  };
}

/** The same for all requests of the connection. */
function identityLines(shown: ShownCertificate, forward: CertificateForwarding): string {
  const { certificate, verified } = shown;
  let lines = '';
  if (forward.certificate && verified) lines += `Client-Cert: ${bytesField(certificate!)}\r\n`;
  if (forward.chain && verified) lines += chainLine(certificate!);
  return forward.nginxHeaders === undefined ? lines : lines + nginxLines(shown, forward.nginxHeaders);
}

/** RFC 9440, 2.3: those that the client showed with its own, without the root. */
function chainLine(leaf: X509Certificate): string {
  const fields: string[] = [];
  let bytes = 0;
  for (let one = leaf.issuerCertificate; one !== undefined; one = one.issuerCertificate) {
    if (isRoot(one)) continue;
    const field = bytesField(one);
    bytes += field.length + 2;
    if (bytes > MAX_CHAIN_BYTES) return '';
    fields.push(field);
  }
  return fields.length === 0 ? '' : `Client-Cert-Chain: ${fields.join(', ')}\r\n`;
}

function bytesField({ raw }: X509Certificate): string {
  return `:${raw.toString('base64')}:`;
}

/** As ingress-nginx writes them; a line without a value is left out. */
function nginxLines({ certificate, verified, failure }: ShownCertificate, which: 'Names' | 'Certificate'): string {
  if (certificate === undefined) return 'ssl-client-verify: NONE\r\n';
  const said: Array<[name: string, value: string]> = [
    ['ssl-client-verify', verified ? 'SUCCESS' : `FAILED:${failure}`],
    ['ssl-client-subject-dn', lineText(distinguishedName(certificate.subject ?? ''))],
    ['ssl-client-issuer-dn', lineText(distinguishedName(certificate.issuer ?? ''))],
    ['ssl-client-cert', which === 'Certificate' ? encodeURIComponent(certificate.toString()) : ''],
  ];
  return said.flatMap(([name, value]) => (value === '' ? [] : [`${name}: ${value}\r\n`])).join('');
}

/** A name may hold anything: what cannot stand in a line is escaped as RFC 4514 has it. */
function lineText(name: string): string {
  return Buffer.from(name, 'utf8')
    .latin1Slice()
    .replace(/[^\x20-\x7e]/g, (octet) => `\\${octet.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`);
}
