/** Keys that an issuer publishes: a real provider over TLS, and servers that publish what they should not. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OAuth2Server } from 'oauth2-mock-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Pair } from '../tls/authority.ts';
import { Asker, authentication, guardedSite } from './authentication-asker.ts';

let authority: Authority;
let pair: Pair;
let folder: string;
let issuer: OAuth2Server;
let asker: Asker;
beforeAll(async () => {
  authority = await Authority.make('issuers');
  pair = await authority.sign({ name: 'localhost', dns: ['localhost'] });
  folder = mkdtempSync(join(tmpdir(), 'daemun-issuer-'));
  writeFileSync(join(folder, 'key'), pair.privateKey);
  writeFileSync(join(folder, 'crt'), pair.certificate);
  issuer = new OAuth2Server(join(folder, 'key'), join(folder, 'crt'));
  await issuer.issuer.keys.generate('RS256');
  await issuer.start(0, '127.0.0.1');
  asker = await Asker.over(guardedSite(), { loopbackNames: 'allowed' });
});
afterAll(async () => {
  await asker.rig.close();
  await issuer.stop();
  rmSync(folder, { recursive: true });
});

const ca = (text = authority.certificate): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'ca' },
  data: { 'ca.crt': text },
});
const CA = { group: '', kind: 'ConfigMap', name: 'ca' };

const policy = (url: string, more: object = {}): object =>
  authentication({
    methods: [{ jwt: { providers: [{ issuer: issuer.issuer.url!, jwks: { url, caCertificateRef: CA, ...more } }] } }],
  });
const own = (): string => `https://localhost:${issuer.address().port}/jwks`;
const token = (kid?: string): Promise<string> => issuer.issuer.buildToken(kid === undefined ? {} : { kid });
const status = async (text: string | Promise<string>): Promise<number> =>
  asker.status({ authorization: `Bearer ${await text}` });

describe('a provider', () => {
  test('is asked for its keys, and what it signs is believed', async () => {
    await asker.serve(guardedSite(ca(), policy(own())));
    expect(await status(token())).toBe(200);
    expect(await status('x')).toBe(401);
  });

  test('that signs with a key that it published since is believed as soon as it may be asked again', async () => {
    await asker.serve(guardedSite(ca(), policy(own())));
    expect(await status(token())).toBe(200);
    const { kid } = await issuer.issuer.keys.generate('ES256');
    await expect.poll(() => status(token(kid)), { timeout: 8_000, interval: 250 }).toBe(200);
  });
});

/** What `answer` says, over TLS. */
async function publishing(
  answer: http.RequestListener,
  certificate: Pair = pair,
): Promise<https.Server & { url: string; asked: number }> {
  const counted = Object.assign(
    https.createServer({ cert: certificate.certificate, key: certificate.privateKey }, (request, response) => {
      counted.asked++;
      answer(request, response);
    }),
    { url: '', asked: 0 },
  );
  counted.listen(0, '127.0.0.1');
  await once(counted, 'listening');
  counted.url = `https://localhost:${(counted.address() as AddressInfo).port}/jwks`;
  return counted;
}

const publicKeys = (): object => ({ keys: issuer.issuer.keys.toJSON() });
const json =
  (value: object): http.RequestListener =>
  (_, answer) =>
    answer.end(JSON.stringify(value));

