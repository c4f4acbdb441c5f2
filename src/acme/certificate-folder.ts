/** Certificates with their keys on disk, and the key of the account: for nobody's eyes but the gateway's. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProvidedCertificate } from '../api/index.ts';

/** PEM. */
export type Pair = NonNullable<ProvidedCertificate['pair']>;

const ACCOUNT = 'account.key';
const OWNER_ONLY = 0o600;
const FOLDER_MODE = 0o700;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----[\s\S]*?-----END \1-----/;

/** Below the folder one for each authority: what a staging one signed never serves in the place of the real one's. */
export class CertificateFolder {
  readonly path: string;

  constructor(folder: string, directory: string) {
    const { host, pathname } = new URL(directory);
    this.path = join(folder, `${host}${pathname}`.replace(/[^a-zA-Z0-9.-]+/g, '_'));
  }

  /** One file has both, so that they change as one. Undefined where there is none that can be used. */
  async load(name: string): Promise<Pair | undefined> {
    const text = await this.#read(`${name}.pem`);
    const chain = text?.match(CERTIFICATE);
    const privateKey = text === undefined ? undefined : PRIVATE_KEY.exec(text)?.[0];
    if (!chain || privateKey === undefined) return undefined;
    const pair = { certificate: `${chain.join('\n')}\n`, privateKey: `${privateKey}\n` };
    return pairFault(pair, name) === undefined ? pair : undefined;
  }

  async save(name: string, { certificate, privateKey }: Pair): Promise<void> {
    await this.#write(`${name}.pem`, `${privateKey.trim()}\n${certificate.trim()}\n`);
  }

  accountKey(): Promise<string | undefined> {
    return this.#read(ACCOUNT);
  }

  saveAccountKey(key: string): Promise<void> {
    return this.#write(ACCOUNT, key);
  }

  async #read(file: string): Promise<string | undefined> {
    const path = join(this.path, file);
    try {
      const text = await readFile(path, 'utf8');
      // Whoever put it there, or restored it, may have been careless.
      await chmod(path, OWNER_ONLY);
      return text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Written beside, and renamed: whatever happens, the old file is there or the new one. */
  async #write(file: string, text: string): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: FOLDER_MODE });
    await chmod(this.path, FOLDER_MODE);
    const beside = join(this.path, `.${file}.new`);
    await rm(beside, { force: true });
    const handle = await open(beside, 'wx', OWNER_ONLY);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, join(this.path, file));
  }
}

/** Why a pair cannot serve a host; undefined where it can. Dates are another matter. */
export function pairFault({ certificate, privateKey }: Pair, name: string): string | undefined {
  try {
    const leaf = new X509Certificate(certificate);
    if (!leaf.checkPrivateKey(createPrivateKey(privateKey))) return 'the certificate is for another key';
    return leaf.checkHost(name) === undefined ? `the certificate is not for ${name}` : undefined;
  } catch (error) {
    return `the certificate cannot be read: ${(error as Error).message}`;
  }
}
