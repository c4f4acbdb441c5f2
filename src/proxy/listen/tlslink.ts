/** Links over `tls` sockets, both as server and as client. */
import tls from 'node:tls';
import type { ConnectTarget, ConnectTls, Link, LinkTls, Sink } from './driver.ts';
import { deliver, NetLink } from './netlink.ts';

function onData(this: tls.TLSSocket & { link?: NetLink }, chunk: Buffer): void {
  deliver(this.link!, chunk);
}

/** A link over a TLS socket whose handshake is done (server side). */
export function tlsLinkOf(socket: tls.TLSSocket): NetLink {
  const link = new NetLink(socket);
  link.tls = settled(socket);
  socket.on('data', onData);
  return link;
}

export function settled(socket: tls.TLSSocket): LinkTls {
  const serverName = (socket as tls.TLSSocket & { servername?: string | false }).servername;
  const certificate = socket.getPeerX509Certificate();
  return {
    serverName: serverName ? serverName.toLowerCase() : '',
    alpn: socket.alpnProtocol || '',
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher()?.name ?? '',
    ...(certificate ? { peerCertificate: certificate.raw } : {}),
    peerVerified: certificate !== undefined && socket.authorized,
  };
}

export function connectTls(target: ConnectTarget, options: ConnectTls, sink: Sink): Link {
  const socket = tls.connect({
    host: target.address,
    port: target.port,
    servername: options.serverName,
    ALPNProtocols: options.alpn,
    ca: options.ca,
    cert: options.certificate,
    key: options.privateKey,
    checkServerIdentity: options.verify as typeof tls.checkServerIdentity,
    allowHalfOpen: true,
  } as tls.ConnectionOptions);
  socket.setNoDelay(true);
  const link = new NetLink(socket, sink);
  socket.on('secureConnect', () => {
    link.tls = settled(socket);
    link.sink.onOpen();
  });
  socket.on('data', onData);
  return link;
}
