import { expect, test } from 'vitest';
import type { RouteRule } from '../../config/index.ts';
import { ANSWERED, FILTER_TIMEOUT, type FilterStep, LATER, ORDER, Policies, type Verdict } from '../filter/index.ts';
import type { MemoryLink } from '../listen/index.ts';
import { compileTable, PlanCache } from '../route/index.ts';
import { settled } from './memory.suite.ts';
import {
  answerWaiter,
  asked,
  CHUNKED,
  dechunked,
  exactly,
  GET,
  greets,
  introduces,
  noting,
  OK,
  POST,
  policiesOf,
  TrialFilter,
  waiter,
} from './trial-filter.suite.ts';

test('a request that waits goes on as it came, though the buffer was used meanwhile', async () => {
  const filter = waiter();
  const { rig, client } = await asked(GET, [filter]);
  expect(rig.driver.opened).toHaveLength(0);
  const other = rig.connect();
  other.deliver(`GET /${'z'.repeat(3000)} HTTP/1.1\r\nHost: b.example\r\nX-Other: 2\r\n\r\n`);
  await settled();
  filter.waiting[0]!.proceed();
  await settled();
  expect(rig.backend().take()).toMatch(/^GET \/x HTTP\/1\.1\r\nHost: a\.example\r\nX-Own: 1\r\n/);
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
  filter.waiting[1]!.proceed();
  await settled();
  expect(rig.backend().take()).toMatch(/^GET \/z{3000} HTTP\/1\.1\r\nHost: b\.example\r\nX-Other: 2\r\n/);
});

test.each([
  ['with the head', (client: MemoryLink, body: string) => client.deliver(POST + body), POST],
  [
    'later',
    (client: MemoryLink, body: string) => {
      client.deliver(POST);
      for (const byte of body) client.deliver(byte);
    },
    POST,
  ],
  [
    'in chunks, with trailers',
    (client: MemoryLink, body: string) => client.deliver(`${CHUNKED}6\r\n${body}\r\n0\r\nX-Sum: 1\r\n\r\n`),
    CHUNKED,
  ],
])('so does its body, that came %s', async (_name, send, head) => {
  const filter = waiter();
  const { rig, client } = await asked('', [filter]);
  send(client, 'abcdef');
  await settled();
  expect(rig.driver.opened).toHaveLength(0);
  filter.waiting[0]!.proceed();
  await settled();
  const sent = rig.backend().take();
  const body = sent.slice(sent.indexOf('\r\n\r\n') + 4);
  expect(body).toBe(head === POST ? 'abcdef' : '6\r\nabcdef\r\n0\r\nX-Sum: 1\r\n\r\n');
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
});

test('the body of a request that waits is held back', async () => {
  const filter = waiter();
  const { rig, client } = await asked('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n', [filter]);
  expect(client.paused).toBe(true);
  for (let i = 0; i < 10; i++) client.deliver('x'.repeat(100_000));
  await settled();
  filter.waiting[0]!.proceed();
  let arrived = 0;
  for (let i = 0; i < 40; i++) {
    await settled();
    arrived += rig.backend(0).take().length;
  }
  expect(arrived).toBeGreaterThan(1_000_000);
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
});

test('what denies a request later answers it, and the connection lives on', async () => {
  const filter = waiter();
  const { rig, client } = await asked(`${POST}abcdef${GET}`, [filter]);
  filter.waiting[0]!.deny({ status: 403, reason: 'no_claim', message: 'No.', headers: [['X-Why', 'because']] });
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 403 [\s\S]*X-Why: because\r\n[\s\S]*\r\n\r\n\{"message":"No\."/);
  expect(rig.driver.opened).toHaveLength(0);
  filter.waiting[1]!.proceed();
  await settled();
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
  expect(rig.accesses).toMatchObject([{ status: 403, reason: 'no_claim' }, { status: 200 }]);
  expect(filter.outcomes).toMatchObject([{ status: 403, reason: 'no_claim', bytesIn: 6 }, { status: 200 }]);
});

test('of several decisions the first counts, and a filter that goes on waiting is not told by an earlier one', async () => {
  const [first, second] = [waiter(), waiter()];
  const { rig, client } = await asked(GET, [first, second]);
  first.waiting[0]!.proceed();
  await settled();
  first.waiting[0]!.proceed();
  first.waiting[0]!.deny({ status: 403, reason: 'late', message: '' });
  await settled();
  expect(client.take()).toBe('');
  expect(rig.driver.opened).toHaveLength(0);
  second.waiting[0]!.proceed();
  await settled();
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
});

