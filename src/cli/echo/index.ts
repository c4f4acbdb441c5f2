/** Built-in echo backends, for Services that have no endpoints. */
import type { Backend } from '../../config/index.ts';
import type { EchoServer, StartEcho } from './echoserver.ts';
import { startH2cEcho } from './h2c.ts';
import { startHttpEcho } from './http.ts';
import { startTcpEcho } from './tcp.ts';
import { startUdpEcho } from './udp.ts';

export { ECHO_ADDRESS } from './echoserver.ts';

const PROTOCOLS: Readonly<Record<Backend['protocol'], StartEcho>> = {
  http: startHttpEcho,
  h2c: startH2cEcho,
  tcp: startTcpEcho,
  udp: startUdpEcho,
};

/** The echoes of one run, started when a Backend first needs one. */
export class Echoes {
  readonly #running = new Map<string, { protocol: Backend['protocol']; server: Promise<EchoServer> }>();

  /** The port of this Backend's echo, which is started where there is none yet. */
  async port(backend: Backend): Promise<number> {
    let echo = this.#running.get(backend.key);
    if (echo && echo.protocol !== backend.protocol) {
      await this.stop(backend.key);
      echo = undefined;
    }
    if (!echo) {
      echo = { protocol: backend.protocol, server: PROTOCOLS[backend.protocol](backend) };
      this.#running.set(backend.key, echo);
    }
    return (await echo.server).port;
  }

  /** Backends that an echo answers for. */
  keys(): string[] {
    return [...this.#running.keys()];
  }

  async stop(key: string): Promise<void> {
    const echo = this.#running.get(key);
    this.#running.delete(key);
    if (echo) await (await echo.server).close();
  }

  async close(): Promise<void> {
    await Promise.all(this.keys().map((key) => this.stop(key)));
  }
}
