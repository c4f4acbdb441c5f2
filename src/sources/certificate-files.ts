/** `--certificate`: certificates from PEM files, followed as they are renewed. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type ProvidedCertificate, providedKey } from '../api/index.ts';
import { SourceCollection } from '../graph/index.ts';

/** `[host=]cert.pem[,key.pem]`. */
export interface CertificateOption {
  /** As given. */
  text: string;
  /** Lower case; absent: every name that the certificate has. */
  host?: string;
  certificate: string;
  /** The same file where only one is named. */
  privateKey: string;
}

const HOST = /^(?:\*\.)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/** Throws an Error that shows the form. */
export function parseCertificateOption(text: string): CertificateOption {
  const fail = (why: string): Error =>
    new Error(`--certificate ${text}: ${why}; write host=cert.pem,key.pem (or cert.pem,key.pem for the names in it)`);
  const equals = text.indexOf('=');
  const host = equals < 0 ? undefined : text.slice(0, equals).toLowerCase();
  if (host !== undefined && !HOST.test(host)) throw fail(`"${host}" is not a host such as shop.example.com`);
  const [certificate = '', privateKey = certificate, ...more] = text.slice(equals + 1).split(',');
  if (certificate === '' || privateKey === '') throw fail('a file is missing');
  if (more.length > 0) throw fail('more than two files are named');
  return { text, ...(host === undefined ? {} : { host }), certificate, privateKey };
}

/** Milliseconds between two looks at the files. */
export const LOOK_MS = 2000;

interface Held {
  /** Of both files: times, sizes and inodes. */
  signature: string;
  /** What was last made of them that is good. */
  pair: NonNullable<ProvidedCertificate['pair']>;
  /** Of its key. */
  algorithm: string;
  /** That it is provided for. */
  names: string[];
}

/** A certificate that is replaced by a bad one stays in service until a good one comes. */
export class CertificateFiles {
  readonly collection = new SourceCollection<ProvidedCertificate>('certificate files');
  readonly #options: readonly CertificateOption[];
  readonly #held = new Map<CertificateOption, Held>();
  /** Changed a moment ago, and bad: of two files one may be there before the other. */
  readonly #doubted = new Set<CertificateOption>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: readonly CertificateOption[]) {
    this.#options = options;
  }

  /** Reads all of them, and follows them from then on. Throws an Error for what cannot be used. */
  async start(): Promise<void> {
    for (const option of this.#options) {
      const signature = await this.#signature(option);
      this.#held.set(option, { signature, ...(await readPair(option)) });
    }
    this.#publish(new Map());
    if (this.#options.length > 0) this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks at the files now. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const faults = new Map<CertificateOption, string>();
    for (const option of this.#options) {
      const held = this.#held.get(option)!;
      try {
        const signature = await this.#signature(option);
        if (signature !== held.signature) this.#held.set(option, { signature, ...(await readPair(option)) });
        this.#doubted.delete(option);
      } catch (error) {
        if (this.#doubted.has(option)) faults.set(option, (error as Error).message);
        this.#doubted.add(option);
      }
    }
    this.#publish(faults);
  }

  #publish(faults: ReadonlyMap<CertificateOption, string>): void {
    const found = new Map<string, ProvidedCertificate>();
    for (const [option, held] of this.#held) {
      const { pair, algorithm } = held;
      const fault = faults.get(option);
      noteUnused(option, held, found);
      const problem = fault === undefined ? '' : `${fault}: the last good certificate stays in service`;
      for (const name of held.names) {
        const provided: ProvidedCertificate = { origin: 'files', name, algorithm, pair, problem };
        // Of two that give a name one with the same type of key, the first one counts.
        if (!found.has(providedKey(provided))) found.set(providedKey(provided), provided);
      }
    }
    const gone = [...this.collection.entries()].filter(([key]) => !found.has(key)).map(([key]) => ({ key }));
    this.collection.apply([...gone, ...Array.from(found, ([key, value]) => ({ key, value }))]);
  }

  async #signature({ certificate, privateKey }: CertificateOption): Promise<string> {
    const both = await Promise.all([certificate, privateKey].map((path) => stat(path)));
    return both.map(({ ino, size, mtimeMs, ctimeMs }) => [ino, size, mtimeMs, ctimeMs].join(' ')).join(', ');
  }
}

/** One whose names others have all given is hardly meant to do nothing. */
function noteUnused(
  { certificate }: CertificateOption,
  { names, algorithm }: Held,
  found: Map<string, ProvidedCertificate>,
): void {
  const others = names.map((name) => found.get(providedKey({ origin: 'files', name, algorithm })));
  const [first] = others;
  if (first === undefined || others.includes(undefined) || first.problem !== '') return;
  first.problem = `${certificate} is not used: a file before it is for the same names, with a key of the same type`;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----[\s\S]*?-----END \1-----/;

/** Of a file with both, only what is asked for is taken. */
async function readPair(option: CertificateOption): Promise<Omit<Held, 'signature'>> {
  const chain = (await readFile(option.certificate, 'latin1')).match(CERTIFICATE);
  if (chain === null) throw new Error(`${option.certificate} holds no PEM certificate`);
  const leaf = read(option.certificate, 'certificate', () => new X509Certificate(chain[0]));
  const key = PRIVATE_KEY.exec(await readFile(option.privateKey, 'latin1'))?.[0];
  if (key === undefined) throw new Error(`${option.privateKey} holds no unencrypted PEM private key`);
  const parsed = read(option.privateKey, 'private key', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(parsed))
    throw new Error(`${option.privateKey} does not belong to the first certificate in ${option.certificate}`);
  const covered = namesOf(leaf);
  const { host } = option;
  if (host !== undefined && !isFor(leaf, covered, host)) {
    throw new Error(`${option.certificate} is not for ${host}: it is for ${covered.join(', ') || 'no DNS name'}`);
  }
  const names = host === undefined ? covered : [host];
  if (names.length === 0) throw new Error(`${option.certificate} has no DNS name: write host= before it`);
  const pair = { certificate: `${chain.join('\n')}\n`, privateKey: `${key}\n` };
  return { pair, names, algorithm: parsed.asymmetricKeyType ?? 'unknown' };
}

function read<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`${path} holds a ${what} that cannot be read: ${(error as Error).message}`);
  }
}

function namesOf(leaf: X509Certificate): string[] {
  const names = (leaf.subjectAltName ?? '').split(', ').filter((one) => one.startsWith('DNS:'));
  return [...new Set(names.map((one) => one.slice('DNS:'.length).toLowerCase()))];
}

function isFor(leaf: X509Certificate, names: readonly string[], host: string): boolean {
  return host.startsWith('*.') ? names.includes(host) : leaf.checkHost(host) !== undefined;
}
