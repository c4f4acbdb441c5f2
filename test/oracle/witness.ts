/** Backends that say in a header of each answer who they are and what they saw. */
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ANSWERED, CHANGED } from './answer-model.ts';
import { NAMESPACES, SERVED } from './random-world.ts';

export const SEEN = 'x-seen';
/** Names a request in what mirrors tell. */
export const CASE = 'x-case';

export interface Sight {
  service: string;
  url: string;
  host: string;
  /** Of the lines that filters change: all values, joined. */
  lines: Array<[string, string]>;
}

export class Witnesses {
  /** `namespace/name:port` to the port where it listens. */
  readonly ports = new Map<string, number>();
  readonly #servers: Array<http.Server | http2.Http2Server> = [];
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  /** Who has seen a case: cleared by whoever looks. */
  readonly #cases = new Map<string, string[]>();
  readonly #waiting = new Set<() => void>();

  static async start(): Promise<Witnesses> {
    const all = new Witnesses();
    for (const namespace of NAMESPACES) {
      for (const name of SERVED) {
        await all.#serve(`${namespace}/${name}:80`, http.createServer());
        await all.#serve(`${namespace}/${name}:90`, http2.createServer());
      }
    }
    return all;
  }

  async #serve(service: string, server: http.Server | http2.Http2Server): Promise<void> {
    server.on('request', (request: IncomingMessage, response: ServerResponse) =>
      this.#answer(service, request, response),
    );
    server.on('session', (session: http2.ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on('error', () => {}).on('close', () => this.#sessions.delete(session));
    });
    if (server instanceof http.Server) server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
    this.ports.set(service, (server.address() as AddressInfo).port);
  }

  #answer(service: string, request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const { headers } = request;
    const lines = CHANGED.flatMap((name): Array<[string, string]> => {
      const value = headers[name];
      return value === undefined ? [] : [[name, String(value)]];
    });
    const host = String(headers[':authority'] ?? headers.host);
    const sight: Sight = { service, url: request.url!, host, lines };
    response.setHeader(SEEN, Buffer.from(JSON.stringify(sight)).toString('base64'));
    for (const [name, value] of ANSWERED) response.setHeader(name, value);
    if (headers['content-type']?.startsWith('application/grpc')) {
      response.setHeader('content-type', 'application/grpc');
      response.setHeader('grpc-status', '0');
    }
    request.on('end', () => response.end());
    const known = this.#cases.get(String(headers[CASE])) ?? [];
    this.#cases.set(String(headers[CASE]), [...known, service]);
    for (const wake of [...this.#waiting]) wake();
  }

  whoSaw(name: string): string[] {
    return this.#cases.get(name) ?? [];
  }

  /** Resolves once these services have seen that case. */
  saw(name: string, services: string[]): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!services.every((service) => this.whoSaw(name).includes(service))) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    for (const server of this.#servers) {
      if (server instanceof http.Server) server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  }
}
