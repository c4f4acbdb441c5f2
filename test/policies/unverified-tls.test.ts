/** BackendTrafficPolicy.tls.verification: Disabled: TLS that believes whoever answers, and says so. */
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, VERIFIED } from '../tls/authority.ts';
import { slice } from './pods.ts';
import { backendTraffic } from './policy.ts';

let rig: Rig;
let server: https.Server;
let other: Authority;
const names: unknown[] = [];

beforeAll(async () => {
  const pair = await (await Authority.make('nobody')).sign({ dns: ['other.example'] });
  other = await Authority.make('other');
  server = https.createServer({ cert: pair.certificate, key: pair.privateKey }, (_request, response) =>
    response.end('ok'),
  );
  server.on('secureConnection', (socket) => names.push(socket.servername));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  rig = await serveManifests(site());
});
afterAll(async () => {
  await rig.close();
  server.close();
});

function site(...more: object[]): string {
  const { port } = server.address() as AddressInfo;
  const pod = slice('s', { name: 'x', port, close() {} });
  return manifests([HTTP], httpRoute('r', [backendRefs('s')]), service('s'), pod, caConfigMap('ca', other), ...more);
}

async function status(): Promise<number> {
  const client = await rawClient(rig.port());
  const [response] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  client.close();
  return response!.status;
}

const unverified = backendTraffic('s', { tls: { verification: 'Disabled', serverName: 'sni.example' } });

test('speaks TLS to whoever answers, and its status warns', async () => {
  await rig.write(site(unverified));
  expect(await status()).toBe(200);
  expect(names.at(-1)).toBe('sni.example');
  expect(JSON.stringify(rig.report().items)).toContain('WARNING: TLS to the endpoints is not verified');
  await rig.write(site(backendTraffic('s', { tls: { verification: 'Disabled' } })));
  expect(await status()).toBe(200);
  expect(names.at(-1)).toBe(false);
});

test('a BackendTLSPolicy holds beside it, and lets nobody in who is not verified', async () => {
  await rig.write(site(unverified, VERIFIED));
  expect(await status()).toBeGreaterThanOrEqual(500);
});
