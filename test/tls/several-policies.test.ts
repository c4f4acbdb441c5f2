/** Several ClientTrafficPolicies for one target: what one of them asks of certificates holds, whichever is older. */
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientTraffic } from '../policies/policy.ts';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { RawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair } from './authority.ts';

const HOST = 'a.example';
let root: Authority;
let server: Pair;
let client: Pair;
let rig: Rig;
let writes = 0;

function site(...policies: object[]): string {
  const terminates = { certificateRefs: [{ name: 'server' }] };
  const https = { name: 'https', port: 443, protocol: 'HTTPS', hostname: HOST, tls: terminates };
  // So that each writing changes something.
  const route = httpRoute(`all-${writes++}`, [backendRefs('one')]);
  return manifests([https], caConfigMap('ca', root), tlsSecret('server', server), route, service('one'), ...policies);
}

beforeAll(async () => {
  root = await Authority.make('root');
  server = await root.sign({ dns: [HOST] });
  client = await root.sign({ name: 'alice' });
  rig = await serveManifests(site(), { echo: true, ports: [443] });
});
afterAll(() => rig.close());

async function letsIn(pair?: Pair): Promise<boolean> {
  const shown = pair === undefined ? {} : { cert: pair.certificate, key: pair.privateKey };
  const options = { host: '127.0.0.1', port: rig.port(443), servername: HOST, rejectUnauthorized: false, ...shown };
  const connection = new RawClient(tls.connect(options));
  try {
    const [answer] = await connection.ask(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    return answer!.status === 200;
  } catch {
    return false;
  } finally {
    connection.close();
  }
}

const whoIsLetIn = async (): Promise<boolean[]> => [await letsIn(), await letsIn(client)];
const certificates = (mode = 'Required') => ({
  clientCertificates: { mode, caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] },
});
const HSTS = { hsts: { maxAgeSeconds: 60 } };

const told = (name: string): string[] =>
  rig.report().items.flatMap(({ metadata, status }) => {
    const { ancestors = [] } = status as { ancestors?: Array<{ conditions: Array<Record<string, string>> }> };
    if (metadata.name !== name) return [];
    return ancestors.flatMap(({ conditions }) =>
      conditions.filter(({ type }) => type === 'Accepted').map((one) => `${one.status} ${one.reason}: ${one.message}`),
    );
  });

test('a younger policy’s certificates are asked for beside what the older one says', async () => {
  await rig.write(site(clientTraffic('a', HSTS), clientTraffic('b', { ...certificates(), pathForm: 'Keep' })));
  expect(await whoIsLetIn()).toEqual([false, true]);
  expect(told('b')).toEqual([
    expect.stringContaining('its settings count, and of these clientCertificates alone, since they guard'),
  ]);
  expect(told('a')).toEqual([expect.stringMatching(/^True Accepted/)]);
});

test('the same under two names is as one', async () => {
  await rig.write(site(clientTraffic('a', certificates()), clientTraffic('b', certificates())));
  expect(await whoIsLetIn()).toEqual([false, true]);
});

test('where they ask for different things nobody is let in, and both say so', async () => {
  await rig.write(site(clientTraffic('a', certificates('Optional')), clientTraffic('b', certificates())));
  expect(await whoIsLetIn()).toEqual([false, false]);
  for (const name of ['a', 'b']) {
    expect(told(name)).toEqual([
      expect.stringMatching(/^False Conflicted: .*nobody is let in until one of the two goes/),
    ]);
  }
  await rig.write(site(clientTraffic('a', certificates('Optional'))));
  expect(await whoIsLetIn()).toEqual([true, true]);
});
