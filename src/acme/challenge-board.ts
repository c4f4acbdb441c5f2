/** Where answers to challenges hang: as config objects, on every data plane, before the authority is told to look. */
import {
  type Challenge,
  type ConfigObject,
  type Delivery,
  deliveryKey,
  type Listener,
  type RouteRule,
  refKey,
} from '../config/index.ts';
import { type Collection, SourceCollection } from '../graph/index.ts';

export type ChallengeType = 'http-01' | 'tls-alpn-01';

/** Ports at which authorities look, as Gateways write them: what stands before the gateway may lead them elsewhere. */
const HTTP_PORT = 80;
const TLS_PORT = 443;
/** Milliseconds that data planes have to take the answer to a challenge. */
export const BOARD_TIMEOUT = 30_000;

export interface Surroundings {
  /** What data planes are told. */
  config: Collection<ConfigObject>;
  deliveries: Collection<Delivery>;
}

export class ChallengeBoard {
  /** Goes to the data planes beside what is translated. */
  readonly collection = new SourceCollection<ConfigObject>('challenges');
  #around: Surroundings | undefined;

  /** Its own collection is part of that config, so this comes later than its making. */
  watch(around: Surroundings): void {
    this.#around = around;
  }

  /** Ways in which a host can be proved to be served here, the best one first. */
  ways(host: string): ChallengeType[] {
    const ways: ChallengeType[] = [];
    if (this.#listeners('HTTP', HTTP_PORT, host).length > 0) ways.push('http-01');
    if (this.#listeners('HTTPS', TLS_PORT, host).length > 0) ways.push('tls-alpn-01');
    return ways;
  }

  /** Resolves when every data plane answers; the answer of that takes it down again. */
  async hangHttp(host: string, token: string, answer: string): Promise<() => void> {
    const rule: RouteRule = {
      kind: 'RouteRule',
      key: `HTTPRoute/acme:${host}/${token}/0`,
      route: { kind: 'HTTPRoute', namespace: `acme:${host}`, name: token },
      index: 0,
      created: '',
      attachments: this.#listeners('HTTP', HTTP_PORT, host).map(({ key }) => ({ listener: key, hostnames: [host] })),
      // Exact host and path: nothing comes before it. Nobody can write a rule for a token that he does not know.
      matches: [{ path: { type: 'Exact', value: `/.well-known/acme-challenge/${token}` }, headers: [], query: [] }],
      filters: [{ type: 'DirectAnswer', status: 200, contentType: 'application/octet-stream', body: answer }],
      backends: [],
    };
    return await this.#hang(rule);
  }

  async hangTls(host: string, pair: Pick<Challenge, 'certificate' | 'privateKey'>): Promise<() => void> {
    const listeners = this.#listeners('HTTPS', TLS_PORT, host).map(({ key }) => key);
    return await this.#hang({ kind: 'Challenge', key: host, listeners, ...pair });
  }

  #listeners(protocol: Listener['protocol'], port: number, host: string): Listener[] {
    return Array.from(this.#around?.config.values() ?? []).filter(
      (object): object is Listener =>
        object.kind === 'Listener' && object.protocol === protocol && object.port === port && isFor(object, host),
    );
  }

  async #hang(object: ConfigObject): Promise<() => void> {
    const key = refKey(object);
    const served = this.#served(object);
    this.collection.apply([{ key, value: object }]);
    const takeDown = (): void => this.collection.apply([{ key }]);
    try {
      await served;
    } catch (error) {
      takeDown();
      throw error;
    }
    return takeDown;
  }

  async #served(object: ConfigObject): Promise<void> {
    const { deliveries } = this.#around!;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const key = deliveryKey('', object);
    const look = (): void => {
      const delivery = deliveries.get(key);
      if (delivery?.state === 'serving') resolve();
      else if (delivery?.state === 'rejected') reject(new Error(`a data plane cannot answer: ${delivery.message}`));
    };
    const unsubscribe = deliveries.subscribe(look);
    const timer = setTimeout(() => reject(new Error('the data planes did not take the answer in time')), BOARD_TIMEOUT);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      unsubscribe();
    }
  }
}

function isFor({ hostname }: Listener, host: string): boolean {
  if (hostname === undefined || hostname === host) return true;
  return hostname.startsWith('*.') && host.endsWith(hostname.slice(1));
}
