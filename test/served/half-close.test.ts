/** Clients that end their side once they have asked, as `nc -N` and shell scripts do. */
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { demoCertificate } from '../../src/cli/demo-certificate.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service, tlsSecret } from './manifest.ts';
import { httpBackend, type TestBackend } from './raw-backend.ts';
import { RawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const LONG = 'x'.repeat(5_000_000);
let rig: Rig;
let backend: TestBackend;
let waiting = 0;
let left = 0;

beforeAll(async () => {
  backend = await httpBackend((request, response) => {
    waiting++;
    response.on('close', () => {
      if (!response.writableFinished) left++;
    });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url!, 'http://a');
      const body = pathname === '/long' ? LONG : `${pathname} ${Buffer.concat(chunks)}`;
      if (pathname !== '/never') setTimeout(() => response.end(body), Number(searchParams.get('after') ?? 50));
    });
  });
  const pair = await demoCertificate(['a.test']);
  const https = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } };
  const objects = [httpRoute('r', [backendRefs('one')]), service('one'), tlsSecret('pair', pair)];
  rig = await serveManifests(manifests([HTTP, https], ...objects), {
    ports: [80, 443],
    endpoints: [endpointsOf('one', backend.port)],
  });
});
afterAll(async () => {
  await rig.close();
  await backend.close();
});

/** Sends `request`, and ends. */
function said(request: string, how: 'http' | 'https' = 'http'): RawClient {
  const at = { host: '127.0.0.1', allowHalfOpen: true };
  const socket =
    how === 'http'
      ? net.connect({ ...at, port: rig.port() })
      : tls.connect({ ...at, port: rig.port(443), servername: 'a.test', rejectUnauthorized: false });
  const client = new RawClient(socket);
  socket.end(request);
  return client;
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;

describe.each(['http', 'https'] as const)('over %s', (how) => {
  test('one request is answered, the last answer says so, and the connection ends', async () => {
    const client = said(get('/a'), how);
    const [response] = await client.responses(1);
    expect(response).toMatchObject({ status: 200, body: '/a ' });
    expect(response!.headers.get('connection')).toBe('close');
    await client.end();
    expect(client.error).toBe(undefined);
    client.close();
  });

  test('several are answered, bodies and the gateway’s own answers among them', async () => {
    const chunked = `POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
    const moved = `GET /b HTTP/1.1\r\nHost: a.test\r\nCDN-Loop: ${'daemun,'.repeat(9)}\r\n\r\n`;
    const client = said(`${get('/a')}${chunked}${moved}${get('/d')}`, how);
    const responses = await client.responses(4);
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 508, 200]);
    expect(responses[1]!.body).toBe('/c abc');
    await client.end();
    client.close();
  });

  test('a long answer arrives whole', async () => {
    const client = said(get('/long'), how);
    const [response] = await client.responses(1);
    expect(response!.body.length).toBe(LONG.length);
    client.close();
  });

  test('an answer that takes long is no other', async () => {
    const client = said(get('/slow?after=3500'), how);
    const [response] = await client.responses(1);
    expect(response).toMatchObject({ status: 200, body: '/slow ' });
    client.close();
  });
});

test.each<[string, (client: RawClient) => void]>([
  ['is reset', (client) => client.socket.resetAndDestroy()],
  ['is closed altogether', (client) => client.socket.destroy()],
])('a client whose connection then %s has left, and its backend hears of it', async (_, leave) => {
  const before = { waiting, left };
  const client = said(get('/never'));
  await vi.waitFor(() => expect(waiting).toBe(before.waiting + 1));
  leave(client);
  await vi.waitFor(() => expect(left).toBe(before.left + 1), 10_000);
  await vi.waitFor(() => expect(rig.accesses.at(-1)).toMatchObject({ status: 499, path: '/never' }));
});
