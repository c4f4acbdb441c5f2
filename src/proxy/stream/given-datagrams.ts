/** Datagram sockets that were opened before this process began: kept as those of connections are. */
import type { Socket } from 'node:dgram';
import type { DatagramLayer } from './datagram.ts';
import { adoptedSocket, NODE_DATAGRAMS, NodeDatagramSocket } from './node-datagram.ts';
import type { SocketAddress } from './socket-address.ts';

export interface GivenDatagrams extends DatagramLayer {
  /** Closes what was given. */
  end(): void;
}

/** `descriptorOf`: of the socket that was given for an address, where there is one. */
export function givenDatagrams(descriptorOf: (place: SocketAddress) => number | undefined): GivenDatagrams {
  const kept = new Map<number, Socket>();
  return {
    ...NODE_DATAGRAMS,
    async bind(target, sink) {
      const fd = descriptorOf(target);
      if (fd === undefined) return await NODE_DATAGRAMS.bind(target, sink);
      const socket = kept.get(fd) ?? (await adoptedSocket(target.address, fd));
      kept.set(fd, socket);
      return new NodeDatagramSocket(socket, sink, { kept: true });
    },
    end() {
      for (const socket of kept.values()) socket.close();
      kept.clear();
    },
  };
}
