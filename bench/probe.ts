/** One request that shows whether a proxy serves what a case needs. */
import { createSocket } from 'node:dgram';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

export type ProbeTarget =
  | { kind: 'http'; port: number; tls: boolean; host?: string; path?: string }
  | { kind: 'h2'; port: number; host?: string }
  | { kind: 'grpc'; port: number; host?: string }
  | { kind: 'udp'; port: number };

const timeout = 1000;

/** True for an answer as it should be; errors and timeouts are false. */
export async function probe(target: ProbeTarget): Promise<boolean> {
  switch (target.kind) {
    case 'http':
      return await probeHttp(target);
    case 'h2':
    case 'grpc':
      return await probeHttp2(target);
    case 'udp':
      return await probeUdp(target.port);
  }
}

function probeHttp(target: Extract<ProbeTarget, { kind: 'http' }>): Promise<boolean> {
  const { resolve, promise } = Promise.withResolvers<boolean>();
  const options = {
    host: '127.0.0.1',
    port: target.port,
    path: target.path ?? '/',
    headers: { host: target.host ?? 'localhost' },
    agent: false as const,
    timeout,
  };
  const onResponse = (response: http.IncomingMessage): void => {
    response.resume();
    response.on('end', () => resolve(response.statusCode === 200));
    response.on('error', () => resolve(false));
  };
  const request = target.tls
    ? https.get({ ...options, servername: 'localhost', rejectUnauthorized: false }, onResponse)
    : http.get(options, onResponse);
  request.on('timeout', () => request.destroy(new Error('no answer in time')));
  request.on('error', () => resolve(false));
  return promise;
}

function probeHttp2(target: Extract<ProbeTarget, { kind: 'h2' | 'grpc' }>): Promise<boolean> {
  const { resolve, promise } = Promise.withResolvers<boolean>();
  const session = http2.connect(`http://127.0.0.1:${target.port}`);
  session.setTimeout(timeout, () => session.destroy());
  session.on('error', () => resolve(false));
  session.on('close', () => resolve(false));
  const grpc = target.kind === 'grpc';
  const stream = session.request({
    ':authority': target.host ?? 'localhost',
    ':method': grpc ? 'POST' : 'GET',
    ':path': grpc ? '/bench.Echo/Say' : '/',
    ...(grpc ? { 'content-type': 'application/grpc', te: 'trailers' } : {}),
  });
  let ok = false;
  stream.on('response', (headers) => {
    ok = headers[':status'] === 200 && (!grpc || headers['grpc-status'] === undefined);
  });
  stream.on('trailers', (trailers) => {
    ok &&= !grpc || trailers['grpc-status'] === '0';
  });
  stream.on('error', () => resolve(false));
  stream.on('close', () => {
    resolve(ok);
    session.close();
  });
  stream.resume();
  stream.end(grpc ? Buffer.alloc(5) : undefined);
  return promise;
}

function probeUdp(port: number): Promise<boolean> {
  const { resolve, promise } = Promise.withResolvers<boolean>();
  const socket = createSocket('udp4');
  const finish = (ok: boolean): void => {
    clearTimeout(timer);
    socket.close();
    resolve(ok);
  };
  const timer = setTimeout(finish, timeout, false);
  socket.once('message', () => finish(true));
  socket.once('error', () => finish(false));
  socket.send('probe', port, '127.0.0.1');
  return promise;
}
