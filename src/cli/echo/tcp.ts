/** Echo over TCP: bytes back as they came, until the client has said its last. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { ECHO_ADDRESS, type StartEcho } from './echoserver.ts';

export const startTcpEcho: StartEcho = async () => {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(0, ECHO_ADDRESS);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
};