describe('keys that do not come, or not as they should', () => {
  test.each<[string, () => http.RequestListener]>([
    ['an error', () => (_, answer) => answer.writeHead(500).end(JSON.stringify(publicKeys()))],
    ['a redirect', () => (_, answer) => answer.writeHead(302, { location: own() }).end()],
    ['no JSON', () => (_, answer) => answer.end('<html>')],
    ['no keys', () => json({ keys: [] })],
    [
      '10,000 keys',
      () => json({ keys: Array.from({ length: 10_000 }, (_, i) => ({ kty: 'RSA', n: 'AQ', e: 'AQAB', kid: `${i}` })) }),
    ],
    ['private keys', () => json({ keys: issuer.issuer.keys.toJSON(true) })],
    ['secrets', () => json({ keys: [{ kty: 'oct', k: 'AAAA', kid: issuer.issuer.keys.toJSON()[0]!.kid }] })],
    [
      'more than there is room for',
      () => (_, answer) => answer.end(JSON.stringify(publicKeys()) + ' '.repeat(600_000)),
    ],
    [
      'half',
      () => (_, answer) =>
        answer.writeHead(200, { 'content-length': 9_999 }).end(JSON.stringify(publicKeys()), () => answer.destroy()),
    ],
    ['nothing', () => (request) => request.socket.destroy()],
  ])('%s: 503 for tokens, 401 for who has none, and nobody comes in', async (_, answer) => {
    const server = await publishing(answer());
    await asker.serve(guardedSite(ca(), policy(server.url)));
    expect(await status(token())).toBe(503);
    expect(await asker.status()).toBe(401);
    expect(await asker.status({ host: 'b.example' })).toBe(200);
    for (let i = 0; i < 20; i++) expect(await status(token())).toBe(503);
    expect(server.asked).toBe(1);
    server.close();
  });

  test('a certificate that nobody vouches for, of another name, or none', async () => {
    const stranger = await (await Authority.make('stranger')).sign({ name: 'localhost', dns: ['localhost'] });
    const other = await authority.sign({ name: 'other', dns: ['other.example'] });
    for (const certificate of [stranger, other]) {
      const server = await publishing(json(publicKeys()), certificate);
      await asker.serve(guardedSite(ca(), policy(server.url)));
      expect(await status(token())).toBe(503);
      server.close();
    }
    const plain = http.createServer(json(publicKeys())).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    await asker.serve(guardedSite(ca(), policy(`https://localhost:${(plain.address() as AddressInfo).port}/`)));
    expect(await status(token())).toBe(503);
    plain.close();
    await asker.serve(guardedSite(policy(own())));
    expect(await status(token())).toBe(503);
  });

  test.each([
    'http://localhost/jwks',
    'https://user:word@localhost/',
    'https://169.254.169.254/jwks',
    'https://[fe80::1]/',
    'https://0x7f.1.1.1.1/',
    'file:///etc/passwd',
  ])('%s is refused', async (url) => {
    // Else the last good form would stay.
    await asker.serve(guardedSite(ca()));
    await asker.serve(guardedSite(ca(), policy(url)));
    expect(await status(token())).toBe(500);
    expect(await asker.status({ host: 'b.example' })).toBe(200);
  });

  test('the last ones hold while the issuer does not answer, and for as long as they may', async () => {
    let well = true;
    const server = await publishing((request, answer) =>
      well ? json(publicKeys())(request, answer) : answer.writeHead(500).end(),
    );
    const times = { refreshInterval: '1s', staleFor: '7s' };
    await asker.serve(guardedSite(ca(), policy(server.url, times)));
    expect(await status(token())).toBe(200);
    well = false;
    const fresh = token();
    await expect
      .poll(async () => [await status(fresh), server.asked], { timeout: 9_000, interval: 250 })
      .toEqual([200, 2]);
    await expect.poll(() => status(token()), { timeout: 9_000, interval: 250 }).toBe(503);
    expect(await status(fresh)).toBe(503);
    well = true;
    await expect.poll(() => status(token()), { timeout: 9_000, interval: 250 }).toBe(200);
    server.close();
  });
});

test('this machine is not asked where names may not lead there', async () => {
  const strict = await Asker.over(guardedSite(ca(), policy(own())));
  expect(await strict.status({ authorization: `Bearer ${await token()}` })).toBe(500);
  const named = policy('https://127.0.0.1.nip.invalid/');
  await strict.serve(guardedSite(ca(), named));
  expect(await strict.status({ authorization: `Bearer ${await token()}` })).toBe(503);
  await strict.rig.close();
});
