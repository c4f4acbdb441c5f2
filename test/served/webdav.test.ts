/** WebDAV behind the gateway: MOVE and COPY name their destination as the client sees it, and the backend as it sees it. */
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoCertificate } from '../../src/cli/demo-certificate.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service, tlsSecret } from './manifest.ts';
import { httpBackend, type TestBackend } from './raw-backend.ts';
import { rawClient, rawTlsClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

let rig: Rig;
let backend: TestBackend;
let last: IncomingMessage;

const rewrite = (prefix: string, to: string, hostname?: string): object => ({
  matches: [{ path: { type: 'PathPrefix', value: prefix } }],
  filters: [
    {
      type: 'URLRewrite',
      urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: to }, ...(hostname && { hostname }) },
    },
  ],
  ...backendRefs('dav'),
});

beforeAll(async () => {
  backend = await httpBackend((request, answer) => {
    last = request;
    answer.writeHead(201).end();
  });
  const pair = await demoCertificate(['dav.example']);
  const https = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } };
  const rules = [
    rewrite('/files', '/remote'),
    rewrite('/short', '/'),
    rewrite('/away', '/x', 'dav.internal'),
    backendRefs('dav'),
  ];
  rig = await serveManifests(
    manifests([HTTP, https], tlsSecret('pair', pair), httpRoute('dav', rules), service('dav')),
    { ports: [80, 443], endpoints: [endpointsOf('dav', backend.port)] },
  );
});

afterAll(async () => {
  await rig.close();
  await backend.close();
});

async function told(path: string, destination: string, how: { tls: boolean; method?: string }): Promise<unknown> {
  const client = how.tls
    ? await rawTlsClient(rig.port(443), { servername: 'dav.example' })
    : await rawClient(rig.port());
  const line = `${how.method ?? 'MOVE'} ${path} HTTP/1.1\r\nHost: dav.example\r\nDestination: ${destination}\r\n\r\n`;
  const [answer] = await client.ask(line);
  client.close();
  expect(answer!.status).toBe(201);
  return last.headers.destination;
}

test.each([
  ['TLS ends here', '/a', 'https://dav.example/b%20c', true, 'http://dav.example/b%20c'],
  ['its port is told', '/a', 'https://DAV.example:443/b', true, 'http://dav.example/b'],
  ['its prefix is replaced', '/files/a', 'https://dav.example/files/sub/b', true, 'http://dav.example/remote/sub/b'],
  ['its prefix is taken away', '/short/a', 'http://dav.example/short/b', false, 'http://dav.example/b'],
  ['its host is another one', '/away/a', 'https://dav.example/away/b', true, 'http://dav.internal/x/b'],
  ['it is a path', '/files/a', '/files/b', true, '/remote/b'],
])('where %s the backend is told its own name of it', async (_, path, destination, tls, expected) => {
  for (const method of ['MOVE', 'COPY']) expect(await told(path, destination, { tls, method })).toBe(expected);
});

test.each([
  ['of another server', '/a', 'https://other.example/b', true],
  ['of another scheme', '/a', 'http://dav.example/b', true],
  ['beside what the rule rewrites', '/files/a', 'https://dav.example/filesystem/b', true],
  ['that needs nothing', '/a', 'http://dav.example/b', false],
  ['that is none', '/a', 'elsewhere', true],
])('a destination %s stays as it is', async (_, path, destination, tls) => {
  expect(await told(path, destination, { tls })).toBe(destination);
});

test('of other methods nobody looks at it', async () => {
  const destination = 'https://dav.example/b';
  expect(await told('/a', destination, { tls: true, method: 'LOCK' })).toBe(destination);
});
