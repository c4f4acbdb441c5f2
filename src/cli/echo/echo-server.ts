/** The family of built-in echo backends: one member a protocol, each a server of its own on a loopback port. */
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Backend } from '../../config/index.ts';

export interface EchoServer {
  readonly port: number;
  /** Closes the port and every connection. */
  close(): Promise<void>;
}

/** Starts an echo for `backend` on a free port of `ECHO_ADDRESS`. */
export type StartEcho = (backend: Backend) => Promise<EchoServer>;

export const ECHO_ADDRESS = Object.values(networkInterfaces())
  .flatMap((infos = []) => infos)
  .some(({ address }) => address === '127.0.0.1')
  ? '127.0.0.1'
  : '::1';

/** Opens `server` on a free port; closing destroys what `connections` holds, so that none keeps the server open. */
export async function listening(server: Server, connections: Iterable<{ destroy(): void }>): Promise<EchoServer> {
  server.listen(0, ECHO_ADDRESS);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

/** `x-echo-service`: which Service the echo stands in for. */
export function echoName({ service }: Backend): string {
  return `${service.namespace}/${service.name}`;
}
