/** What becomes of hosts over time: a clock, a folder and an authority in memory. */
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Authority } from '../../test/tls/authority.ts';
import type { WantedCertificate } from '../api/index.ts';
import { SourceCollection } from '../graph/index.ts';
import { createLog } from '../observe/index.ts';
import type { Pair } from './certificate-folder.ts';
import type { ChallengeType } from './challenge-board.ts';
import { MAX_HOSTS, MAX_ORDERS, Obtainer } from './obtainer.ts';
import { RETRY } from './schedule.ts';

const DAY = 86_400_000;
const HOST = 'shop.example.com';

let authority: Authority;

beforeAll(async () => {
  authority = await Authority.make('acme');
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function signed(host = HOST, days = 30): Promise<Pair> {
  return authority.sign({ dns: [host], from: -days, until: days });
}

async function rig({ ways = ['http-01'] as ChallengeType[], stored = new Map<string, Pair>() } = {}) {
  const wanted = new SourceCollection<WantedCertificate>('wanted');
  const asked: Array<{ host: string; way: ChallengeType; answer: PromiseWithResolvers<Pair> }> = [];
  const obtainer = new Obtainer({
    source: {
      obtain: (host, way) => {
        const answer = Promise.withResolvers<Pair>();
        asked.push({ host, way, answer });
        return answer.promise;
      },
    },
    folder: {
      load: async (name) => stored.get(name),
      save: async (name, pair) => void stored.set(name, pair),
    },
    board: { ways: () => ways },
    log: await createLog({ level: 'silent', format: 'json' }),
    chance: () => 0,
  });
  const want = (...names: string[]): void => {
    wanted.apply([{ key: 'infra/edge/https', value: { listener: 'infra/edge/https', names } }]);
  };
  obtainer.follow(wanted);
  return { obtainer, wanted, want, asked, stored };
}

/** All that follows without any time going by. */
const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

function told(obtainer: Obtainer): string[] {
  const series = obtainer.metrics().flatMap((family) => family.series);
  return series.map(({ labels, value }) => `${Object.values(labels).join()} ${value}`);
}

test('what is wanted is obtained, stored and given; what is not wanted any more is taken back', async () => {
  const { obtainer, want, asked, stored } = await rig();
  want(HOST);
  await settled();
  expect(obtainer.collection.get(`acme/${HOST}`)).toMatchObject({
    problem: `the certificate for ${HOST} is being obtained`,
  });
  expect(asked.map(({ host, way }) => [host, way])).toEqual([[HOST, 'http-01']]);
  const pair = await signed();
  asked[0]!.answer.resolve(pair);
  await settled();
  expect(obtainer.collection.get(`acme/${HOST}`)).toEqual({ origin: 'acme', name: HOST, pair, problem: '' });
  expect(stored.get(HOST)).toEqual(pair);
  want();
  expect(obtainer.collection.size).toBe(0);
  obtainer.stop();
});

test('one that is stored serves before anybody is asked, and is renewed in time', async () => {
  const pair = await signed();
  const { obtainer, want, asked } = await rig({ stored: new Map([[HOST, pair]]) });
  want(HOST);
  await obtainer.loaded();
  expect(obtainer.collection.get(`acme/${HOST}`)?.pair).toEqual(pair);
  await vi.advanceTimersByTimeAsync(9 * DAY);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(2 * DAY);
  expect(asked.length).toBe(1);
  obtainer.stop();
});

test('what fails leaves the good one, says so, and is tried again later and by the other way', async () => {
  const pair = await signed(HOST, 1);
  const stored = new Map([[HOST, pair]]);
  const { obtainer, want, asked } = await rig({ ways: ['http-01', 'tls-alpn-01'], stored });
  want(HOST);
  await vi.advanceTimersByTimeAsync(DAY / 2);
  asked[0]!.answer.reject(new Error('nobody answers there'));
  await settled();
  const held = obtainer.collection.get(`acme/${HOST}`);
  expect(held?.pair).toEqual(pair);
  expect(held?.problem).toMatch(
    /cannot be obtained: nobody answers there; tried again at .*; the one that expires at .* stays/,
  );
  expect(told(obtainer)).toEqual(['obtained 0', 'failed 1', `${HOST} 1`]);
  await vi.advanceTimersByTimeAsync(RETRY.first - 1);
  expect(asked.length).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked.map(({ way }) => way)).toEqual(['http-01', 'tls-alpn-01']);
  // What an authority gives is looked at, too.
  asked[1]!.answer.resolve(await signed('other.example.com'));
  await settled();
  expect(obtainer.collection.get(`acme/${HOST}`)?.problem).toContain(`the certificate is not for ${HOST}`);
  expect([obtainer.collection.get(`acme/${HOST}`)?.pair, stored.get(HOST)]).toEqual([pair, pair]);
  await vi.advanceTimersByTimeAsync(2 * RETRY.first);
  const next = await signed();
  asked[2]!.answer.resolve(next);
  await settled();
  expect(obtainer.collection.get(`acme/${HOST}`)).toMatchObject({ pair: next, problem: '' });
  expect(told(obtainer)).toEqual(['obtained 1', 'failed 2']);
  obtainer.stop();
});

test('where no authority can look it is said, and the ports that it needs', async () => {
  const { obtainer, want, asked } = await rig({ ways: [] });
  want(HOST);
  await settled();
  expect(asked).toEqual([]);
  expect(obtainer.collection.get(`acme/${HOST}`)?.problem).toContain('needs a listener for this host on port 80');
  obtainer.stop();
});

test(`${MAX_ORDERS} are obtained at a time, and ${MAX_HOSTS} in all`, async () => {
  const { obtainer, want, asked } = await rig();
  const names = Array.from({ length: MAX_HOSTS + 1 }, (_, at) => `h${at}.example.com`);
  want(...names);
  await settled();
  expect(asked.length).toBe(MAX_ORDERS);
  expect(obtainer.collection.get(`acme/h${MAX_HOSTS}.example.com`)?.problem).toContain(
    `${MAX_HOSTS} hosts are the most`,
  );
  asked[0]!.answer.reject(new Error('no'));
  await settled();
  expect(asked.length).toBe(MAX_ORDERS + 1);
  obtainer.stop();
});
