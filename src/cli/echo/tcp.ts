/** Echo over TCP: bytes back as they came, until the client has said its last. */
import { createServer, type Socket } from 'node:net';
import { listening, type StartEcho } from './echo-server.ts';

export const startTcpEcho: StartEcho = async () => {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  return listening(server, sockets);
};
