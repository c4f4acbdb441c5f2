/** The cost of a TLS connection that carries one request. */
import { join } from 'node:path';
import { run } from '../child.ts';
import { parseLoad } from '../load/load.ts';
import { type Case, eachPeer, sampleCpu } from './case.ts';
import { onePath } from './traffic.ts';

interface HandshakeCase {
  name: string;
  title: string;
  certificate: 'rsa' | 'ecdsa';
  mode: 'new' | 'resumed';
  goal?: number;
}

const program = join(import.meta.dirname, '..', 'load', 'handshake.ts');

function handshakeCase({ name, title, certificate, mode, goal }: HandshakeCase): Case {
  return {
    name,
    title,
    figures: [{ name: 'cpu', unit: 'µs/connection', better: 'lower' }],
    goals: goal === undefined ? [] : [{ figure: 'cpu', of: 'ratio', limit: goal }],
    subject: 'daemun',
    baseline: 'nginx',
    contenders: (peers, world) =>
      eachPeer(peers, {
        kind: 'http',
        certificate: world[certificate],
        hosts: ['localhost'],
        paths: onePath,
        backend: world.backends.h1,
        workers: 1,
      }),
    probe: ({ port }) => ({ kind: 'http', port, tls: true }),
    measure: (target, { seconds }) =>
      sampleCpu(target, async () => {
        const args = [String(target.port), String(seconds), mode];
        return parseLoad(await run([process.execPath, program, ...args], seconds + 30));
      }),
  };
}

export const handshakeCases: Case[] = [
  handshakeCase({
    name: 'tls-new',
    title: 'New TLS 1.3 connections, RSA 2048, one request each',
    certificate: 'rsa',
    mode: 'new',
    goal: 1.3,
  }),
  handshakeCase({
    name: 'tls-new-ecdsa',
    title: 'New TLS 1.3 connections, ECDSA P-256, one request each',
    certificate: 'ecdsa',
    mode: 'new',
  }),
  handshakeCase({
    name: 'tls-resumed',
    title: 'Resumed TLS 1.3 connections, one request each',
    certificate: 'rsa',
    mode: 'resumed',
  }),
];
