/** Backends of a test: one that a node:http handler answers for, and one that sees and says bare bytes. */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

export interface TestBackend {
  readonly port: number;
  /** Connections accepted so far, and those open now. */
  readonly accepted: number;
  readonly open: number;
  close(): Promise<void>;
}

async function listening(server: net.Server, host = '127.0.0.1', port = 0): Promise<TestBackend> {
  const sockets = new Set<net.Socket>();
  let accepted = 0;
  server.on('connection', (socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

export function httpBackend(handler: http.RequestListener, options: http.ServerOptions = {}): Promise<TestBackend> {
  const server = http.createServer({ requestTimeout: 0, ...options }, handler);
  server.keepAliveTimeout = 0;
  return listening(server);
}

/** `talk` gets every connection. `port`: of another address of this machine, where a test wants one port at two. */
export function rawBackend(talk: (socket: net.Socket) => void, host?: string, port?: number): Promise<TestBackend> {
  return listening(net.createServer({ allowHalfOpen: true }, talk), host, port);
}
