/** Echo over UDP: each datagram back to where it came from. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { ECHO_ADDRESS, type StartEcho } from './echo-server.ts';

export const startUdpEcho: StartEcho = async () => {
  const socket = createSocket(isIPv6(ECHO_ADDRESS) ? 'udp6' : 'udp4');
  // A client that is gone answers with an ICMP error, which is no reason to stop.
  socket.on('error', () => {});
  socket.on('message', (datagram, { address, port }) => socket.send(datagram, port, address));
  socket.bind(0, ECHO_ADDRESS);
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    async close() {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
};
