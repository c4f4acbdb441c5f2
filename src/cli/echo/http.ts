/** Echo over HTTP/1.1: JSON that says what arrived, and WebSocket messages back as they came. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Backend } from '../../config/index.ts';
import { echoAnswer, Limited } from './answer.ts';
import { listening, type StartEcho } from './echo-server.ts';
import { echoWebSocket } from './websocket.ts';

export const startHttpEcho: StartEcho = async (backend) => {
  const server = createServer({ maxHeaderSize: 128 * 1024, requestTimeout: 0 }, (request, response) =>
    answer(backend, request, response),
  );
  // The gateway decides when an idle connection ends, so that no request meets a closing one.
  server.keepAliveTimeout = 0;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('upgrade', echoWebSocket);
  return listening(server, sockets);
};

function answer(backend: Backend, request: IncomingMessage, response: ServerResponse): void {
  const body = new Limited();
  request.on('data', (chunk: Buffer) => body.add(chunk));
  request.on('end', () => {
    const { headers, text } = echoAnswer(backend, {
      protocol: `HTTP/${request.httpVersion}`,
      method: request.method ?? '',
      path: request.url ?? '',
      host: request.headers.host ?? '',
      rawHeaders: request.rawHeaders,
      body,
    });
    response.writeHead(200, headers).end(text);
  });
}
