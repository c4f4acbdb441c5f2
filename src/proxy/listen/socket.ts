/** Listening TCP sockets. Accepted connections come as raw handles, so that the reader can be chosen per protocol. */
import net, { isIPv6 } from 'node:net';
import { DaemunError } from '../../observe/index.ts';
import { socketName } from '../../value/socket-name.ts';
import type { Handle } from './net-link.ts';

/** Connections that the kernel holds until they are accepted. */
const BACKLOG = 4096;

export interface SocketTarget {
  address: string;
  port: number;
  /** Several processes share the port. */
  reusePort: boolean;
  /** Of `::` alone: IPv4 is left to another socket of this port. */
  ipv6Only?: boolean;
  /** Of a socket that is bound already. */
  fd?: number;
}

export interface ListeningSocket {
  /** `address:port` as bound. */
  readonly bound: string;
  /** Who takes connections; another takes the socket over by setting it. */
  onAccept: (handle: Handle) => void;
  /**
   * The first step of closing, and all that the kernel sees of it: a call of native code alone (2 µs; with Node's own steps
   * before it 130 to 290, in which connections come that it then resets). `close` follows.
   */
  readonly cease: () => void;
  /** No new connections; those accepted live on. */
  close(): void;
}

/** Rejects with a DaemunError that names address and port. */
export async function openSocket(target: SocketTarget, onAccept: (handle: Handle) => void): Promise<ListeningSocket> {
  const server = net.createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const { address: host, port, reusePort, ipv6Only = false, fd } = target;
    const where = fd === undefined ? { host, port, reusePort, ipv6Only } : { fd };
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: NodeJS.ErrnoException) => {
    throw socketError(error, target);
  });
  const { address, port } = server.address() as net.AddressInfo;
  const handle = handleOf(server);
  const socket: ListeningSocket = {
    onAccept,
    cease: handle.close.bind(handle),
    bound: socketName(address, port),
    close: () => {
      server.close();
    },
  };
  handle.onconnection = (error, client) => {
    if (error === 0 && client !== undefined) socket.onAccept(client);
  };
  return socket;
}

interface ListeningHandle {
  onconnection: (error: number, client: Handle | undefined) => void;
  close(): void;
}

/**
 * Takes accepted handles before Node wraps them in sockets that allocate a buffer for each read. The hook is Node's
 * own, undocumented and stable since Node 0.12; where it is missing, the socket's handle is taken over instead.
 */
function handleOf(server: net.Server): ListeningHandle {
  const { _handle: handle } = server as net.Server & { _handle?: Partial<ListeningHandle> };
  if (typeof handle?.onconnection !== 'function' || typeof handle.close !== 'function') {
    throw new DaemunError(
      'DMN_LISTEN_FAILED',
      'This Node.js release hands out no connection handles; use Node 24 or 26.',
    );
  }
  return handle as ListeningHandle;
}

export function socketError(error: NodeJS.ErrnoException, target: { address: string; port: number }): DaemunError {
  const where = socketName(target.address, target.port);
  switch (error.code) {
    case 'EADDRINUSE':
      return new DaemunError(
        'DMN_PORT_IN_USE',
        `${where} is taken by another process; stop it, or map the port elsewhere with --port-map.`,
      );
    case 'EACCES':
    case 'EPERM':
      return new DaemunError(
        'DMN_PORT_DENIED',
        `This process may not bind ${where}; run with CAP_NET_BIND_SERVICE, or map the port with --port-map.`,
      );
    case 'EADDRNOTAVAIL':
      return new DaemunError('DMN_ADDRESS_UNAVAILABLE', `${target.address} is no address of this machine.`);
    case 'EAFNOSUPPORT':
      return new DaemunError(
        'DMN_ADDRESS_UNAVAILABLE',
        `${target.address} cannot be bound: this machine has no IPv${isIPv6(target.address) ? 6 : 4}.`,
      );
    default:
      return new DaemunError('DMN_LISTEN_FAILED', `${where} cannot be opened: ${error.message}`, { cause: error });
  }
}
