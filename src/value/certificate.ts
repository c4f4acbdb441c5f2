/** Certificates of our own making: ECDSA P-256, a common name, DNS names, and what they are for. */
import { createHash, createPrivateKey, generateKeyPair, randomBytes, sign, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { bits, flagBits, integer, octets, oid, sequence, set, tagged, time, truth, utf8 } from './der.ts';

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;
/** Tags that have a meaning of their own where they stand. */
const VERSION_FIELD = 0xa0;
const EXTENSIONS_FIELD = 0xa3;
const DNS_NAME = 0x82;
const KEY_IDENTIFIER = 0x80;
const KEY_IDENTIFIER_BYTES = 20;
/** The third version, counted from 0. */
const V3 = Buffer.from([2]);
const SERIAL_BYTES = 16;
/** Bits from the left: digitalSignature; keyCertSign and cRLSign. */
const SIGNS_HANDSHAKES = 0x80;
const SIGNS_CERTIFICATES = 0x06;

/** PEM. */
export interface Issued {
  certificate: string;
  privateKey: string;
}

export interface Subject {
  /** Common name. */
  name: string;
  dns: ReadonlyArray<string>;
  from: Date;
  until: Date;
  /** What it is for; absent: whatever its reader takes it for. */
  use?: 'authority' | 'server';
}

/** Signed by an authority made here, or by itself. */
export async function issued(subject: Subject, by?: Issued): Promise<Issued> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  // Names made here are a common name and nothing else.
  const signer = by && new X509Certificate(by.certificate);
  const key = publicKey.export({ type: 'spki', format: 'der' });
  const signerKey = signer?.publicKey.export({ type: 'spki', format: 'der' }) ?? key;
  const body = sequence(
    tagged(VERSION_FIELD, integer(V3)),
    integer(serial()),
    algorithm,
    named(signer?.subject.replace(/^CN=/, '') ?? subject.name),
    sequence(time(subject.from), time(subject.until)),
    named(subject.name),
    key,
    tagged(EXTENSIONS_FIELD, sequence(...identifiers(key, signerKey), ...extensions(subject, by === undefined))),
  );
  const signature = sign('sha256', body, by === undefined ? privateKey : createPrivateKey(by.privateKey));
  return {
    certificate: pem(sequence(body, algorithm, bits(signature))),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

function named(name: string): Buffer {
  return sequence(set(sequence(oid(OID.commonName), utf8(name))));
}

function extensions({ dns, use }: Subject, isOwn: boolean): Buffer[] {
  const names = dns.map((one) => tagged(DNS_NAME, Buffer.from(one)));
  const all: Buffer[] = [];
  if (isOwn) all.push(sequence(oid(OID.basicConstraints), truth(), octets(sequence(truth()))));
  if (use === 'authority') all.push(usage(SIGNS_CERTIFICATES));
  if (use === 'server') {
    all.push(usage(SIGNS_HANDSHAKES));
    all.push(sequence(oid(OID.extendedKeyUsage), octets(sequence(oid(OID.serverAuth)))));
  }
  if (names.length > 0) all.push(sequence(oid(OID.subjectAltName), octets(sequence(...names))));
  return all;
}

/** Who reads a chain finds by these which key signed. */
function identifiers(key: Buffer, signerKey: Buffer): Buffer[] {
  const signed = sequence(tagged(KEY_IDENTIFIER, identifier(signerKey)));
  return [
    sequence(oid(OID.subjectKeyIdentifier), octets(octets(identifier(key)))),
    sequence(oid(OID.authorityKeyIdentifier), octets(signed)),
  ];
}

function identifier(key: Buffer): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, KEY_IDENTIFIER_BYTES);
}

function usage(flags: number): Buffer {
  return sequence(oid(OID.keyUsage), truth(), octets(flagBits(flags)));
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
