import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Endpoint } from '../../config/index.ts';
import type { Resolved } from '../names/index.ts';
import { LONGEST_SILENCE, LONGEST_TTL, NameResolution, SHORTEST_TTL } from './name-resolution.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a name is looked up again when its records end, within bounds, and a failure leaves the last answer', async () => {
  const answers = [
    { addresses: ['10.0.0.2', '10.0.0.1'], ttl: 60 },
    new Error('SERVFAIL'),
    { addresses: ['10.0.0.3'], ttl: 1 },
    { addresses: ['10.0.0.4'], ttl: 100_000 },
  ];
  const seen: Endpoint[][] = [];
  let asked = 0;
  let failures = 0;
  const resolution = new NameResolution({ hostname: 'x.example', port: 80 }, (endpoints) => seen.push(endpoints), {
    resolve: async () => {
      const answer = answers[asked++]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onFailure: () => failures++,
  });
  await resolution.start();
  expect(seen).toEqual([
    [
      { address: '10.0.0.1', port: 80, state: 'ready' },
      { address: '10.0.0.2', port: 80, state: 'ready' },
    ],
  ]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked, seen.length]).toEqual([2, 1]);
  await vi.advanceTimersByTimeAsync(SHORTEST_TTL * 1000);
  expect([asked, seen.length]).toEqual([3, 2]);
  await vi.advanceTimersByTimeAsync(SHORTEST_TTL * 1000);
  expect([asked, seen.length]).toEqual([4, 3]);
  await vi.advanceTimersByTimeAsync(LONGEST_TTL * 1000 - 1);
  expect(asked).toBe(4);
  expect(failures).toBe(1);
  resolution.stop();
  await vi.advanceTimersByTimeAsync(LONGEST_TTL * 1000);
  expect(asked).toBe(4);
});

