/** Pods of a test: backends that say their name, and the slices that a Service finds them by. */
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { httpBackend } from '../served/raw-backend.ts';

export interface Pod {
  readonly name: string;
  readonly port: number;
  close(): unknown;
}

/** It answers with its name, or as `x-fail: name=status` asks; `reset` cuts the connection. */
export async function pod(name: string): Promise<Pod> {
  const { port, close } = await httpBackend((request, response) => {
    const failing = `${request.headers['x-fail'] ?? ''}`.split(',').find((one) => one.startsWith(`${name}=`));
    const how = failing?.slice(name.length + 1);
    if (how === 'reset') return void request.socket.destroy();
    const delay = Number(request.headers['x-delay'] ?? 0);
    setTimeout(() => {
      response.statusCode = Number(how ?? 200);
      response.end(name);
    }, delay);
  });
  return { name, port, close };
}

/** The same over HTTP/2 without TLS. */
export async function h2Pod(name: string): Promise<Pod> {
  const listening = await h2Listening(http2.createServer((_request, response) => void response.end(name)));
  return { name, ...listening };
}

/** On a port of its own; closing it ends its sessions. */
export async function h2Listening(server: http2.Http2Server | http2.Http2SecureServer): Promise<Omit<Pod, 'name'>> {
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => void sessions.add(session.on('close', () => sessions.delete(session))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.close();
    for (const session of sessions) session.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

interface PodState {
  draining?: boolean;
  zone?: string;
}

/** An EndpointSlice with one pod: all pods of a test have the same address. */
export function slice(service: string, { name, port }: Pod, { draining = false, zone }: PodState = {}): object {
  const conditions = { ready: !draining, serving: true, terminating: draining };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-${name}`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions, ...(zone !== undefined && { zone }) }],
    ports: [{ port }],
  };
}
