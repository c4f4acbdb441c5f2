/** Backends of the soak, of each protocol: they give back what they get, and answers that can be checked. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { WebSocketServer } from 'ws';
import { rawImplementation } from '../protocols/raw-implementation.ts';
import { serveRaw } from '../protocols/raw-service.ts';
import type { Pair } from '../tls/authority.ts';
import { pattern } from './traffic/traffic.ts';

export type BackendKind = 'h1' | 'h2c' | 'grpc' | 'tcp' | 'udp' | 'tls';

export interface SoakBackend {
  port: number;
  /** As a backend ends that was taken out of service: what is under way may finish. */
  retire(): void;
  /** At once. */
  end(): void;
}

/**
 * MiB. Node counts what it had not sent of a stream that was reset for as long as the connection lives, and above this it
 * turns requests away; those that may have been looked at are the clients' to send again, and none is to fail here.
 */
const SESSION_MEMORY = 10_000;
const SLOW_STEP = 500;
/** Paths are `/PREFIX/what/number`: the prefix is what the route goes by. */
const PATH = /^\/\w+\/(\w+)\/?(\d*)$/;

/** Starts one on a free port; `pair` is for TLS. */
export async function startBackend(kind: BackendKind, pair: Pair): Promise<SoakBackend> {
  switch (kind) {
    case 'h1':
      return await http1();
    case 'h2c':
      return await listening(
        http2.createServer({ maxSessionMemory: SESSION_MEMORY }, (request, response) => answer(request, response)),
      );
    case 'grpc': {
      const server = await serveRaw({ 'raw.Echo': rawImplementation('soak') });
      // What is under way holds it; with `end` at the latest all is over.
      return { port: server.port, retire: () => {}, end: () => server.close() };
    }
    case 'tcp':
      return await listening(net.createServer({ allowHalfOpen: true }, echo));
    case 'tls': {
      const options = { key: pair.privateKey, cert: pair.certificate, allowHalfOpen: true };
      return await listening(tls.createServer(options, echo));
    }
    case 'udp':
      return await datagrams();
  }
}

function answer(
  request: http.IncomingMessage | http2.Http2ServerRequest,
  response: http.ServerResponse | http2.Http2ServerResponse,
): void {
  const [, what, number] = PATH.exec(request.url ?? '') ?? [];
  request.on('error', () => {});
  response.on('error', () => {});
  if (what === 'echo') {
    request.pipe(response);
    return;
  }
  request.resume();
  const bytes = pattern(Number(number));
  if (what !== 'slow') {
    response.end(bytes);
    return;
  }
  let at = 0;
  const timer = setInterval(() => {
    if (at === bytes.length) response.end();
    else (response as NodeJS.WritableStream).write(bytes.subarray(at, ++at));
  }, SLOW_STEP);
  response.on('close', () => clearInterval(timer));
}

async function http1(): Promise<SoakBackend> {
  const server = http.createServer((request, response) => answer(request, response));
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('error', () => {});
      client.on('message', (message, isBinary) => client.send(message, { binary: isBinary }));
    });
  });
  return await listening(server);
}

function echo(socket: net.Socket): void {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
}

async function listening(server: net.Server): Promise<SoakBackend> {
  const open = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    retire: () => server.close(),
    end() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

async function datagrams(): Promise<SoakBackend> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  // Clients keep the endpoint that they were given: it must answer them to the end.
  return { port: socket.address().port, retire: () => {}, end: () => socket.close() };
}
