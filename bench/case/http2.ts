/** HTTP/2 without TLS: to an HTTP/1.1 backend, and gRPC to an HTTP/2 backend. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { h2load } from '../load/h2load.ts';
import { type Case, cpuPerRequest, eachPeer, sampleCpu } from './case.ts';
import { onePath } from './traffic.ts';

const host = 'bench.example';

export const http2Case: Case = {
  name: 'h2-h1',
  title: 'HTTP/2 to HTTP/1.1, 16 connections × 16 streams, body of 2 bytes',
  figures: [cpuPerRequest],
  goals: [{ figure: 'cpu', of: 'ratio', limit: 0.8 }],
  subject: 'daemun',
  baseline: 'nginx',
  contenders: (peers, world) =>
    eachPeer(peers, { kind: 'http', h2: true, hosts: [host], paths: onePath, backend: world.backends.h1, workers: 1 }),
  probe: ({ port }) => ({ kind: 'h2', port, host }),
  measure: (target, { seconds }) => sampleCpu(target, () => h2load({ port: target.port, seconds, host, path: '/' })),
};

/** A gRPC message frame around a protobuf message with one string of two bytes. */
const message = Buffer.from([0, 0, 0, 0, 4, 0x0a, 2, 0x68, 0x69]);

export const grpcCase: Case = {
  name: 'grpc',
  title: 'gRPC unary, HTTP/2 to HTTP/2, 16 connections × 16 streams',
  figures: [cpuPerRequest],
  goals: [{ figure: 'cpu', of: 'ratio', limit: 0.6 }],
  subject: 'daemun',
  baseline: 'nginx',
  contenders: (peers, world) =>
    eachPeer(peers, { kind: 'grpc', hosts: [host], paths: onePath, backend: world.backends.grpc, workers: 1 }),
  probe: ({ port }) => ({ kind: 'grpc', port, host }),
  measure(target, { dir, seconds }) {
    const body = join(dir, 'grpc-message');
    writeFileSync(body, message);
    const headers = { 'content-type': 'application/grpc', te: 'trailers' };
    const load = { port: target.port, seconds, host, path: '/bench.Echo/Say', headers, body };
    return sampleCpu(target, () => h2load(load));
  },
};
