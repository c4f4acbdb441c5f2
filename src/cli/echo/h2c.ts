/** Echo over HTTP/2 without TLS: the same JSON as over HTTP/1.1, and gRPC messages back as they came. */
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Backend } from '../../config/index.ts';
import { echoAnswer, Limited } from './answer.ts';
import { echoName, listening, type StartEcho } from './echo-server.ts';

export const startH2cEcho: StartEcho = async (backend) => {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('sessionError', () => {});
  server.on(
    'stream',
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
      stream.on('error', () => {});
      if (headers['content-type']?.startsWith('application/grpc')) answerGrpc(backend, stream);
      else answer(backend, stream, { headers, rawHeaders });
    },
  );
  return listening(server, sessions);
};

function answer(
  backend: Backend,
  stream: ServerHttp2Stream,
  { headers, rawHeaders }: { headers: IncomingHttpHeaders; rawHeaders: string[] },
): void {
  const body = new Limited();
  stream.on('data', (chunk: Buffer) => body.add(chunk));
  stream.on('end', () => {
    const { headers: answered, text } = echoAnswer(backend, {
      protocol: 'HTTP/2',
      method: String(headers[':method']),
      path: String(headers[':path']),
      host: String(headers[':authority'] ?? headers.host ?? ''),
      rawHeaders: rawHeaders.filter((_, i) => !rawHeaders[i - (i % 2)]!.startsWith(':')),
      body,
    });
    stream.respond({ ':status': 200, ...answered });
    stream.end(text);
  });
}

// Messages are framed by a length of their own, so bytes back are messages back, however many there are.
function answerGrpc(backend: Backend, stream: ServerHttp2Stream): void {
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', 'x-echo-service': echoName(backend) },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.pipe(stream);
}
