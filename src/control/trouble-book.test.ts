import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Backend, Trouble } from '../config/index.ts';
import { createLog } from '../observe/index.ts';
import { MAX_LOGGED, MAX_TOLD, TELL_INTERVAL, TROUBLE_LIFE, TroubleBook } from './trouble-book.ts';

const BACKEND: Backend = {
  kind: 'Backend',
  key: 'shop/cart:80',
  service: { namespace: 'shop', name: 'cart', port: 80 },
  protocol: 'http',
};

let lines: Array<Record<string, unknown>>;
let book: TroubleBook;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  lines = [];
  book = new TroubleBook(
    await createLog({ level: 'info', format: 'json', write: (line) => lines.push(JSON.parse(line)) }),
  );
});
afterEach(() => {
  vi.useRealTimers();
});

function tell(proxy: string, ...troubles: Array<Partial<Trouble>>): void {
  const all = troubles.map((one) => ({
    key: BACKEND.key,
    endpoint: '10.0.0.1:8080',
    what: 'connect_refused' as const,
    count: 1,
    ...one,
  }));
  book.take(proxy, all, (key) => (key === BACKEND.key ? BACKEND : undefined));
}

const said = () => lines.splice(0).map(({ level, count, msg }) => `${level} ${count ?? ''} ${msg}`);

test('an endpoint is logged once a minute with the count of all workers, and listed with its Service', () => {
  tell('worker-0', { count: 3 });
  tell('worker-1', { count: 4 });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({
    service: 'shop/cart',
    port: 80,
    endpoint: '10.0.0.1:8080',
    reason: 'connect_refused',
  });
  expect(said()).toEqual([
    'warn 3 endpoint refuses connections, or cannot be reached: see that something listens there',
  ]);
  expect(book.findings()).toEqual([
    {
      severity: 'warning',
      object: 'Service/shop/cart',
      field: '',
      message:
        'endpoint 10.0.0.1:8080 of port 80 refuses connections, or cannot be reached (7 times within a minute): see that something listens there',
    },
  ]);
  vi.advanceTimersByTime(TELL_INTERVAL);
  tell('worker-0', { count: 5 });
  expect(said()).toEqual([
    'warn 9 endpoint refuses connections, or cannot be reached: see that something listens there',
  ]);
});

test('clients that are turned away for want of descriptors are told of the Gateway, and nothing else is', () => {
  const short = { key: 'shop/edge/http', endpoint: '127.0.0.1:80', what: 'descriptors_short', count: 9 } as const;
  book.take('worker-0', [{ ...short, what: 'store_away' }], () => 'Gateway/shop/edge');
  book.take('worker-0', [short], () => 'RateLimitPolicy/shop/edge');
  book.take('worker-0', [short], () => BACKEND);
  expect(lines).toEqual([]);
  book.take('worker-0', [short], () => 'Gateway/shop/edge');
  expect(lines).toMatchObject([{ gateway: 'shop/edge', endpoint: '127.0.0.1:80', reason: 'descriptors_short' }]);
  expect(said()).toEqual([
    expect.stringMatching(/^warn 9 port turns clients away, since its process has no descriptors/),
  ]);
  expect(book.findings()).toMatchObject([
    {
      object: 'Gateway/shop/edge',
      message: expect.stringMatching(/^port 127\.0\.0\.1:80 turns clients away, .* \(9 times/),
    },
  ]);
});

test.each([
  ['connect_timeout', 'endpoint does not answer: see that packets reach it, and come back'],
  [
    'tls_failed',
    'endpoint takes no TLS connection: see that it speaks TLS, and the hostname and authorities of its BackendTLSPolicy',
  ],
  ['unresolved', 'name does not resolve: see the name, and the name server of this machine'],
] as const)('%s has its own words', (what, words) => {
  tell('worker-0', { what });
  expect(said()).toEqual([`warn 1 ${words}`]);
  expect(book.findings()[0]!.message).toContain('(once within a minute)');
});

test('a disk that was never given is listed while answers want it, and logged once for its policy', () => {
  const kept = 'ResponsePolicy/shop/kept';
  const miss = (what: Trouble['what'], count = 1): void =>
    book.take('worker-0', [{ key: kept, endpoint: 'the disk for answers', what, count }], (key) => key);
  miss('disk_absent');
  expect(lines[0]).toMatchObject({ level: 'warn', policy: kept, reason: 'disk_absent' });
  expect(said()).toEqual([
    'warn 1 disk for answers is not given to the data plane, and answers are kept in memory alone: start it with --cache-path, or give the DaemunParameters of its Gateway a cache',
  ]);
  expect(book.findings()).toMatchObject([{ object: kept, message: expect.stringContaining('--cache-path') }]);
  miss('disk_absent', 0);
  expect(book.findings()).toEqual([]);
  vi.advanceTimersByTime(2 * TELL_INTERVAL);
  miss('disk_absent', 7);
  expect(said()).toEqual([]);
  expect(book.findings()).toHaveLength(1);
  miss('connect_refused');
  expect(said()).toEqual([]);
  // Its policy goes, and comes back.
  miss('disk_absent', 0);
  book.take('worker-0', [], () => undefined);
  vi.advanceTimersByTime(2 * TELL_INTERVAL);
  miss('disk_absent');
  expect(said()).toHaveLength(1);
});

test('it is over where every worker says so, or nobody says anything any more', () => {
  tell('worker-0', {});
  tell('worker-1', {});
  said();
  tell('worker-0', { count: 0 });
  expect(book.findings()).toHaveLength(1);
  tell('worker-1', { count: 0 });
  expect(book.findings()).toEqual([]);
  expect(said()).toEqual(['info  endpoint takes connections again']);
  tell('worker-0', {});
  vi.advanceTimersByTime(TROUBLE_LIFE + 1);
  expect(book.findings()).toEqual([]);
});

test('what is said of something that is not served counts for nothing', () => {
  tell('pod-a', { key: 'other/secret:80' }, { what: 'nonsense' as Trouble['what'] });
  expect([lines, book.findings()]).toEqual([[], []]);
});

test('the log names so many endpoints, and says that there are more', () => {
  tell('worker-0', ...Array.from({ length: MAX_LOGGED + 5 }, (_, i) => ({ endpoint: `10.0.0.1:${i}` })));
  expect(lines).toHaveLength(MAX_LOGGED + 1);
  expect(lines.at(-1)).toMatchObject({ msg: 'more endpoints take no connections; `daemun status` lists them all' });
  expect(book.findings()).toHaveLength(MAX_LOGGED + 5);
});

test('a data plane that makes up endpoints or workers fills no memory, and says nothing for other Gateways', () => {
  const many = (what: string, count = 1) =>
    Array.from({ length: MAX_TOLD }, (_, n) => ({ endpoint: `${what}${n}:1`, count }));
  tell('shop/edge>pod/0', ...many('a'), ...many('b'));
  for (let worker = 1; worker < 10; worker++) tell(`shop/edge>pod/${worker}`, { endpoint: 'a0:1' });
  expect(book.findings()).toHaveLength(MAX_TOLD);
  expect(book.findings()[0]?.message).toMatch(/once within a minute/);
  tell('other/edge>pod/0', { endpoint: '10.0.0.9:1' });
  expect(book.findings()).toHaveLength(MAX_TOLD + 1);
  tell('shop/edge>pod/0', ...many('a', 0));
  expect(book.findings()).toHaveLength(1);
  tell('shop/edge>pod/1', { endpoint: '10.0.0.1:1' });
  expect(book.findings()).toHaveLength(2);
});