test('a client that leaves meanwhile costs no backend anything, and the filter hears of it once', async () => {
  const filter = waiter();
  const { rig, client } = await asked(GET, [filter]);
  client.sink.onClose(undefined);
  expect(filter.outcomes).toMatchObject([{ status: 499 }]);
  filter.waiting[0]!.proceed();
  await settled();
  expect(rig.driver.opened).toHaveLength(0);
  expect(rig.accesses).toMatchObject([{ status: 499, reason: 'client_closed_early' }]);
  expect(filter.outcomes).toHaveLength(1);
});

test.each([
  ['its own time', 500, {}, 500, 503, 'filter_timeout'],
  ['the time of all filters', undefined, {}, FILTER_TIMEOUT, 503, 'filter_timeout'],
  ['the time of the request', undefined, { timeouts: { request: 300 } }, 300, 504, 'timeout'],
])('a filter that does not decide within %s refuses', async (_name, timeout, rule, after, status, reason) => {
  const filter = waiter(timeout);
  const { rig, client } = await asked(GET, [filter], { rule });
  rig.pass(after - 100);
  expect(client.take()).toBe('');
  rig.pass(200);
  expect(client.take()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  filter.waiting[0]!.proceed();
  await settled();
  expect(rig.driver.opened).toHaveLength(0);
  expect(client.take()).toBe('');
  expect(rig.accesses).toMatchObject([{ status, reason }]);
});

test('a request that waits goes the way of the config that it came under', async () => {
  const filter = waiter();
  const { rig, client } = await asked(GET, [filter]);
  rig.service.table = compileTable({ listeners: [], rules: [], plans: new PlanCache() });
  rig.service.policies.prepare([]).swap();
  filter.waiting[0]!.proceed();
  await settled();
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
  client.deliver(GET);
  expect(client.take()).toMatch(/^HTTP\/1\.1 404 /);
});

test('requests behind one that waits keep their order', async () => {
  const filter = waiter();
  const { rig, client } = await asked(GET.repeat(3), [filter]);
  for (let i = 0; i < 3; i++) {
    expect(filter.waiting).toHaveLength(i + 1);
    filter.waiting[i]!.proceed();
    await settled();
    rig.backend().deliver(OK);
    await settled();
    expect(client.take()).toBe(OK);
  }
});

test.each([
  [
    'throws',
    (): Verdict => {
      throw new Error('out of order');
    },
  ],
  ['says that it answered, and did not', (): Verdict => ANSWERED],
  ['says later, and does not say when', (): Verdict => LATER],
] as const)('a filter that %s refuses the request', async (_name, onRequest) => {
  const { rig, client } = await asked(GET, [new TrialFilter({ onRequest })]);
  expect(client.take()).toMatch(/^HTTP\/1\.1 500 /);
  expect(rig.driver.opened).toHaveLength(0);
  expect(rig.accesses).toMatchObject([{ reason: 'filter_failed' }]);
});

test('a filter may see the body before it decides, and the backend gets it all the same', async () => {
  const seen: string[] = [];
  const filter: TrialFilter = new TrialFilter({
    onRequest: (scope) => {
      const waiting = scope.wait();
      scope.collectBody(8, (body, whole) => {
        seen.push(`${body.latin1Slice()} ${whole}`);
        waiting.proceed();
      });
      return LATER;
    },
  });
  const { rig, client } = await asked('', [filter]);
  for (const [request, body] of [
    [POST.replace('Host', 'Expect: 100-continue\r\nHost'), 'abcdef'],
    [POST.replace('6', '12'), 'abcdefghijkl'],
    [GET, ''],
  ] as const) {
    client.deliver(request);
    await settled();
    for (const byte of body) client.deliver(byte);
    await settled();
    expect(rig.backend(0).take()).toMatch(new RegExp(`\\r\\n\\r\\n${body}$`));
    rig.backend(0).deliver(OK);
    expect(client.take()).toBe(request.includes('Expect') ? `HTTP/1.1 100 Continue\r\n\r\n${OK}` : OK);
  }
  expect(seen).toEqual(['abcdef true', 'abcdefgh false', ' true']);
});

test('a filter that throws about the body that it collected refuses the request', async () => {
  const filter = new TrialFilter({
    onRequest: (scope) => {
      scope.wait();
      scope.collectBody(8, () => {
        throw new Error('broken');
      });
      return LATER;
    },
  });
  const { rig, client } = await asked(`${POST}abcdef`, [filter]);
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 500 /);
  expect(rig.accesses).toMatchObject([{ status: 500, reason: 'filter_failed' }]);
  expect(rig.driver.opened).toHaveLength(0);
});

