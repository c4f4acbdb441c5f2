/**
 * Links over `tls` sockets, both as server and as client. Node has no `onread` for them, though the parts are there: a
 * buffer of the caller's under the handle and a callback on the socket, found by their symbols' names. Where they are
 * missing, decrypted bytes come as 'data' events, a fresh Buffer each, and are copied (about half of nginx's CPU a
 * request slower).
 */
import net from 'node:net';
import tls from 'node:tls';
import type { ConnectTarget, ConnectTls, Link, LinkTls, Sink } from '../ground/driver.ts';
import { isNear } from './chain-depth.ts';
import { deliver, type LinkSocket, NetLink, onread } from './net-link.ts';
import { endpointSettings } from './tls-settings.ts';

function onData(this: tls.TLSSocket & { link?: NetLink }, chunk: Buffer): void {
  deliver(this.link!, chunk);
}

/** A link over a TLS socket whose handshake is done (server side), and whose requests are judged by its server name. */
export function tlsLinkOf(socket: tls.TLSSocket, { serverName, client }: Secured): NetLink {
  const link = new NetLink(socket);
  link.addresses = (socket as Wrapping)._parent?.link?.addresses;
  const tls = settled(socket, serverName);
  link.tls = client === undefined ? tls : { ...tls, ...client };
  read(socket);
  return link;
}

/** What is known of a connection whose handshake is done. */
export interface Secured {
  /** By which requests are judged, whatever a resumed session knows of it. */
  serverName: string;
  /** Of the certificate that the client showed, where it was asked for one. */
  client: Partial<LinkTls> | undefined;
}

/** A TLS socket over another one, which may have been a link before. */
interface Wrapping extends tls.TLSSocket {
  _parent?: LinkSocket | null;
}

/** Bytes go to the link from now on. Called before any were read. */
function read(socket: tls.TLSSocket): void {
  if (readIntoArena(socket as ReadableParts)) socket.resume();
  else socket.on('data', onData);
}

/** The code of what `onClose` is told where a handshake with a backend fails. */
export const HANDSHAKE_FAILED = 'ERR_TLS_HANDSHAKE_FAILED';

interface ReadableParts extends tls.TLSSocket {
  _handle?: { useUserBuffer?: (buffer: Uint8Array) => void };
  [part: symbol]: unknown;
}

/** Node's names for them: the same for all sockets, and looked for until they are found. */
let parts: { buffer: symbol; callback: symbol } | undefined;

function partsOf(socket: ReadableParts): { buffer: symbol; callback: symbol } | undefined {
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find(({ description }) => description === 'kBuffer');
  const callback = symbols.find(({ description }) => description === 'kBufferCb');
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}

function readIntoArena(socket: ReadableParts): boolean {
  parts ??= partsOf(socket);
  const handle = socket._handle;
  if (parts === undefined || handle?.useUserBuffer === undefined) return false;
  if (socket.readableLength > 0) return false;
  handle.useUserBuffer(onread.buffer);
  socket[parts.buffer] = onread.buffer;
  socket[parts.callback] = onread.callback;
  return true;
}

function settled(socket: tls.TLSSocket, serverName: string): LinkTls {
  return {
    serverName,
    alpn: socket.alpnProtocol || '',
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher()?.name ?? '',
    peerVerified: false,
  };
}

export function connectTls(target: ConnectTarget, options: ConnectTls, sink: Sink): Link {
  if (target.preamble !== undefined) return connectTlsAfter(target.preamble, { target, options, sink });
  const socket = tls.connect({ host: target.address, port: target.port, ...clientOptions(options) });
  socket.setNoDelay(true);
  const link = new NetLink(socket, sink);
  socket.once('connect', () => shakeHands(socket, link, options));
  return link;
}

/** The preamble goes out in plain text; the handshake follows it. */
function connectTlsAfter(preamble: Uint8Array, to: { target: ConnectTarget; options: ConnectTls; sink: Sink }): Link {
  const { address, port } = to.target;
  const raw = net.connect({ host: address, port, allowHalfOpen: true, noDelay: true });
  const link = new NetLink(raw, to.sink);
  raw.on('connect', () => {
    link.detach();
    // What goes wrong with it is told by the socket on top of it.
    raw.on('error', () => {});
    raw.write(preamble);
    const socket = tls.connect({ socket: raw, ...clientOptions(to.options) });
    link.attach(socket);
    shakeHands(socket, link, to.options);
  });
  return link;
}

/** What Node would else take from the environment and its flags is said here: no variable makes a backend less verified. */
function clientOptions(options: ConnectTls): tls.ConnectionOptions {
  return {
    rejectUnauthorized: options.unverified !== true,
    minVersion: 'TLSv1.2',
    ...(options.versions && endpointSettings(options.versions)),
    servername: options.serverName,
    ALPNProtocols: options.alpn,
    ca: options.ca,
    cert: options.certificate,
    key: options.privateKey,
    checkServerIdentity: options.verify as typeof tls.checkServerIdentity,
    allowHalfOpen: true,
  } as tls.ConnectionOptions;
}

/** What fails from here until the handshake is done is a failure of TLS, whatever its code. */
function shakeHands(socket: tls.TLSSocket, link: NetLink, { depth }: ConnectTls): void {
  const onError = (error: NodeJS.ErrnoException): void => {
    const why = error.code === undefined ? error.message : `${error.code}: ${error.message}`;
    link.failure = Object.assign(new Error(why), { code: HANDSHAKE_FAILED });
  };
  socket.on('error', onError);
  socket.once('secureConnect', () => {
    const shown = depth && socket.getPeerX509Certificate();
    if (depth !== undefined && (shown === undefined || !isNear(shown, depth))) {
      socket.destroy(new Error(`CERT_CHAIN_TOO_LONG: more than ${depth.most} authorities stand before its root`));
      return;
    }
    socket.off('error', onError);
    const { servername } = socket as tls.TLSSocket & { servername?: string | false };
    link.tls = settled(socket, servername || '');
    read(socket);
    link.sink.onOpen();
  });
}
