/** ClientTrafficPolicy.connection: a limit of one listener's port, told to those who come too many. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { clientTraffic } from './policy.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const LISTENERS = [
  { name: 'few', port: 80, protocol: 'HTTP' },
  { name: 'many', port: 81, protocol: 'HTTP' },
];
const withLimit = (...policies: object[]): string =>
  manifests(LISTENERS, httpRoute('all', [backendRefs('one')]), service('one'), ...policies);

let rig: Rig;
beforeAll(async () => {
  const policy = clientTraffic('few', { connection: { maxConnections: 2 } }, 'few');
  rig = await serveManifests(withLimit(policy), { echo: true, ports: [80, 81] });
});
afterAll(() => rig.close());

async function asked(port: number): Promise<string> {
  const client = await rawClient(rig.port(port));
  client.send(GET);
  await client.until(() => client.text.includes('\r\n\r\n'));
  return client.text;
}

const refused = (): number =>
  rig.proxy
    .metrics()
    .find(({ name }) => name === 'daemun_connections_refused_total')!
    .series.find(({ labels }) => labels.reason === 'limit')!.value!;

test('one too many is told so and counted, other listeners go on, and an edit of the policy holds at once', async () => {
  for (let i = 0; i < 2; i++) expect(await asked(80)).toContain('200 OK');
  expect(await asked(80)).toMatch(/^HTTP\/1\.1 503 /);
  expect(refused()).toBe(1);
  for (let i = 0; i < 3; i++) expect(await asked(81)).toContain('200 OK');
  await rig.write(withLimit(clientTraffic('few', { connection: { maxConnections: 3 } }, 'few')));
  expect(await asked(80)).toContain('200 OK');
  expect(await asked(80)).toMatch(/^HTTP\/1\.1 503 /);
  await rig.write(withLimit());
  expect(await asked(80)).toContain('200 OK');
  expect(refused()).toBe(2);
});