test('a filter that throws at the end keeps nobody else from hearing of it', async () => {
  const broken = new TrialFilter({});
  broken.onEnd = () => {
    throw new Error('broken');
  };
  const beside = new TrialFilter({ step: 'claim-access' });
  const { rig, client } = await asked(GET + GET, [broken, beside]);
  for (let i = 0; i < 2; i++) rig.backend().deliver('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  expect(client.take().match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
  expect(beside.outcomes).toMatchObject([{ status: 200 }, { status: 200 }]);
});

test('what one filter keeps of a request another one finds, request by request', async () => {
  const { rig, client } = await asked('', [new TrialFilter(introduces), new TrialFilter(greets)]);
  for (const name of ['ann', 'bob']) {
    client.deliver(GET.replace('/x', `/${name}`));
    await settled();
    expect(rig.backend().take()).toContain(`X-Visitor: ${name}\r\n`);
    rig.backend().deliver(OK);
    expect(client.take()).toContain(`X-Greeted: ${name}\r\n`);
  }
});

test('filters act in the one order, whatever the order in which they are attached', async () => {
  const order: string[] = [];
  const steps = ORDER.slice(ORDER.indexOf('request-limits')) as FilterStep[];
  const filters = steps.toReversed().map(
    (step) =>
      new TrialFilter({
        step,
        onRequest: noting(order, step),
        onResponseHead: noting(order, step),
      }),
  );
  const { rig } = await asked(GET, filters);
  expect(order).toEqual(steps);
  rig.backend().deliver(OK);
  expect(order).toEqual([...steps, ...steps.toReversed()]);
});

test('what is attached to a listener acts on all its requests, before what is attached to the rule', async () => {
  const order: string[] = [];
  const trial = (name: string) => new TrialFilter({ onRequest: noting(order, name) });
  const policies = new Policies({ A: () => trial('rule'), B: () => trial('listener') });
  policies
    .prepare([
      { key: 'A', type: 'A', target: { kind: 'RouteRule', key: 'HTTPRoute/d/r/0' } },
      { key: 'B', type: 'B', target: { kind: 'Listener', key: 'd/g/http' } },
    ])
    .swap();
  const { rig, client } = await asked(GET, [], { policies, rule: { matches: [exactly('/x')] } });
  expect(order).toEqual(['listener', 'rule']);
  rig.backend().deliver(OK);
  client.take();
  client.deliver(GET.replace('/x', '/y'));
  expect(client.take()).toMatch(/^HTTP\/1\.1 404 /);
  expect(order).toEqual(['listener', 'rule', 'listener']);
});

test('a listener’s filter may wait about a request that no route takes, and deny it', async () => {
  const filter = waiter();
  const policies = policiesOf([filter], 'Listener');
  const { client } = await asked(GET + GET, [], { policies, rule: { matches: [exactly('/y')] } });
  filter.waiting[0]!.proceed();
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 404 /);
  filter.waiting[1]!.deny({ status: 403, reason: 'x', message: '' });
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 403 /);
});

test('an upgrade waits as well, both ways, with what was sent ahead', async () => {
  const filters = [waiter(), answerWaiter()];
  const upgrade = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const { rig, client } = await asked(`${upgrade}early`, filters);
  filters[0]!.waiting[0]!.proceed();
  await settled();
  const backend = rig.backend();
  expect(backend.take()).toMatch(/^GET \/ws [\s\S]*Upgrade: websocket\r\n/);
  backend.deliver('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello');
  await settled();
  expect(client.take()).toBe('');
  filters[1]!.waiting[0]!.proceed();
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\nhello$/);
  expect(backend.take()).toBe('early');
  client.deliver('more');
  backend.deliver('back');
  expect([backend.take(), client.take()]).toEqual(['more', 'back']);
});

test('gRPC-Web as text waits as well', async () => {
  const filter = waiter();
  const route: RouteRule['route'] = { kind: 'GRPCRoute', namespace: 'd', name: 'r' };
  const { rig, client } = await asked('', [filter], { rule: { route } });
  const body = Buffer.from('\0\0\0\0\x03abc').toString('base64');
  const type = 'application/grpc-web-text';
  const head = `POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
  client.deliver(head + body.slice(0, 5));
  client.deliver(body.slice(5));
  await settled();
  filter.waiting[0]!.proceed();
  await settled();
  const sent = rig.backend().take();
  expect(sent).toContain('Content-Type: application/grpc\r\n');
  expect(dechunked(sent)).toBe('\0\0\0\0\x03abc');
});
