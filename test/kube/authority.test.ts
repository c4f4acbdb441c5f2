/** The controller's authority and the review of data planes' tokens, against the embedded API. */
import { X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { SERVER_LIFETIME } from '../../src/authority/authority.ts';
import { AUTHORITY_LIFETIME, AUTHORITY_SPREAD, AUTHORITY_SUCCESSION } from '../../src/authority/authority-set.ts';
import { Authority, type AuthorityOptions, STREAM_AUDIENCE, tokenReview } from '../../src/authority/index.ts';
import { ADDRESS_REVIEW_LIMIT, REVIEW_LIMIT } from '../../src/authority/review-budget.ts';
import { REFUSAL_KEPT, REVIEW_KEPT } from '../../src/authority/token-review.ts';
import { createLog, type Log } from '../../src/observe/index.ts';
import { ApiClient } from '../../src/sources/cluster/index.ts';
import { ApiServer, FAILED, FORBIDDEN } from './index.ts';

const open: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const HERE = '10.0.0.1';
const NAMES = ['daemun.daemun-system.svc', 'daemun.daemun-system.svc.cluster.local'];
const log = await createLog({ level: 'silent', format: 'json' });

async function startApi(): Promise<{ api: ApiServer; client: ApiClient }> {
  const api = await ApiServer.start();
  const client = new ApiClient({ server: api.url, namespace: 'daemun-system', name: 'test' });
  open.push(
    () => api.close(),
    () => client.close(),
  );
  return { api, client };
}

async function authorityOf(client: ApiClient, more: Partial<AuthorityOptions> = {}): Promise<Authority> {
  const about = { namespace: 'daemun-system', name: 'daemun-authority', serverNames: NAMES };
  const authority = await Authority.open({ client, log, ...about, ...more });
  open.push(() => authority.close());
  return authority;
}

const secretOf = (api: ApiServer) => api.store.find(api.kind('Secret'), 'daemun-system', 'daemun-authority');
const writes = (api: ApiServer) => api.store.writes.filter(({ name }) => name !== 'tokenreviews').length;
const bundled = ({ bundle }: Authority): string[] =>
  bundle.split(/(?<=-----END CERTIFICATE-----\n)/).filter((one) => one !== '');
const signerOf = (authority: Authority): number =>
  bundled(authority).findIndex((one) =>
    new X509Certificate(authority.pair.certificate).verify(new X509Certificate(one).publicKey),
  );

describe('an authority', () => {
  test('is made once, kept in a Secret, and the same after a restart', async () => {
    const { api, client } = await startApi();
    const first = await authorityOf(client);
    expect(bundled(first)).toHaveLength(1);
    expect(signerOf(first)).toBe(0);
    expect(new X509Certificate(first.pair.certificate).subjectAltName).toBe(
      NAMES.map((one) => `DNS:${one}`).join(', '),
    );
    const data = secretOf(api)?.data as Record<string, string>;
    expect(Buffer.from(data['ca.crt']!, 'base64').toString()).toBe(first.bundle);
    first.close();
    const second = await authorityOf(client);
    expect(second.bundle).toBe(first.bundle);
    expect(second.pair.certificate).not.toBe(first.pair.certificate);
    expect(writes(api)).toBe(1);
  });

  test('is one for replicas that start together', async () => {
    const { api, client } = await startApi();
    const all = await Promise.all(Array.from({ length: 5 }, () => authorityOf(client)));
    expect(new Set(all.map(({ bundle }) => bundle)).size).toBe(1);
    expect(all.map(signerOf)).toEqual([0, 0, 0, 0, 0]);
    expect(api.store.list(api.kind('Secret'), '')).toHaveLength(1);
  });

  test('is followed by another that is trusted long before it signs, and trusted until its own end', async () => {
    const { client } = await startApi();
    let time = Date.now();
    const now = (): number => time;
    const [one, other] = [await authorityOf(client, { now }), await authorityOf(client, { now })];
    const [before] = bundled(one);
    time += AUTHORITY_LIFETIME - AUTHORITY_SUCCESSION + 1000;
    await Promise.all([one.look(), other.look()]);
    await Promise.all([one.look(), other.look()]);
    expect(bundled(one)).toHaveLength(2);
    expect(bundled(one)[0]).toBe(before);
    expect(other.bundle).toBe(one.bundle);
    expect([signerOf(one), signerOf(other)]).toEqual([0, 0]);
    time += AUTHORITY_SPREAD;
    await one.look();
    expect(signerOf(one)).toBe(1);
    expect(bundled(one)).toHaveLength(2);
    time += AUTHORITY_SUCCESSION;
    await one.look();
    expect(bundled(one)).not.toContain(before);
    expect(signerOf(one)).toBe(0);
  });

  test('renews the certificate of the server long before its end, and says so', async () => {
    const { api, client } = await startApi();
    let time = Date.now();
    const authority = await authorityOf(client, { now: () => time });
    const first = authority.pair;
    let told = 0;
    authority.onChange(() => told++);
    await authority.look();
    expect([authority.pair, told]).toEqual([first, 0]);
    time += SERVER_LIFETIME / 3;
    await authority.look();
    expect(authority.pair).not.toEqual(first);
    expect(told).toBe(1);
    expect(new X509Certificate(authority.pair.certificate).validToDate.getTime()).toBeGreaterThan(
      time + SERVER_LIFETIME * 0.9,
    );
    expect(writes(api)).toBe(1);
  });

  test('comes back as it was where its Secret was deleted, so that data planes go on', async () => {
    const { api, client } = await startApi();
    const authority = await authorityOf(client);
    const { bundle } = authority;
    api.store.delete(api.kind('Secret'), 'daemun-system', 'daemun-authority');
    await authority.look();
    expect(authority.bundle).toBe(bundle);
    const data = secretOf(api)?.data as Record<string, string>;
    expect(Buffer.from(data['ca.crt']!, 'base64').toString()).toBe(bundle);
  });

  test('that cannot be read is not written over: what to do is said, and it is tried again', async () => {
    const { api, client } = await startApi();
    const metadata = { name: 'daemun-authority', namespace: 'daemun-system' };
    api.store.create(api.kind('Secret'), { apiVersion: 'v1', kind: 'Secret', metadata, data: { own: 'eA==' } });
    const told: string[] = [];
    const ears: Log = { ...log, warn: ({ error }) => told.push(String(error)) };
    const opening = authorityOf(client, { log: ears });
    await expect.poll(() => told[0]).toMatch(/Secret daemun-system\/daemun-authority .*delete the Secret/);
    expect(secretOf(api)?.data).toEqual({ own: 'eA==' });
    api.store.delete(api.kind('Secret'), 'daemun-system', 'daemun-authority');
    expect(bundled(await opening)).toHaveLength(1);
  });

  test('is waited for while the API server refuses, and stays in use while it fails', async () => {
    const { api, client } = await startApi();
    const told: string[] = [];
    const ears: Log = { ...log, warn: ({ error }) => told.push(String(error)) };
    api.fault = () => FORBIDDEN;
    const opening = authorityOf(client, { log: ears, look: 20 });
    await expect.poll(() => told[0]).toMatch(/Forbidden/);
    api.fault = () => undefined;
    const authority = await opening;
    const { bundle, pair } = authority;
    api.fault = () => FAILED;
    const before = told.length;
    await expect.poll(() => told.length).toBeGreaterThan(before);
    expect(authority.bundle).toBe(bundle);
    expect(authority.pair).toBe(pair);
  });
});

describe('a token review', () => {
  const gatewayOf = ({ namespace, name }: { namespace: string; name: string }): string | undefined =>
    name.startsWith('daemun-') ? `${namespace}/${name.slice('daemun-'.length)}` : undefined;

  test("answers whose Gateway's data plane it is, and which pod", async () => {
    const { api, client } = await startApi();
    const audiences = [STREAM_AUDIENCE];
    api.tokens.set('edge', { username: 'system:serviceaccount:infra:daemun-edge', audiences, pod: 'daemun-edge-x1' });
    api.tokens.set('unbound', { username: 'system:serviceaccount:infra:daemun-edge', audiences });
    const authenticate = tokenReview({ client, gatewayOf });
    expect(await authenticate('edge', HERE)).toEqual({ gateway: 'infra/edge', proxy: 'daemun-edge-x1' });
    expect(await authenticate('unbound', HERE)).toEqual({ gateway: 'infra/edge' });
  });

  test.each([
    ['that nobody has', undefined, 'token'],
    ['for another audience', { username: 'system:serviceaccount:infra:daemun-edge', audiences: ['vault'] }, 'token'],
    ['of a person', { username: 'alice', audiences: [STREAM_AUDIENCE] }, 'token'],
    ['of a node', { username: 'system:node:daemun-edge', audiences: [STREAM_AUDIENCE] }, 'token'],
    [
      'of another account',
      { username: 'system:serviceaccount:infra:default', audiences: [STREAM_AUDIENCE] },
      'gateway',
    ],
  ])('refuses one %s', async (_, known, code) => {
    const { api, client } = await startApi();
    if (known) api.tokens.set('it', known);
    await expect(tokenReview({ client, gatewayOf })('it', HERE)).rejects.toMatchObject({ name: 'StreamRefusal', code });
  });

  test('takes no yes from an API server that does not understand audiences', async () => {
    const status = { authenticated: true, user: { username: 'system:serviceaccount:infra:daemun-edge' } };
    const client = { call: async () => ({ status }) } as unknown as ApiClient;
    await expect(tokenReview({ client, gatewayOf })('it', HERE)).rejects.toMatchObject({ code: 'token' });
  });

  test('is asked for once by all who come together, and again after a while: what was revoked is refused', async () => {
    const { api, client } = await startApi();
    let time = 0;
    const username = 'system:serviceaccount:infra:daemun-edge';
    api.tokens.set('edge', { username, audiences: [STREAM_AUDIENCE] });
    const authenticate = tokenReview({ client, gatewayOf, now: () => time });
    await Promise.all(Array.from({ length: 20 }, () => authenticate('edge', HERE)));
    expect(api.asked).toHaveLength(1);
    api.tokens.delete('edge');
    time += REVIEW_KEPT;
    await expect(authenticate('edge', HERE)).rejects.toMatchObject({ code: 'token' });
  });

  test('that fails is no refusal for good', async () => {
    const { api, client } = await startApi();
    const username = 'system:serviceaccount:infra:daemun-edge';
    api.tokens.set('edge', { username, audiences: [STREAM_AUDIENCE] });
    const authenticate = tokenReview({ client, gatewayOf });
    api.fault = () => FAILED;
    await expect(authenticate('edge', HERE)).rejects.not.toMatchObject({ name: 'StreamRefusal' });
    api.fault = () => undefined;
    expect(await authenticate('edge', HERE)).toEqual({ gateway: 'infra/edge' });
  });

  test('that said no is not asked for again at once, and is after a while: a token may become valid', async () => {
    const { api, client } = await startApi();
    let time = 0;
    const authenticate = tokenReview({ client, gatewayOf, now: () => time });
    for (let at = 0; at < 5; at++) await expect(authenticate('edge', HERE)).rejects.toMatchObject({ code: 'token' });
    expect(api.asked).toHaveLength(1);
    api.tokens.set('edge', { username: 'system:serviceaccount:infra:daemun-edge', audiences: [STREAM_AUDIENCE] });
    time += REFUSAL_KEPT;
    expect(await authenticate('edge', HERE)).toEqual({ gateway: 'infra/edge' });
  });

  test('is not asked for without end by who makes up tokens, at one address or at many, and data planes get in', async () => {
    const { api, client } = await startApi();
    let time = 0;
    const authenticate = tokenReview({ client, gatewayOf, now: () => time });
    const audiences = [STREAM_AUDIENCE];
    for (let at = 0; at < 200; at++) {
      api.tokens.set(`good-${at}`, { username: 'system:serviceaccount:infra:daemun-edge', audiences });
    }
    let made = 0;
    const flood = async (from: string, count: number): Promise<string[]> => {
      const all = Array.from({ length: count }, () =>
        authenticate(`made-up-${made++}`, from).then(String, ({ code }) => code),
      );
      return await Promise.all(all);
    };
    expect((await flood('10.0.0.66', 300)).filter((code) => code === 'token')).toHaveLength(ADDRESS_REVIEW_LIMIT.most);
    for (let at = 0; at < 20; at++) await flood(`10.0.1.${at}`, 300);
    expect(api.asked.length).toBeLessThanOrEqual(REVIEW_LIMIT.most);
    const asked = api.asked.length;
    // Tens of data planes come while all that is going on, and who is known stays known.
    for (let at = 0; at < 100; at++) {
      expect(await authenticate(`good-${at}`, `10.0.2.${at}`)).toEqual({ gateway: 'infra/edge' });
      expect(await flood('10.0.0.66', 2)).toEqual(['busy', 'busy']);
    }
    expect(api.asked.length - asked).toBe(100);
    for (let at = 0; at < 100; at++) await authenticate(`good-${at}`, '10.0.0.66');
    expect(api.asked.length - asked).toBe(100);
    time += 1000;
    const later = api.asked.length;
    for (let at = 0; at < 50; at++) await flood(`10.0.1.${at % 20}`, 30);
    expect(api.asked.length - later).toBeLessThanOrEqual(REVIEW_LIMIT.perSecond + REVIEW_LIMIT.most - asked);
  });

  test('of who is let in costs nothing of what an address may ask', async () => {
    const { api, client } = await startApi();
    const authenticate = tokenReview({ client, gatewayOf, now: () => 0 });
    const audiences = [STREAM_AUDIENCE];
    for (let at = 0; at < ADDRESS_REVIEW_LIMIT.most * 3; at++) {
      api.tokens.set(`good-${at}`, { username: 'system:serviceaccount:infra:daemun-edge', audiences });
      expect(await authenticate(`good-${at}`, HERE)).toEqual({ gateway: 'infra/edge' });
    }
  });
});
