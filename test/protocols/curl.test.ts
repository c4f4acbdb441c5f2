/** curl and h2load against a served gateway. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { findTool, run, succeed } from './tool.ts';

const curl = findTool('curl', 'curl');
const h2load = findTool('h2load', 'nghttp2-client');
const BIG = 3 * 1024 * 1024;

let rig: Rig;
let folder: string;
let sockets: WebSocketServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-curl-'));
  const pair = await demoCertificate(['web.example.com']);
  writeFileSync(join(folder, 'ca.pem'), pair.certificate);
  writeFileSync(join(folder, 'big'), Buffer.alloc(BIG, 'x'));
  sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  sockets.on('connection', (socket) => {
    socket.send('hello from the backend', () => socket.terminate());
  });
  await once(sockets, 'listening');
  const manifests = [
    gateway([
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } },
    ]),
    `---\n${tlsSecret({ namespace: 'default', name: 'pair' }, pair)}\n`,
    route('HTTPRoute', 'all', {
      rules: [
        { matches: [{ path: { value: '/h2c' } }], backendRefs: [{ name: 'h2c', port: 80 }] },
        { matches: [{ path: { value: '/socket' } }], backendRefs: [{ name: 'socket', port: 80 }] },
        { matches: [{ path: { value: '/closed' } }] },
        { backendRefs: [{ name: 'one', port: 80 }] },
      ],
    }),
    service('one', 80),
    service('h2c', 80, { appProtocol: 'kubernetes.io/h2c' }),
    service('socket', 80),
  ];
  rig = await serveManifests(manifests.join(''), {
    ports: [80, 443],
    echo: true,
    endpoints: [`default/socket:80=127.0.0.1:${(sockets.address() as AddressInfo).port}`],
  });
});

afterAll(async () => {
  sockets.close();
  await rig.close();
  rmSync(folder, { recursive: true, force: true });
});

const plain = (path: string): string => `http://web.example.com:${rig.port()}${path}`;
const secure = (path: string): string => `https://web.example.com:${rig.port(443)}${path}`;
/** Both ports under the name of the certificate. */
const here = (): string[] => [
  ...['--silent', '--show-error', '--max-time', '20', '--cacert', join(folder, 'ca.pem')],
  ...[rig.port(), rig.port(443)].flatMap((port) => ['--resolve', `web.example.com:${port}:127.0.0.1`]),
];

describe.runIf(curl)('curl', () => {
  const ask = async (...args: string[]): Promise<string> => (await succeed(curl!, [...here(), ...args])).stdout;

  test.each([
    ['HTTP/1.1', ['--http1.1'], plain, '1.1'],
    ['HTTP/1.0', ['--http1.0'], plain, '1.1'],
    ['HTTP/2 by prior knowledge', ['--http2-prior-knowledge'], plain, '2'],
    ['HTTPS with HTTP/1.1', ['--http1.1'], secure, '1.1'],
    ['HTTPS with HTTP/2', ['--http2'], secure, '2'],
  ])('%s, to backends of both versions, with small and large bodies', async (_, flags, url, version) => {
    for (const path of ['/h1/item?x=1', '/h2c/item?x=1']) {
      const got = await ask(...flags, '--write-out', '\n%{http_version} %{http_code}', url(path));
      const [body, status] = got.trimEnd().split(/\n(?=\S+ \d+$)/);
      expect(status).toBe(`${version} 200`);
      expect(JSON.parse(body!)).toMatchObject({
        path,
        host: expect.stringMatching(/^web\./),
      });
      const code = ['--output', join(folder, 'out'), '--write-out', '%{http_code} %{size_upload}'];
      expect(await ask(...flags, ...code, '--data-binary', `@${join(folder, 'big')}`, url(path))).toBe(`200 ${BIG}`);
    }
  });

  test.each([
    ['HTTP/1.1', ['--http1.1'], plain],
    ['HTTP/2 by prior knowledge', ['--http2-prior-knowledge'], plain],
    ['HTTPS with HTTP/2', ['--http2'], secure],
  ])('%s: an upload that is refused before its end gets to know why', async (_, flags, url) => {
    const upload = ['--data-binary', `@${join(folder, 'big')}`, '--output', join(folder, 'out')];
    for (let i = 0; i < 10; i++) {
      expect(await ask(...flags, ...upload, '--write-out', '%{http_code}', url('/closed'))).toBe('500');
    }
  });

  test('an Upgrade to h2c is passed over: the answer comes in HTTP/1.1', async () => {
    expect(await ask('--http2', '--output', '-', '--write-out', '\n%{http_version} %{http_code}', plain('/'))).toMatch(
      /\n1\.1 200$/,
    );
  });

  test('HEAD, and many requests on one connection', async () => {
    const urls = Array.from({ length: 20 }, (_, i) => plain(`/${i}`));
    const outputs = urls.flatMap(() => ['--output', join(folder, 'out')]);
    const codes = await ask('--head', '--write-out', '%{http_code} %{num_connects}\n', ...outputs, ...urls);
    expect(codes.trimEnd().split('\n')).toEqual(['200 1', ...urls.slice(1).map(() => '200 0')]);
  });

  test.each([
    ['plain', plain],
    ['over TLS', secure],
  ])('a WebSocket handshake, %s', async (_, url) => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const headers = [...upgrade, `Sec-WebSocket-Key: ${btoa('0123456789abcdef')}`].flatMap((line) => ['-H', line]);
    const { stdout } = await run(curl!, [
      ...here(),
      '--http1.1',
      '--include',
      '--no-buffer',
      ...headers,
      url('/socket'),
    ]);
    expect(stdout).toMatch(/^HTTP\/1\.1 101 /);
    expect(stdout).toContain('hello from the backend');
  });

  test('plain HTTP on a TLS port is told so', async () => {
    const { stdout } = await run(curl!, [...here(), '--include', `http://web.example.com:${rig.port(443)}/`]);
    expect(stdout).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('TLS on a plain port fails at once', async () => {
    const { code, stderr } = await run(curl!, [...here(), `https://web.example.com:${rig.port()}/`]);
    expect([code, stderr]).toEqual([35, expect.stringMatching(/SSL|TLS/)]);
  });
});

describe.runIf(h2load)('h2load', () => {
  test.each([
    ['h2c to HTTP/1.1', plain, '/h1', []],
    ['h2c to h2c', plain, '/h2c', []],
    ['TLS to HTTP/1.1', secure, '/h1', []],
    ['HTTP/1.1 to h2c', plain, '/h2c', ['--h1']],
  ])('%s: every request is answered', async (_, url, path, flags) => {
    const load = ['-n', '2000', '-c', '8', '-m', '16', ...flags];
    const address = url(path).replace('web.example.com', '127.0.0.1');
    const { stdout } = await succeed(h2load!, [...load, address]);
    expect(stdout).toMatch(/2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout/);
    expect(stdout).toMatch(/2000 2xx, 0 3xx, 0 4xx, 0 5xx/);
  });
});
