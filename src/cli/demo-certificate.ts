/** The demo's TLS Secret: a certificate of its own, made anew at each start and kept on no disk longer than the run. */
import { generateKeyPair, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { bits, integer, octets, oid, sequence, set, tagged, time, truth, utf8 } from './der.ts';

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
} as const;
/** Tags that have a meaning of their own where they stand. */
const VERSION_FIELD = 0xa0;
const EXTENSIONS_FIELD = 0xa3;
const DNS_NAME = 0x82;
/** The third version, counted from 0. */
const V3 = Buffer.from([2]);
const SERIAL_BYTES = 16;
const DAY = 24 * 60 * 60 * 1000;

export interface DemoCertificate {
  /** PEM. */
  certificate: string;
  privateKey: string;
}

/** Self-signed, for these DNS names, valid for 90 days: no run is told that it ends soon. */
export async function demoCertificate(names: string[]): Promise<DemoCertificate> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const name = sequence(set(sequence(oid(OID.commonName), utf8(names[0]!))));
  const now = Date.now();
  const body = sequence(
    tagged(VERSION_FIELD, integer(V3)),
    integer(serial()),
    algorithm,
    name,
    sequence(time(new Date(now - DAY)), time(new Date(now + 90 * DAY))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(EXTENSIONS_FIELD, sequence(...extensions(names))),
  );
  const certificate = sequence(body, algorithm, bits(sign('sha256', body, privateKey)));
  return { certificate: pem(certificate), privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

function extensions(names: string[]): Buffer[] {
  const alternatives = names.map((one) => tagged(DNS_NAME, Buffer.from(one)));
  return [
    sequence(oid(OID.basicConstraints), truth(), octets(sequence(truth()))),
    sequence(oid(OID.subjectAltName), octets(sequence(...alternatives))),
  ];
}

/** Without a zero in front, which would not be the shortest form. */
function serial(): Buffer {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0]! |= 1;
  return bytes;
}

function pem(der: Buffer): string {
  const lines = der
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** A Secret manifest, in JSON. */
export function tlsSecret(
  ref: { namespace: string; name: string },
  { certificate, privateKey }: DemoCertificate,
): string {
  const data = { 'tls.crt': btoa(certificate), 'tls.key': btoa(privateKey) };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: ref, type: 'kubernetes.io/tls', data });
}
