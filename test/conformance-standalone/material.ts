/** The keys, certificates and CAs that the suite makes at run time. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  type Extension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 24 * 60 * 60 * 1000;
const INFRA = 'gateway-conformance-infra';
const WEB = 'gateway-conformance-web-backend';
const APP = 'gateway-conformance-app-backend';

/** PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

interface Authority {
  certificate: X509Certificate;
  keys: webcrypto.CryptoKeyPair;
}

export interface Material {
  /** Secrets and ConfigMaps as manifests, in JSON. */
  objects: object[];
  /** By `namespace/name` of the Secret. */
  pairs: Map<string, KeyPair>;
  /** PEM, by `namespace/name` of the ConfigMap. */
  authorities: Map<string, string>;
}

/** All that the suite's set-up applies; ECDSA keys, which are quicker to make than RSA. */
export async function makeMaterial(): Promise<Material> {
  const maker = new Maker();
  const client = await maker.authority(INFRA, 'tls-validity-checks-ca-certificate');
  const perPort = await maker.authority(INFRA, 'tls-validity-checks-per-port-ca-certificate');
  const backend = await maker.authority(INFRA, 'tls-checks-ca-certificate');
  await maker.authority(WEB, 'web-backend-cm');
  await maker.authority(INFRA, 'mismatch-ca-certificate');
  await maker.pair(`${WEB}/certificate`, ['*']);
  await maker.pair(`${INFRA}/tls-validity-checks-certificate`, ['*', '*.org', '*.wildcard.org']);
  await maker.pair(`${INFRA}/tls-validity-checks-client-certificate`, [], client);
  await maker.pair(`${INFRA}/tls-validity-checks-per-port-client-certificate`, [], perPort);
  const names = ['abc.example.com', 'spiffe://abc.example.com/test-identity', 'other.example.com'];
  await maker.pair(`${INFRA}/tls-checks-certificate`, names, backend);
  await maker.pair(`${INFRA}/tls-checks-client-certificate`, [], backend);
  await maker.pair(`${INFRA}/tls-passthrough-checks-certificate`, ['abc.example.com'], backend);
  await maker.pair(`${APP}/tls-passthrough-checks-certificate`, ['abc.example.com'], backend);
  await maker.pair(`${INFRA}/tls-terminate-checks-certificate`, ['tls.example.com'], backend);
  return maker.material;
}

class Maker {
  readonly material: Material = { objects: [], pairs: new Map(), authorities: new Map() };

  async authority(namespace: string, name: string): Promise<Authority> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...validity(`CN=${name}`),
      keys,
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    });
    const pem = certificate.toString('pem');
    const data = { 'ca.crt': pem };
    this.material.objects.push({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data });
    this.material.authorities.set(`${namespace}/${name}`, pem);
    return { certificate, keys };
  }

  /** Self-signed without an authority. */
  async pair(secret: string, names: string[], authority?: Authority): Promise<void> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const entries = names.map((value) => ({
      type: value.includes('://') ? ('url' as const) : ('dns' as const),
      value,
    }));
    const extensions: Extension[] = names.length > 0 ? [new SubjectAlternativeNameExtension(entries)] : [];
    const certificate = authority
      ? await X509CertificateGenerator.create({
          ...validity('CN=default'),
          issuer: authority.certificate.subject,
          subject: 'CN=default',
          publicKey: keys.publicKey,
          signingKey: authority.keys.privateKey,
          extensions,
        })
      : await X509CertificateGenerator.createSelfSigned({ ...validity('CN=default'), keys, extensions });
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`;
    const pair = { certificate: certificate.toString('pem'), key };
    this.material.pairs.set(secret, pair);
    const [namespace, name] = secret.split('/');
    const data = { 'tls.crt': btoa(pair.certificate), 'tls.key': btoa(pair.key) };
    const metadata = { namespace, name };
    this.material.objects.push({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data });
  }
}

function validity(name: string) {
  return {
    name,
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + DAY),
    signingAlgorithm: ALGORITHM,
  };
}