test('a family that is silent keeps what was known of it, and joins when it speaks', async () => {
  const late = Promise.withResolvers<Resolved | null>();
  const never = new Promise<Resolved | null>(() => {});
  const answers: Resolved[] = [
    { addresses: ['10.0.0.1'], ttl: 60, silent: 6, later: late.promise },
    { addresses: ['10.0.0.2'], ttl: 60, silent: 6, later: never },
    { addresses: ['10.0.0.3'], ttl: 60 },
  ];
  const seen: string[][] = [];
  const take = (endpoints: Endpoint[]): void => void seen.push(endpoints.map(({ address }) => address));
  const resolution = new NameResolution({ hostname: 'x.example', port: 80 }, take, {
    resolve: async () => answers.shift()!,
  });
  await resolution.start();
  late.resolve({ addresses: ['2001:db8::1'], ttl: 60 });
  await vi.advanceTimersByTimeAsync(1);
  expect(seen).toEqual([['10.0.0.1'], ['10.0.0.1', '2001:db8::1']]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(seen.at(-1)).toEqual(['10.0.0.2', '2001:db8::1']);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(seen.at(-1)).toEqual(['10.0.0.3']);
  resolution.stop();
});

test('after a day of silence what was known of a family is given up, and not where nobody says anything', async () => {
  const both: Resolved = { addresses: ['10.0.0.1', '2001:db8::1'], ttl: 300 };
  const fails: Resolved = { addresses: ['10.0.0.1'], ttl: 300, silent: 6, later: Promise.resolve(null) };
  let answer: Resolved | null = both;
  let last: string[] = [];
  const take = (endpoints: Endpoint[]): void => void (last = endpoints.map(({ address }) => address));
  const resolution = new NameResolution({ hostname: 'x.example', port: 80 }, take, {
    resolve: async () => answer ?? Promise.reject(new Error('SERVFAIL')),
  });
  // A day counts from what was said, not from when the process began.
  await vi.advanceTimersByTimeAsync(2 * LONGEST_SILENCE);
  await resolution.start();
  answer = fails;
  await vi.advanceTimersByTimeAsync(LONGEST_SILENCE - 60_000);
  expect(last).toEqual(both.addresses);
  await vi.advanceTimersByTimeAsync(LONGEST_TTL * 2_000);
  expect(last).toEqual(['10.0.0.1']);
  answer = both;
  await vi.advanceTimersByTimeAsync(LONGEST_TTL * 1_000);
  expect(last).toEqual(both.addresses);
  answer = null;
  await vi.advanceTimersByTimeAsync(2 * LONGEST_SILENCE);
  expect(last).toEqual(both.addresses);
  resolution.stop();
});

test('what an earlier look-up says late undoes nothing that a later one has said', async () => {
  const late = Promise.withResolvers<Resolved | null>();
  const answers: Resolved[] = [
    { addresses: ['10.0.0.1'], ttl: 60, silent: 6, later: late.promise },
    { addresses: ['10.0.0.1', '2001:db8::2'], ttl: 60 },
  ];
  let last: Endpoint[] = [];
  const resolution = new NameResolution({ hostname: 'x.example', port: 80 }, (endpoints) => (last = endpoints), {
    resolve: async () => answers.shift()!,
  });
  await resolution.start();
  await vi.advanceTimersByTimeAsync(60_000);
  late.resolve({ addresses: ['2001:db8::1'], ttl: 60 });
  await vi.advanceTimersByTimeAsync(1);
  expect(last.map(({ address }) => address)).toEqual(['10.0.0.1', '2001:db8::2']);
  resolution.stop();
});

test('the name is asked for its tenant while somebody wants it', async () => {
  const asked: Array<{ hostname: string; tenant: string; isWaiting(): boolean }> = [];
  const resolution = new NameResolution({ hostname: 'x.example', port: 80 }, () => {}, {
    tenant: 'shop',
    resolve: async (hostname, asker) => {
      asked.push({ hostname, tenant: asker!.tenant, isWaiting: () => asker!.isWaiting() });
      return { addresses: [], ttl: 60 };
    },
  });
  await resolution.start();
  expect(asked).toMatchObject([{ hostname: 'x.example', tenant: 'shop' }]);
  expect(asked[0]!.isWaiting()).toBe(true);
  resolution.stop();
  expect(asked[0]!.isWaiting()).toBe(false);
});

test.each([
  ['an answer', { addresses: ['10.0.0.1'], ttl: 60 }],
  ['a failure', null],
])('what comes after its end, %s, is told to nobody, and nothing is asked again', async (_, answer) => {
  const found = Promise.withResolvers<Resolved>();
  const told: unknown[] = [];
  let asked = 0;
  const resolution = new NameResolution({ hostname: 'x.example', port: 80 }, (endpoints) => told.push(endpoints), {
    onFailure: () => told.push('failure'),
    resolve: () => {
      asked++;
      return found.promise;
    },
  });
  const started = resolution.start();
  resolution.stop();
  if (answer === null) found.reject(new Error('SERVFAIL'));
  else found.resolve(answer);
  await started;
  resolution.rebound();
  await vi.advanceTimersByTimeAsync(LONGEST_TTL * 2_000);
  expect([told, asked]).toEqual([[], 1]);
});

test('other bounds hold for the next look-up, of which there is one', async () => {
  let asked = 0;
  let bounds: { minRefresh: number; maxRefresh: number } | undefined;
  const answers: Array<PromiseWithResolvers<Resolved>> = [];
  const resolution = new NameResolution({ hostname: 'x.example', port: 80 }, () => {}, {
    bounds: () => bounds,
    resolve: () => {
      asked++;
      const one = Promise.withResolvers<Resolved>();
      answers.push(one);
      return one.promise;
    },
  });
  void resolution.start();
  // Nothing is known yet that a time could be counted from.
  resolution.rebound();
  await vi.advanceTimersByTimeAsync(LONGEST_TTL * 2_000);
  expect(asked).toBe(1);
  answers[0]!.resolve({ addresses: [], ttl: 60 });
  await vi.advanceTimersByTimeAsync(20_000);
  bounds = { minRefresh: 30_000, maxRefresh: 30_000 };
  resolution.rebound();
  resolution.rebound();
  await vi.advanceTimersByTimeAsync(9_000);
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toBe(2);
  answers[1]!.resolve({ addresses: [], ttl: 60 });
  await vi.advanceTimersByTimeAsync(29_999);
  expect(asked).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toBe(3);
  resolution.stop();
});
