/** A certificate authority that speaks ACME (RFC 8555), by way of `acme-client`, which is loaded when it is first needed. */
import { Agent } from 'node:https';
import type { CertificateFolder, Pair } from './certificate-folder.ts';
import type { ChallengeBoard, ChallengeType } from './challenge-board.ts';

type Library = typeof import('acme-client');
type Client = InstanceType<Library['Client']>;

export interface AuthoritySettings {
  /** URL of its directory. */
  directory: string;
  /** Told to the authority, which may write there. */
  email?: string;
  /** PEM: whom its own TLS is verified against, instead of the authorities that Node knows. */
  ca?: string;
}

/** Whoever gives a host its certificate. */
export interface CertificateSource {
  obtain(host: string, way: ChallengeType): Promise<Pair>;
}

/** Milliseconds that one request to the authority may take. */
export const REQUEST_TIMEOUT = 30_000;
/** How the state of an order is asked for: times, and milliseconds from the first pause to the longest. */
const POLLS = { backoffAttempts: 15, backoffMin: 500, backoffMax: 10_000 } as const;

export class AcmeAuthority implements CertificateSource {
  readonly #settings: AuthoritySettings;
  readonly #folder: CertificateFolder;
  readonly #board: ChallengeBoard;
  #client: Promise<Client> | undefined;

  constructor(settings: AuthoritySettings, folder: CertificateFolder, board: ChallengeBoard) {
    this.#settings = settings;
    this.#folder = folder;
    this.#board = board;
  }

  /** Rejects with what the authority says is wrong. A key is used for one certificate. */
  async obtain(host: string, way: ChallengeType): Promise<Pair> {
    const { crypto } = await import('acme-client');
    const client = await this.#connected();
    const privateKey = await crypto.createPrivateEcdsaKey('P-256');
    const [, csr] = await crypto.createCsr({ altNames: [host] }, privateKey);
    let takeDown = (): void => {};
    const { email } = this.#settings;
    const certificate = await client.auto({
      csr,
      ...(email === undefined ? {} : { email }),
      termsOfServiceAgreed: true,
      // Its own look goes through the DNS of this machine, which need not lead where the authority's does.
      skipChallengeVerification: true,
      challengePriority: [way],
      challengeCreateFn: async (authorization, challenge, answer) => {
        if (challenge.type !== way) throw new Error(`the authority does not offer ${way}`);
        if (way === 'http-01') takeDown = await this.#board.hangHttp(host, challenge.token, answer);
        else {
          const key = await crypto.createPrivateEcdsaKey('P-256');
          const [, shown] = await crypto.createAlpnCertificate(authorization, answer, key);
          takeDown = await this.#board.hangTls(host, { certificate: shown.toString(), privateKey: key.toString() });
        }
      },
      challengeRemoveFn: async () => takeDown(),
    });
    return { certificate: certificate.toString(), privateKey: privateKey.toString() };
  }

  #connected(): Promise<Client> {
    this.#client ??= this.#connect().catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  async #connect(): Promise<Client> {
    const { axios, Client, crypto } = await import('acme-client');
    axios.defaults.timeout = REQUEST_TIMEOUT;
    const { ca, directory } = this.#settings;
    if (ca !== undefined) axios.defaults.httpsAgent = new Agent({ ca });
    let accountKey = await this.#folder.accountKey();
    if (accountKey === undefined) {
      accountKey = (await crypto.createPrivateEcdsaKey('P-256')).toString();
      // Before it is used: the account of a key that is lost is lost.
      await this.#folder.saveAccountKey(accountKey);
    }
    return new Client({ directoryUrl: directory, accountKey, ...POLLS });
  }
}
