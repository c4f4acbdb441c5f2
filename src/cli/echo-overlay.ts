/** Puts a built-in echo where a Backend has no endpoints. Sits between translate's config and the publisher. */
import { type Backend, type ConfigChange, type Endpoints, type Policy, policyKey } from '../config/index.ts';
import type { Overlay } from '../control/index.ts';
import { ECHO_ADDRESS, type Echoes } from './echo/index.ts';

const TRAFFIC = policyKey('BackendTraffic', '');

export class EchoOverlay implements Overlay {
  readonly #echoes: Echoes | undefined;
  readonly #backends = new Map<string, Backend>();
  readonly #endpoints = new Map<string, Endpoints>();
  /** BackendTraffic policies by the key of their Backend; undefined where one is gone. */
  readonly #traffic = new Map<string, Policy | undefined>();

  /** Without echoes everything passes as it is. */
  constructor(echoes?: Echoes) {
    this.#echoes = echoes;
  }

  /** What these changes come to, overlaid. Calls must follow one another, each awaited. */
  async apply(changes: ReadonlyArray<ConfigChange>): Promise<ConfigChange[]> {
    const out: ConfigChange[] = [];
    const touched = new Set<string>();
    for (const change of changes) {
      const key = this.#note(change);
      if (key === undefined) out.push(change);
      else touched.add(key);
    }
    for (const key of touched) out.push(...(await this.#overlaid(key)));
    return out;
  }

  /** The key of a Backend, also for its Endpoints and its policy; undefined for everything else. */
  #note({ before, after }: ConfigChange): string | undefined {
    const ref = after ?? before;
    if (ref?.kind === 'Backend') note(this.#backends, ref.key, after?.kind === 'Backend' ? after : undefined);
    else if (ref?.kind === 'Endpoints') note(this.#endpoints, ref.key, after?.kind === 'Endpoints' ? after : undefined);
    else if (ref?.kind === 'Policy' && ref.key.startsWith(TRAFFIC)) {
      const backend = ref.key.slice(TRAFFIC.length);
      this.#traffic.set(backend, after?.kind === 'Policy' ? after : undefined);
      return backend;
    } else return undefined;
    return ref.key;
  }

  async #overlaid(key: string): Promise<ConfigChange[]> {
    const echoes = this.#echoes;
    const backend = this.#backends.get(key);
    const own = this.#endpoints.get(key);
    const needsEcho = backend !== undefined && (own === undefined || (own.endpoints.length === 0 && !own.dns));
    if (echoes && needsEcho) {
      const endpoint = { address: ECHO_ADDRESS, port: await echoes.port(backend), state: 'ready' as const };
      // The echo speaks no TLS and no PROXY protocol, whatever policies ask of the real Service.
      return [
        { after: { ...backend, tls: undefined } },
        { after: { kind: 'Endpoints', key, endpoints: [endpoint] } },
        ...this.#policy(key, false),
      ];
    }
    echoes?.retire(key);
    return [
      backend ? { after: backend } : { before: { kind: 'Backend', key } },
      own ? { after: own } : { before: { kind: 'Endpoints', key } },
      ...this.#policy(key, true),
    ];
  }

  #policy(backend: string, holds: boolean): ConfigChange[] {
    if (!this.#traffic.has(backend)) return [];
    const policy = this.#traffic.get(backend);
    if (policy !== undefined && holds) return [{ after: policy }];
    return [{ before: { kind: 'Policy', key: policyKey('BackendTraffic', backend) } }];
  }
}

function note<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value) map.set(key, value);
  else map.delete(key);
}
