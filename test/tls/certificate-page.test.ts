/** A page for clients without a certificate that is valid: whoever is let through the handshake for it gets nothing else. */
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientTraffic } from '../policies/policy.ts';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { RawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair } from './authority.ts';

const GUARDED = 'guarded.example';
const OPEN = 'open.example';

let root: Authority;
let server: Pair;
const pairs: Record<string, Pair> = {};
let rig: Rig;
let writes = 0;

const listener = (name: string, hostname: string): object => ({
  ...{ name, port: 443, protocol: 'HTTPS', hostname, allowedRoutes: { namespaces: { from: 'All' } } },
  tls: { certificateRefs: [{ name: 'server' }] },
});
const ref = (name: string): object => ({ group: '', kind: 'ConfigMap', name });

function policy(asked: object): object {
  return clientTraffic('certificates', { clientCertificates: { caCertificateRefs: [ref('ca')], ...asked } }, 'guarded');
}

function site(...objects: object[]): string {
  return manifests(
    [listener('guarded', GUARDED), listener('open', OPEN)],
    caConfigMap('ca', root),
    tlsSecret('server', server),
    // So that each writing changes something.
    httpRoute(`all-${writes++}`, [backendRefs('one')]),
    service('one'),
    ...objects,
  );
}

beforeAll(async () => {
  root = await Authority.make('root');
  server = await root.sign({ dns: [GUARDED, OPEN] });
  pairs.good = await root.sign({ name: 'alice' });
  pairs.stranger = await (await Authority.make('other')).sign({ name: 'mallory' });
  rig = await serveManifests(site(), { echo: true, ports: [443] });
});
afterAll(() => rig.close());

interface Visited {
  client?: string;
  host?: string;
}

function optionsOf({ client, host = GUARDED }: Visited): tls.ConnectionOptions {
  const pair = client === undefined ? {} : { cert: pairs[client]!.certificate, key: pairs[client]!.privateKey };
  return { host: '127.0.0.1', port: rig.port(443), servername: host, rejectUnauthorized: false, ...pair };
}

describe('with an errorPage', () => {
  const PAGE = 'https://login.example/certificate';
  /** Status and Location; 0: the client was turned away. */
  async function asked({ path = '/', host = GUARDED, ...visited }: Visited & { path?: string }): Promise<string> {
    const client = new RawClient(tls.connect(optionsOf({ host, ...visited })));
    client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    try {
      const [response] = await client.responses(1);
      return `${response!.status} ${response!.headers.get('location') ?? ''}`;
    } catch {
      return '0 ';
    } finally {
      client.close();
    }
  }

  test('who shows none, or one that is not valid, is sent there whatever he asks for, and gets nothing else', async () => {
    await rig.write(site(policy({ errorPage: PAGE })));
    expect(await asked({ client: 'good' })).toBe('200 ');
    for (const path of ['/', '/nowhere/at/all', '/?x=1']) {
      expect([path, await asked({ path })]).toEqual([path, `302 ${PAGE}`]);
      expect([path, await asked({ path, client: 'stranger' })]).toEqual([path, `302 ${PAGE}`]);
    }
    // A connection that was made for another host gets none of this one's answers.
    const beside = new RawClient(tls.connect(optionsOf({ host: OPEN })));
    beside.send(`GET / HTTP/1.1\r\nHost: ${GUARDED}\r\n\r\n`);
    const [response] = await beside.responses(1);
    expect([421, 302]).toContain(response!.status);
    beside.close();
    expect(await asked({ host: OPEN })).toBe('200 ');
  });

  test('Optional lets in who shows none, and sends away who shows a wrong one; a depth and lists count', async () => {
    await rig.write(site(policy({ errorPage: PAGE, mode: 'Optional' })));
    expect(await asked({})).toBe('200 ');
    expect(await asked({ client: 'stranger' })).toBe(`302 ${PAGE}`);
    await rig.write(site(policy({ errorPage: PAGE, verifyDepth: 0 })));
    expect(await asked({ client: 'good' })).toBe('200 ');
    expect(await asked({ client: 'stranger' })).toBe(`302 ${PAGE}`);
  });

  test('what is broken turns all away in the handshake, and a page that is taken out ends who was let in for it', async () => {
    await rig.write(site(policy({ errorPage: PAGE, caCertificateRefs: [ref('gone')] })));
    expect([await asked({}), await asked({ client: 'good' })]).toEqual(['0 ', '0 ']);
    await rig.write(site(policy({ errorPage: PAGE })));
    const waiting = tls.connect(optionsOf({}));
    await new Promise((resolve) => waiting.once('secureConnect', resolve));
    const ended = new Promise((resolve) => waiting.on('error', () => {}).once('close', resolve));
    waiting.resume();
    await rig.write(site(policy({})));
    await ended;
    expect(await asked({})).toBe('0 ');
  });

  test.each([
    ['its page is taken out', (): object => policy({})],
    ['its authorities are', (): object => policy({ errorPage: PAGE, caCertificateRefs: [ref('gone')] })],
  ])('a request that had begun when %s never gets past it', async (_what, changed) => {
    await rig.write(site(policy({ errorPage: PAGE })));
    const begun = new RawClient(tls.connect(optionsOf({})));
    const ask = `GET / HTTP/1.1\r\nHost: ${GUARDED}\r\n\r\n`;
    expect((await begun.ask(`${ask}${ask.slice(0, 20)}`))[0]!.status).toBe(302);
    const served = (): number => rig.accesses.filter(({ status }) => status === 200).length;
    const before = served();
    await rig.write(site(changed()));
    begun.send(ask.slice(20));
    await begun.end();
    expect([begun.text, served()]).toEqual(['', before]);
  });
});

test.each([
  ['a request of it has begun', 20],
  ['it was busy a moment ago', 0],
])(
  'where the authorities change while %s, one more is answered on the connection, and told to be the last',
  async (_what, begun) => {
    const ask = `GET / HTTP/1.1\r\nHost: ${GUARDED}\r\n\r\n`;
    await rig.write(site(policy({})));
    const kept = new RawClient(tls.connect(optionsOf({ client: 'good' })));
    expect((await kept.ask(`${ask}${ask.slice(0, begun)}`))[0]!.status).toBe(200);
    await rig.write(site(policy({ caCertificateRefs: [ref('new')] }), caConfigMap('new', await Authority.make('new'))));
    const [response] = await kept.ask(ask.slice(begun));
    expect([response!.status, response!.headers.get('connection')]).toEqual([200, 'close']);
    await kept.end();
  },
);
