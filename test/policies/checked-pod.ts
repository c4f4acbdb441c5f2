/** Pods that answer health checks as a test says, and count them. */
import http2 from 'node:http2';
import { httpBackend } from '../served/raw-backend.ts';
import { h2Listening, type Pod } from './pods.ts';

export interface CheckedPod extends Pod {
  readonly state: CheckedState;
}

export interface CheckedState {
  /** What is answered on /healthz; of gRPC the serving status, or below 0 the status with which the call ends. */
  status: number;
  /** Health checks so far: whom and what they asked for. */
  checks: string[];
}

export async function checkedPod(name: string, status = 200): Promise<CheckedPod> {
  const state: CheckedState = { status, checks: [] };
  const { port, close } = await httpBackend(({ url = '', headers }, response) => {
    if (!url.startsWith('/healthz')) return void response.end(name);
    state.checks.push(`${headers.host ?? ''}${url}`);
    response.writeHead(state.status, state.status === 302 ? { location: 'http://127.0.0.1:1/elsewhere' } : {}).end('x');
  });
  return { name, port, state, close };
}

/** The same over HTTP/2 without TLS. */
export async function h2CheckedPod(name: string, status = 200): Promise<CheckedPod> {
  const state: CheckedState = { status, checks: [] };
  const server = http2.createServer((request, response) => {
    if (!request.url.startsWith('/healthz')) return void response.end(name);
    state.checks.push(`${request.authority}${request.url}`);
    response.writeHead(state.status).end('x');
  });
  return { name, state, ...(await h2Listening(server)) };
}

/** It has the health service of gRPC. */
export async function grpcCheckedPod(name: string, status = 1): Promise<CheckedPod> {
  const state: CheckedState = { status, checks: [] };
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    const sent: Buffer[] = [];
    stream.on('data', (bytes: Buffer) => void sent.push(bytes));
    stream.on('end', () => {
      if (headers[':path'] !== '/grpc.health.v1.Health/Check') {
        stream.respond({ ':status': 200 });
        return void stream.end(name);
      }
      // Behind the prefix, the tag and the length of the name.
      state.checks.push(Buffer.concat(sent).subarray(7).toString());
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': `${Math.max(0, -state.status)}` }));
      stream.end(state.status < 0 ? undefined : Buffer.from([0, 0, 0, 0, 2, 8, state.status]));
    });
  });
  return { name, state, ...(await h2Listening(server)) };
}
