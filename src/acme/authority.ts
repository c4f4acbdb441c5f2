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

/** Milliseconds that one request to the authority may take, its answer included. */
export const REQUEST_TIMEOUT = 30_000;
/** Most bytes of an answer of the authority. */
export const MAX_AUTHORITY_ANSWER: number = 1024 * 1024;
/** Times in a row that the authority may send a request elsewhere. */
export const MAX_AUTHORITY_REDIRECTS = 3;
/** Milliseconds for a certificate in all: an authority that asks for patience (Retry-After) may ask for days, and others wait behind it. */
export const ORDER_TIMEOUT = 600_000;
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

  /** Rejects with what the authority says is wrong. */
  async obtain(host: string, way: ChallengeType): Promise<Pair> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const minutes = ORDER_TIMEOUT / 60_000;
    const timer = setTimeout(() => reject(new Error(`the authority gave none in ${minutes} minutes`)), ORDER_TIMEOUT);
    try {
      return await Promise.race([this.#order(host, way), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A key is used for one certificate. */
  async #order(host: string, way: ChallengeType): Promise<Pair> {
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
    boundRequests(axios);
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

/** All authorities share the library's one client. */
const BOUND = new WeakSet<object>();

/** Its own limits are none, and its timeout is for silence: an authority that says a byte a second would never be done. */
export function boundRequests(axios: Library['axios'], timeout: number = REQUEST_TIMEOUT): void {
  if (BOUND.has(axios)) return;
  BOUND.add(axios);
  axios.defaults.timeout = timeout;
  axios.defaults.maxContentLength = MAX_AUTHORITY_ANSWER;
  axios.defaults.maxRedirects = MAX_AUTHORITY_REDIRECTS;
  // What is signed for an authority is not shown to everybody on the way.
  axios.defaults.beforeRedirect = ({ protocol, href }) => {
    if (protocol !== 'https:') throw new Error(`the authority leads to ${href}, which is no https`);
  };
  axios.interceptors.request.use((config) => ({ ...config, signal: AbortSignal.timeout(timeout) }));
  tellFailures(axios);
}

/** The library stumbles over a failure that has no answer, and says so instead of what it was. Ours come before and behind its own. */
function tellFailures(axios: Library['axios']): void {
  const { response } = axios.interceptors;
  let last: unknown;
  response.use(null, (error: unknown) => {
    throw error instanceof TypeError && last !== undefined ? last : error;
  });
  response.use(null, (error: unknown) => {
    last = error;
    throw error;
  });
  const { handlers } = response;
  if (handlers !== undefined) handlers.unshift(handlers.pop()!);
}
