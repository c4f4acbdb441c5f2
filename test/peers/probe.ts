/** Asks one of them, and says in a few words what came of it. */
import http2 from 'node:http2';
import tls from 'node:tls';
import { DEFAULT_LIMITS } from '../../src/proxy/http/service.ts';
import { CONNECT_TIMEOUT } from '../../src/proxy/upstream/index.ts';
import { rawClient } from '../served/raw-client.ts';
import type { Ask } from './question.ts';
import type { Backends, Peer } from './site.ts';

export interface Asked {
  peer: Peer;
  backends: Backends;
}

export async function observe(ask: Ask, asked: Asked): Promise<string> {
  if (ask.probe === undefined) return await sent(ask, asked);
  if (ask.probe in TIMES) return TIMES[ask.probe]!;
  const probe = PROBES[ask.probe];
  if (probe === undefined) throw new Error(`there is no probe ${ask.probe}`);
  return await probe(asked);
}

/** `*N` stands for N letters. */
const wide = (line: string): string => line.replace(/\*(\d+)/, (_, count) => 'v'.repeat(Number(count)));

async function sent(ask: Ask, { peer, backends }: Asked): Promise<string> {
  const { request = 'GET / HTTP/1.1', lines = [], host = 'web.example', times = 1, body = 0, saw, answer = [] } = ask;
  const many = lines.flatMap((line) => {
    const [, count, rest] = /^(\d+) times (.*)$/.exec(line) ?? [];
    return count === undefined ? [line] : Array.from({ length: Number(count) }, (_, at) => rest!.replace('#', `${at}`));
  });
  const length = body === 0 ? [] : [`content-length: ${body}`];
  const head = [wide(request), ...(host === '' ? [] : [`host: ${host}`]), ...many.map(wide), ...length].join('\r\n');
  let last = { status: 0, headers: {} as Record<string, string> };
  const statuses = new Set<number>();
  backends.sightings.length = 0;
  for (let i = 0; i < times; i++) {
    last = await exchange(peer.port, `${head}\r\n\r\n${'b'.repeat(body)}`);
    statuses.add(last.status);
  }
  const said = [[...statuses].sort().map(named).join(', ')];
  for (const name of answer) said.push(`${name}: ${shown(last.headers[name])}`);
  if (saw !== undefined && last.status < 300) said.push(`backend: ${shown(seen(backends, saw))}`);
  return said.join('; ');
}

function named(status: number): string {
  if (status === 0) return 'the connection is closed';
  return Number.isNaN(status) ? 'the bytes as they came, without a status line' : `${status}`;
}

const shown = (value: string | undefined): string => (value === undefined ? 'none' : `\`${value}\``);

function seen({ sightings }: Backends, what: string): string | undefined {
  const last = sightings.at(-1);
  if (what === 'path') return last?.path;
  if (what === 'version') return last === undefined ? undefined : `HTTP/${last.version}`;
  const value = last?.headers[what];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Without what is of this hour, or by chance. */
function plain(value: string): string {
  return value
    .replace(/^(sid)=[^;]+/, '$1=…')
    .replace(/;t=\d+/, ';t=…')
    .replace(/^\d{4}$/, '…');
}

async function exchange(port: number, text: string): Promise<{ status: number; headers: Record<string, string> }> {
  const client = await rawClient(port);
  try {
    const [answer] = await client.ask(text);
    const headers: Record<string, string> = {};
    for (const [name, value] of answer!.headers) headers[name] = plain(value);
    return { status: answer!.status, headers };
  } catch {
    return { status: 0, headers: {} };
  } finally {
    client.close();
  }
}

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: web.example\r\n\r\n`;
/** Exchanges after which whatever was to come of a request has come of it. */
const MEANWHILE = 20;

const seconds = (milliseconds: number): string => `${milliseconds / 1000} s`;
/** Too long to be waited for: as the code has them. */
const TIMES: Readonly<Record<string, string>> = {
  connectTimeout: seconds(CONNECT_TIMEOUT),
  headTimeout: seconds(DEFAULT_LIMITS.headTimeout),
  keepAliveTimeout: seconds(DEFAULT_LIMITS.keepAliveTimeout),
  streamIdleTimeout: seconds(DEFAULT_LIMITS.streamIdleTimeout),
};

export const isTime = ({ probe }: Ask): boolean => probe !== undefined && probe in TIMES;

const PROBES: Record<string, (asked: Asked) => Promise<string>> = {
  async requestBuffering({ peer, backends }) {
    backends.sightings.length = 0;
    const client = await rawClient(peer.port);
    client.send('POST /upload HTTP/1.1\r\nhost: web.example\r\ncontent-length: 8\r\n\r\nhalf');
    for (let i = 0; i < MEANWHILE; i++) await exchange(peer.port, GET('/'));
    const streams = backends.sightings.some(({ path }) => path === '/upload');
    await client.ask('half');
    client.close();
    return streams ? 'streamed' : 'the backend sees a request when all of it is there';
  },

  async answerBuffering({ peer, backends }) {
    const client = await rawClient(peer.port);
    client.send(GET('/halves'));
    for (let i = 0; i < MEANWHILE; i++) await exchange(peer.port, GET('/'));
    const streams = client.text.endsWith('half');
    backends.release();
    await client.until(() => client.text.endsWith('halfhalf'));
    client.close();
    return streams ? 'streamed' : 'small pieces are collected first';
  },

  async tlsVersions({ peer }) {
    const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
    const taken: string[] = [];
    for (const version of versions) if (await handshake(peer.tlsPort, version)) taken.push(version.replace('TLSv', ''));
    return `TLS ${taken.join(', ')}`;
  },

  async http2Streams({ peer }) {
    const settings = await remoteSettings(peer);
    return `${settings.maxConcurrentStreams} streams, ${settings.initialWindowSize! / 1024} KiB a stream`;
  },
};

function handshake(port: number, version: tls.SecureVersion): Promise<boolean> {
  // What the client's OpenSSL would refuse by itself says nothing of the server.
  const ciphers = 'DEFAULT@SECLEVEL=0';
  const options = { port, host: '127.0.0.1', servername: 'web.example', rejectUnauthorized: false, ciphers };
  return new Promise((resolve) => {
    const socket = tls.connect({ ...options, minVersion: version, maxVersion: version }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function remoteSettings({ tlsPort }: Peer): Promise<http2.Settings> {
  return new Promise((resolve, reject) => {
    const options = { rejectUnauthorized: false, servername: 'web.example' };
    const session = http2.connect(`https://127.0.0.1:${tlsPort}`, options);
    session.on('error', reject).on('remoteSettings', (settings) => {
      session.destroy();
      resolve(settings);
    });
  });
}
