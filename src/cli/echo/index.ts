/** Built-in echo backends, for Services that have no endpoints. */
import type { Backend } from '../../config/index.ts';
import type { EchoServer, StartEcho } from './echo-server.ts';

export { ECHO_ADDRESS } from './echo-server.ts';

/** Loaded with the first Backend that needs them: most runs need none. */
const PROTOCOLS: Readonly<Record<Backend['protocol'], () => Promise<StartEcho>>> = {
  http: async () => (await import('./http.ts')).startHttpEcho,
  h2c: async () => (await import('./h2c.ts')).startH2cEcho,
  tcp: async () => (await import('./tcp.ts')).startTcpEcho,
  udp: async () => (await import('./udp.ts')).startUdpEcho,
};

/** Milliseconds that an echo goes on after it is retired: the data planes may still send to it until they know. */
const RETIREMENT = 10_000;

interface Echo {
  protocol: Backend['protocol'];
  server: Promise<EchoServer>;
}

/** The echoes of one run, started when a Backend first needs one. */
export class Echoes {
  readonly #retirement: number;
  readonly #running = new Map<string, Echo>();
  readonly #retired = new Map<Echo, NodeJS.Timeout>();

  constructor(retirement = RETIREMENT) {
    this.#retirement = retirement;
  }

  /** The port of this Backend's echo, which is started where there is none yet. */
  async port(backend: Backend): Promise<number> {
    if (this.#running.get(backend.key)?.protocol !== backend.protocol) this.retire(backend.key);
    let echo = this.#running.get(backend.key);
    if (!echo) {
      echo = { protocol: backend.protocol, server: startEcho(backend) };
      this.#running.set(backend.key, echo);
    }
    return (await echo.server).port;
  }

  /** Backends that an echo answers for. */
  keys(): string[] {
    return [...this.#running.keys()];
  }

  /** The Backend has no need of its echo any more: it ends a little later. */
  retire(key: string): void {
    const echo = this.#running.get(key);
    if (!echo) return;
    this.#running.delete(key);
    this.#retired.set(
      echo,
      setTimeout(() => void this.#end(echo), this.#retirement),
    );
  }

  /** Ends all at once. */
  async close(): Promise<void> {
    for (const key of this.keys()) this.retire(key);
    await Promise.all([...this.#retired.keys()].map((echo) => this.#end(echo)));
  }

  async #end(echo: Echo): Promise<void> {
    clearTimeout(this.#retired.get(echo));
    this.#retired.delete(echo);
    await (await echo.server).close();
  }
}

async function startEcho(backend: Backend): Promise<EchoServer> {
  const start = await PROTOCOLS[backend.protocol]();
  return await start(backend);
}
