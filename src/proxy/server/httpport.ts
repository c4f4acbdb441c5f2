/** One socket that serves HTTP or HTTPS listeners. Routes and certificates are swapped while it stays open. */
import type { Listener, RouteRule, Snapshot } from '../../config/index.ts';
import { type HttpService, serveHttp } from '../http/index.ts';
import {
  ALPN,
  adoptSocket,
  type Handle,
  type ListeningSocket,
  linkOf,
  openSocket,
  TlsTermination,
  tlsLinkOf,
} from '../listen/index.ts';
import { compileTable, type PlanCache } from '../route/index.ts';
import { tlsContexts } from './certificates.ts';

export interface PortTarget {
  address: string;
  port: number;
  reusePort: boolean;
}

export interface HttpPortUpdate {
  listeners: readonly Listener[];
  rules: readonly RouteRule[];
  plans: PlanCache;
  config: Snapshot;
}

export class HttpPort {
  readonly service: HttpService;
  readonly #tls: TlsTermination | undefined;
  #socket: ListeningSocket | undefined;

  constructor(secure: boolean, service: HttpService, update: HttpPortUpdate) {
    this.service = service;
    service.table = compileTable(update);
    if (!secure) return;
    this.#tls = new TlsTermination(tlsContexts(update.listeners, update.config), {
      alpn: ALPN,
      onSecure: (socket) => serveHttp(tlsLinkOf(socket), service),
      onFailed: () => service.stats.handshakesFailed.value++,
    });
  }

  get bound(): string {
    return this.#socket?.bound ?? '';
  }

  async open(target: PortTarget): Promise<void> {
    this.#socket = await openSocket(target, (handle) => this.#accept(handle));
  }

  /** New requests see the new routes, new connections the new certificates. */
  swap(update: HttpPortUpdate): void {
    this.service.table = compileTable(update);
    this.#tls?.swap(tlsContexts(update.listeners, update.config));
  }

  /** No new connections; those that are open finish what they carry. */
  close(): void {
    this.#socket?.close();
    this.service.draining = true;
    for (const connection of [...this.service.connections]) connection.drain();
  }

  #accept(handle: Handle): void {
    if (this.#tls !== undefined) this.#tls.accept(handle);
    else serveHttp(linkOf(adoptSocket(handle)), this.service);
  }
}
