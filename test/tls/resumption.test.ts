/** Sessions that are resumed by the clients of others: over both versions, at listeners of every kind, at another worker. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newTicketSecret } from '../../src/value/ticket-secret.ts';
import { findTool, run, succeed } from '../protocols/tool.ts';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { RawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, type Pair } from './authority.ts';

/** Their listeners have: the name itself, a wildcard, no hostname. */
const NAMES = ['exact.example', 'x.wild.example', 'any.example'];
const VERSIONS = ['TLSv1_2', 'TLSv1_3'] as const;
const CASES = NAMES.flatMap((name) => VERSIONS.map((version) => [name, version] as const));
const TWICE = ['new HTTP/1.1 200 OK', 'resumed HTTP/1.1 200 OK'];

const python = findTool('python3', 'python3');
const go = findTool('go', 'golang');
const openssl = findTool('openssl', 'openssl');
let folder: string;
let rigs: Rig[] = [];
/** Of two workers of one run. */
let ports: number[] = [];

function served(pair: Pair): string {
  const listener = (name: string, port: number, hostname?: string): object => ({
    name,
    port,
    protocol: 'HTTPS',
    ...(hostname === undefined ? {} : { hostname }),
    tls: { certificateRefs: [{ name: 'pair' }] },
  });
  return manifests(
    [listener('exact', 443, 'exact.example'), listener('wild', 443, '*.wild.example'), listener('any', 444)],
    tlsSecret('pair', pair),
    httpRoute('all', [backendRefs('one')]),
    service('one'),
  );
}

function portsOf(name: string): number[] {
  return rigs.map((rig) => rig.port(name === 'any.example' ? 444 : 443));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-resume-'));
  const pair = await (await Authority.make('ours')).sign({ dns: NAMES });
  const ticketSecret = newTicketSecret();
  const options = { echo: true, ports: [443, 444], ticketSecret };
  rigs = [await serveManifests(served(pair), options), await serveManifests(served(pair), options)];
  ports = portsOf('exact.example');
});
afterAll(async () => {
  for (const rig of rigs) await rig.close();
  rmSync(folder, { recursive: true, force: true });
});

async function visit(port: number, options: tls.ConnectionOptions): Promise<{ said: string; session?: Buffer }> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  let session: Buffer | undefined;
  socket.on('session', (given: Buffer) => {
    session = given;
  });
  const client = new RawClient(socket);
  const [response] = await client.ask(`GET / HTTP/1.1\r\nHost: ${options.servername}\r\n\r\n`);
  const said = `${socket.isSessionReused() ? 'resumed' : 'new'} HTTP/1.1 ${response!.status} OK`;
  client.close();
  return { said, ...(session === undefined ? {} : { session }) };
}

describe.each(CASES)('at the listener of %s over %s', (servername, version) => {
  test('Node', async () => {
    const [first, second] = portsOf(servername);
    const maxVersion = version === 'TLSv1_2' ? 'TLSv1.2' : 'TLSv1.3';
    const before = await visit(first!, { servername, maxVersion });
    const after = await visit(second!, { servername, maxVersion, session: before.session });
    expect([before.said, after.said]).toEqual(TWICE);
  });

  test.runIf(openssl)('OpenSSL', async () => {
    const file = join(folder, `${servername}-${version}`);
    const input = `GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`;
    const connect = async (port: number, flags: string[]): Promise<string> => {
      const to = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', servername, '-ign_eof'];
      const { stdout } = await run(openssl!, [...to, version.replace('TLSv', '-tls'), ...flags], { input });
      const [, how] = /^(New|Reused), TLS/m.exec(stdout) ?? [];
      const [status] = /HTTP\/1.1 .*/.exec(stdout) ?? [];
      return `${how === 'Reused' ? 'resumed' : 'new'} ${status}`.trim();
    };
    const [first, second] = portsOf(servername);
    expect([await connect(first!, ['-sess_out', file]), await connect(second!, ['-sess_in', file])]).toEqual(TWICE);
    if (version === 'TLSv1_3') return;
    // Sessions by number are kept nowhere. Who can do no others is served all the same.
    const byNumber = await connect(first!, ['-no_ticket', '-sess_out', file]);
    expect([byNumber, await connect(first!, ['-no_ticket', '-sess_in', file])]).toEqual([TWICE[0], TWICE[0]]);
  });

  test.runIf(python)('Python', async () => {
    const script = fileURLToPath(new URL('resume.py', import.meta.url));
    const { stdout } = await succeed(python!, [script, ...portsOf(servername).map(String), servername, version]);
    // Over TLS 1.3 Python has the session of a connection too late, or not at all.
    expect(stdout.trim().split('\n')).toEqual(
      version === 'TLSv1_2' ? TWICE : [TWICE[0], expect.stringContaining('200')],
    );
  });
});

describe.runIf(go)('Go', () => {
  let program: string;
  beforeAll(async () => {
    program = join(folder, 'resume');
    const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod' };
    const source = fileURLToPath(new URL('resume.go', import.meta.url));
    await succeed(go!, ['build', '-o', program, source], { env, timeout: 240_000 });
  }, 240_000);

  test.each(CASES)('at the listener of %s over %s', async (name, version) => {
    const { stdout } = await succeed(program, [...portsOf(name).map(String), name, version]);
    expect(stdout.trim().split('\n')).toEqual(TWICE);
  });
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: a session of another listener is none', async (maxVersion) => {
  const { session } = await visit(ports[0]!, { servername: 'exact.example', maxVersion });
  expect((await visit(ports[0]!, { servername: 'x.wild.example', maxVersion, session })).said).toBe(TWICE[0]);
  // And by one that it is of, for whatever name, it is resumed and serves that name.
  const wild = await visit(ports[0]!, { servername: 'x.wild.example', maxVersion });
  const other = await visit(ports[0]!, { servername: 'y.wild.example', maxVersion, session: wild.session });
  expect(other.said).toContain('200');
});
