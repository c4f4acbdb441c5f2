export type { ConnectTarget, ConnectTls, Driver, Link, LinkAddresses, LinkTls, Sink } from '../ground/driver.ts';
export { MemoryDriver, MemoryLink } from './memory-link.ts';
export { NetDriver } from './net-driver.ts';
export { adoptSocket, deliver, type Handle, linkOf, NetLink } from './net-link.ts';
export { type ListeningSocket, openSocket, type SocketTarget, socketError } from './socket.ts';
export { TicketKeys } from './ticket-keys.ts';
export { CIPHERS, type PresentedCertificates, type TlsContext, TlsContexts } from './tls-contexts.ts';
export { tlsLinkOf } from './tls-link.ts';
export { ALPN, TlsTermination } from './tls-termination.ts';
