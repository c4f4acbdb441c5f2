/**
 * The controller's own certificate authority: kept in a Secret beside the controller, so that it survives restarts and is
 * the same for all replicas; and the certificate that this process serves the config stream with, made at its start and
 * kept in memory only.
 */
import type { Log } from '../observe/index.ts';
import { type ApiClient, ApiError, type PauseSpan, pauseAfter } from '../sources/cluster/index.ts';
import { type Issued, issued } from '../value/certificate.ts';
import {
  BACKDATED,
  bundleOf,
  isDue,
  type KeptAuthority,
  living,
  newAuthority,
  readAuthorities,
  signing,
  written,
} from './authority-set.ts';

const HOUR = 60 * 60 * 1000;
/** Milliseconds that a server's certificate is good for; it is renewed at a third of it. */
export const SERVER_LIFETIME = 72 * HOUR;
const RENEWED_AFTER = SERVER_LIFETIME / 3;
/** Milliseconds between looks at the Secret. */
export const AUTHORITY_LOOK = 10 * 60 * 1000;
const PAUSES: PauseSpan = { first: 200, longest: 30_000 };
/** In the Secret, for who trusts; and what is kept, for controllers. */
const BUNDLE = 'ca.crt';
const KEPT = 'authorities.json';

export interface AuthorityOptions {
  client: ApiClient;
  /** Of the controller. */
  namespace: string;
  /** Of the Secret. */
  name: string;
  /** By which data planes know the controller's Service. */
  serverNames: ReadonlyArray<string>;
  log: Log;
  /** Milliseconds; absent: the clock's. */
  now?: () => number;
  look?: number;
}

interface Secret {
  apiVersion: 'v1';
  kind: 'Secret';
  metadata: { name: string; namespace: string; resourceVersion?: string; labels?: Record<string, string> };
  type: string;
  data?: Record<string, string>;
}

export class Authority {
  readonly #options: AuthorityOptions;
  readonly #now: () => number;
  readonly #path: string;
  readonly #abort = new AbortController();
  readonly #callbacks = new Set<() => void>();
  #kept: KeptAuthority[] = [];
  #pair: Issued = { certificate: '', privateKey: '' };
  #bundle = '';
  /** Which authority signed the pair, and when. */
  #signed = { by: '', at: 0 };
  #timer: NodeJS.Timeout | undefined;

  /** Resolves when there is a certificate to serve with. Tries until it may read and write its Secret. */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const authority = new Authority(options);
    for (let failures = 0; !authority.#abort.signal.aborted; failures++) {
      try {
        await authority.look();
        break;
      } catch (error) {
        const { namespace, name, log } = options;
        log.warn({ secret: `${namespace}/${name}`, error: message(error) }, 'no authority yet');
        await authority.#pause(pauseAfter(error as Error, failures, PAUSES));
      }
    }
    authority.#again();
    return authority;
  }

  private constructor(options: AuthorityOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#path = `/api/v1/namespaces/${options.namespace}/secrets`;
  }

  /** What this process serves the stream with. */
  get pair(): Issued {
    return this.#pair;
  }

  /** PEM: whom data planes trust. */
  get bundle(): string {
    return this.#bundle;
  }

  /** Called when the pair or the bundle is another; the answer ends it. */
  onChange(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  /** Takes in what other controllers have kept, and makes what is due. */
  async look(): Promise<void> {
    const found = await this.#read();
    const now = this.#now();
    let kept = found?.kept ?? this.#kept;
    if (found === undefined || isDue(kept, now)) {
      if (isDue(kept, now)) kept = [...living(kept, now), await newAuthority(now)];
      kept = await this.#keep(kept, found?.secret);
    }
    this.#kept = kept;
    await this.#issue(now);
  }

  async #issue(now: number): Promise<void> {
    const by = signing(this.#kept, now)!;
    const bundle = bundleOf(this.#kept, now);
    const isOld = by.certificate !== this.#signed.by || now - this.#signed.at >= RENEWED_AFTER;
    if (!isOld && bundle === this.#bundle) return;
    if (isOld) {
      const [name = 'daemun'] = this.#options.serverNames;
      const times = { from: new Date(now - BACKDATED), until: new Date(now + SERVER_LIFETIME) };
      this.#pair = await issued({ name, dns: this.#options.serverNames, use: 'server', ...times }, by);
      this.#signed = { by: by.certificate, at: now };
    }
    this.#bundle = bundle;
    for (const callback of this.#callbacks) callback();
  }

  async #read(): Promise<{ secret: Secret; kept: KeptAuthority[] } | undefined> {
    const { name, namespace } = this.#options;
    let secret: Secret;
    try {
      secret = await this.#call<Secret>({ path: `${this.#path}/${name}` });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
    try {
      return { secret, kept: readAuthorities(Buffer.from(secret.data?.[KEPT] ?? '', 'base64').toString()) };
    } catch (error) {
      const what = `data["${KEPT}"] of Secret ${namespace}/${name} ${message(error)}`;
      throw new Error(`${what}; delete the Secret, and another authority is made`, { cause: error });
    }
  }

  /** Whoever is first has the word; the others take what is there. */
  async #keep(kept: KeptAuthority[], before: Secret | undefined): Promise<KeptAuthority[]> {
    const { name, namespace } = this.#options;
    const data = {
      [BUNDLE]: Buffer.from(bundleOf(kept, this.#now())).toString('base64'),
      [KEPT]: Buffer.from(written(kept)).toString('base64'),
    };
    try {
      if (before === undefined) {
        const metadata = { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'daemun' } };
        const body: Secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data };
        await this.#call({ method: 'POST', path: this.#path, body });
      } else {
        await this.#call({ method: 'PUT', path: `${this.#path}/${name}`, body: { ...before, data } });
      }
      this.#options.log.info({ secret: `${namespace}/${name}` }, 'an authority for the config stream was made');
      return kept;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error;
      const found = await this.#read();
      if (found === undefined) throw error;
      return found.kept;
    }
  }

  #call<T>(call: { method?: 'POST' | 'PUT'; path: string; body?: unknown }): Promise<T> {
    return this.#options.client.call<T>({ ...call, signal: this.#abort.signal });
  }

  #again(failures = 0): void {
    if (this.#abort.signal.aborted) return;
    const { look = AUTHORITY_LOOK, log } = this.#options;
    // Replicas do not look together.
    const after = failures === 0 ? look * (0.75 + Math.random() / 2) : pauseAfter(new Error(), failures, PAUSES);
    this.#timer = setTimeout(() => {
      this.look().then(
        () => this.#again(),
        (error: unknown) => {
          if (this.#abort.signal.aborted) return;
          log.warn({ error: message(error) }, 'the authority cannot be looked at; what is known stays in use');
          this.#again(failures + 1);
        },
      );
    }, after).unref();
  }

  #pause(after: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = setTimeout(resolve, after);
    });
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
