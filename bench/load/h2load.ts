/** nghttp2's h2load: HTTP/2 without TLS, 16 connections with 16 streams each. */
import { run } from '../child.ts';
import type { Load } from './load.ts';

export interface H2Load {
  port: number;
  seconds: number;
  host: string;
  path: string;
  headers?: Record<string, string>;
  /** A file to send; makes every request a POST. */
  body?: string;
}

export async function h2load(load: H2Load): Promise<Load> {
  const size = ['-c16', '-m16', '-t1', '-D', String(load.seconds)];
  const headers = Object.entries(load.headers ?? {}).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const body = load.body === undefined ? [] : ['-d', load.body];
  const where = ['--connect-to', `127.0.0.1:${load.port}`, `http://${load.host}${load.path}`];
  return parseH2load(await run(['h2load', ...size, ...headers, ...body, ...where], load.seconds + 30));
}

export function parseH2load(output: string): Load {
  const count = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  const succeeded = count(/(\d+) succeeded/);
  const good = count(/status codes: (\d+) 2xx/);
  if (Number.isNaN(good)) throw new Error(`h2load printed no result:\n${output}`);
  return { done: good, failed: count(/(\d+) failed/) + count(/(\d+) errored/) + (succeeded - good) };
}
