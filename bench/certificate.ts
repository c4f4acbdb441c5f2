/** Self-signed certificates for one run, made by openssl. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.ts';

export interface Certificate {
  cert: string;
  key: string;
  /** Both in one file, as HAProxy reads them. */
  pem: string;
}

export type KeyType = 'rsa' | 'ecdsa';

/** For `localhost`, valid for two days, in files named after the key type. */
export async function makeCertificate(dir: string, type: KeyType): Promise<Certificate> {
  const cert = join(dir, `${type}.crt`);
  const key = join(dir, `${type}.key`);
  const pem = join(dir, `${type}.pem`);
  const kind = type === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', cert];
  await run(['openssl', 'req', '-x509', '-nodes', '-days', '2', '-newkey', ...kind, ...subject, ...files], 30);
  writeFileSync(pem, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
  return { cert, key, pem };
}
