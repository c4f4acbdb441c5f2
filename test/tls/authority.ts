/** Certificate authorities of a test, and what they sign. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const DAY = 24 * 60 * 60 * 1000;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
} as const;

/** PEM. */
export interface Pair {
  certificate: string;
  privateKey: string;
}

export interface Leaf {
  /** Common name, or all of the subject's. */
  name?: string;
  dns?: string[];
  uris?: string[];
  /** Days from now; negative for the past. Absent: valid from yesterday for a week. */
  from?: number;
  until?: number;
  rsa?: boolean;
}

interface Signer {
  issuer: string;
  signingKey: webcrypto.CryptoKey;
  signingAlgorithm: typeof ECDSA | typeof RSA;
  /** PEM of authorities between it and its root, itself first; '' of a root. */
  chain: string;
}

export class Authority {
  readonly certificate: string;
  readonly #signer: Signer;

  private constructor(certificate: string, signer: Signer) {
    this.certificate = certificate;
    this.#signer = signer;
  }

  static async make(name: string, { rsa = false } = {}): Promise<Authority> {
    const algorithm = rsa ? RSA : ECDSA;
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned(
      {
        name: nameOf(name),
        notBefore: new Date(Date.now() - 30 * DAY),
        notAfter: new Date(Date.now() + 30 * DAY),
        signingAlgorithm: algorithm,
        keys,
        extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
      },
      webcrypto,
    );
    const signer = { issuer: nameOf(name), signingKey: keys.privateKey, signingAlgorithm: algorithm, chain: '' };
    return new Authority(certificate.toString('pem'), signer);
  }

  /** Another that this one vouches for. What it signs comes with its own certificate. */
  async authority(name: string): Promise<Authority> {
    const keys = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create(
      {
        subject: nameOf(name),
        notBefore: new Date(Date.now() - 30 * DAY),
        notAfter: new Date(Date.now() + 30 * DAY),
        publicKey: keys.publicKey,
        ...this.#signer,
        extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
      },
      webcrypto,
    );
    const chain = `${certificate.toString('pem')}\n${this.#signer.chain}`;
    const signer: Signer = { issuer: nameOf(name), signingKey: keys.privateKey, signingAlgorithm: ECDSA, chain };
    return new Authority(certificate.toString('pem'), signer);
  }

  /** PEM: what it takes back, until so many days from now. */
  async revocations(pairs: readonly Pair[], until = 7): Promise<string> {
    const { issuer, signingKey, signingAlgorithm } = this.#signer;
    const list = await x509.X509CrlGenerator.create(
      {
        ...{ issuer, signingKey, signingAlgorithm },
        thisUpdate: new Date(Date.now() - 10 * DAY),
        nextUpdate: new Date(Date.now() + until * DAY),
        entries: pairs.map(({ certificate }) => ({
          serialNumber: new x509.X509Certificate(certificate).serialNumber,
          revocationDate: new Date(Date.now() - DAY),
        })),
      },
      webcrypto,
    );
    return `${list.toString('pem')}\n`;
  }

  async sign({ name = 'leaf', dns = [], uris = [], from = -1, until = 7, rsa = false }: Leaf): Promise<Pair> {
    const keys = await webcrypto.subtle.generateKey(rsa ? RSA : ECDSA, true, ['sign', 'verify']);
    const names = [
      ...dns.map((value) => ({ type: 'dns' as const, value })),
      ...uris.map((value) => ({ type: 'url' as const, value })),
    ];
    const certificate = await x509.X509CertificateGenerator.create(
      {
        subject: nameOf(name),
        notBefore: new Date(Date.now() + from * DAY),
        notAfter: new Date(Date.now() + until * DAY),
        publicKey: keys.publicKey,
        ...this.#signer,
        extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
      },
      webcrypto,
    );
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const lines = pkcs8.match(/.{1,64}/g)!.join('\n');
    return {
      certificate:
        this.#signer.chain === ''
          ? certificate.toString('pem')
          : `${certificate.toString('pem')}\n${this.#signer.chain}`,
      privateKey: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
    };
  }
}

/** Names with more than a common name are written whole. */
function nameOf(name: string): string {
  return name.includes('=') ? name : `CN=${name}`;
}

/** Service `s` answers as `s.example`, by an authority of the ConfigMap `ca`. */
export const VERIFIED = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'BackendTLSPolicy',
  metadata: { name: 's' },
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: 's' }],
    validation: { hostname: 's.example', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] },
  },
};

/** A ConfigMap that holds CA certificates. */
export function caConfigMap(name: string, ...authorities: Authority[]): object {
  const data = { 'ca.crt': authorities.map(({ certificate }) => `${certificate}\n`).join('') };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}
