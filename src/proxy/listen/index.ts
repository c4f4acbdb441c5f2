export type { ConnectTarget, ConnectTls, Driver, Link, LinkAddresses, LinkTls, Sink } from './driver.ts';
export { MemoryDriver, MemoryLink } from './memorylink.ts';
export { adoptSocket, deliver, type Handle, linkOf, NetDriver, NetLink } from './netlink.ts';
export { type ListeningSocket, openSocket, type SocketTarget, socketError } from './socket.ts';
export { tlsLinkOf } from './tlslink.ts';
export {
  ALPN,
  CIPHERS,
  type PresentedCertificates,
  TICKET_KEY_BYTES,
  type TlsContext,
  TlsContexts,
  TlsTermination,
} from './tlstermination.ts';
