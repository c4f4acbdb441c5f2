import { expect, test } from 'vitest';
import type { RouteRule } from '../../config/index.ts';
import { CONTINUE, FILTER_TIMEOUT } from '../filter/index.ts';
import { type MemoryOptions, settled } from './memory.suite.ts';
import {
  answerWaiter,
  asked,
  BUSY,
  GET,
  lines,
  marks,
  OK,
  RETRY,
  replaces,
  TrialFilter,
  waiter,
} from './trial-filter.suite.ts';

test('what is of the request runs once, what is of the attempt each time, and of the answer for the last', async () => {
  const filter = new TrialFilter(marks);
  const { rig, client } = await asked(GET, [filter], { rule: RETRY });
  for (let attempt = 1; attempt <= 3; attempt++) {
    expect(rig.backend().take()).toMatch(new RegExp(`X-Attempt: ${attempt} to 10\\.0\\.0\\.1:9000\\r\\n`));
    rig.backend().deliver(BUSY);
    rig.pass(500);
    await settled();
  }
  expect(client.take()).toMatch(/^HTTP\/1\.1 503 Busy\r\n[\s\S]*X-Seen: 503 backend a\/b\r\n\r\nbusy$/);
  expect(filter.asked).toEqual(['request /x', 'attempt 1', 'attempt 2', 'attempt 3', 'answer 503']);
  expect(filter.outcomes).toMatchObject([{ status: 503, bytesOut: 4 }]);
});

test.each<[string, MemoryOptions, number]>([
  ['no endpoint is there', { endpoints: 0 }, 503],
  [
    'the rule is answered by its own filter',
    { rule: { filters: [{ type: 'RequestRedirect', statusCode: 301 }] } },
    301,
  ],
])('filters see answers of the gateway’s own, as where %s', async (_name, options, status) => {
  const { client } = await asked(GET, [new TrialFilter(marks)], options);
  expect(client.take()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*X-Seen: ${status} local `));
});

test('a filter that was not reached sees the answer of the one before it', async () => {
  const denies = waiter();
  const { client } = await asked(GET, [new TrialFilter({ ...marks, step: 'claim-limits' }), denies]);
  denies.waiting[0]!.deny({ status: 401, reason: 'no_token', message: 'Who?' });
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 401 [\s\S]*X-Seen: 401 local application\/json\r\n/);
});

test('header filters of the rule act on answers of the gateway’s own, too', async () => {
  const rule: Partial<RouteRule> = {
    filters: [
      { type: 'ResponseHeaderModifier', set: [{ name: 'X-Set', value: '1' }], add: [], remove: ['X-Request-Id'] },
      {
        type: 'CORS',
        allowOrigins: ['*'],
        allowCredentials: false,
        allowMethods: [],
        allowHeaders: [],
        exposeHeaders: [],
        maxAge: 5,
      },
    ],
  };
  const { client } = await asked('GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://a.b\r\n\r\n', [], {
    rule,
    endpoints: 0,
  });
  const answer = client.take();
  expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*X-Set: 1\r\nAccess-Control-Allow-Origin: \*\r\n/);
  expect(answer).not.toContain('X-Request-Id:');
});

test.each([
  ['short', OK, ''],
  ['long', `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`, ''],
  [
    'in chunks, with trailers',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    '3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
  ],
])('an answer whose head waits comes as it is: %s', async (_name, head, rest) => {
  const filter = answerWaiter();
  const { rig, client } = await asked(GET, [filter]);
  rig.backend().deliver(head);
  await settled();
  expect(client.take()).toBe('');
  rig.backend().deliver(rest);
  filter.waiting[0]!.proceed();
  let came = '';
  for (let i = 0; i < 10; i++) {
    await settled();
    came += client.take();
  }
  expect(came).toBe(head + rest);
  client.deliver(GET);
  await settled();
  expect(rig.driver.opened).toHaveLength(1);
});

test('a filter may answer in the place of the answer, and later, and is not asked about that', async () => {
  const filter = answerWaiter();
  const { rig, client } = await asked(GET, [filter, new TrialFilter(replaces(503))], { endpoints: 1 });
  rig.backend().deliver(BUSY);
  await settled();
  filter.waiting[0]?.proceed();
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 503 [\s\S]*Content-Type: text\/plain\r\n\r\ninstead$/);
  expect(filter.asked.filter((one) => one.startsWith('answer'))).toHaveLength(1);
});

test('a backend that fails while the head of its answer waits is told once, and not asked again', async () => {
  const filter = answerWaiter();
  const { rig, client } = await asked(GET, [filter], { rule: RETRY });
  rig.backend().deliver('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
  await settled();
  rig.backend().sink.onEnd();
  expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  filter.waiting[0]!.proceed();
  await settled();
  expect(client.take()).toBe('');
  expect(rig.driver.opened).toHaveLength(1);
  expect(filter.outcomes).toMatchObject([{ status: 502, reason: 'closed_early' }]);
});

test('an answer whose head waits too long is refused', async () => {
  const filter = answerWaiter();
  const { rig, client } = await asked(GET, [filter]);
  rig.backend().deliver(OK);
  rig.pass(FILTER_TIMEOUT + 100);
  expect(client.take()).toMatch(/^HTTP\/1\.1 503 /);
  expect(rig.accesses).toMatchObject([{ status: 503, reason: 'filter_timeout' }]);
});

test('a response patch by a filter is seen by the next one', async () => {
  const seen: Array<string | undefined> = [];
  const looks = new TrialFilter({
    step: 'authentication',
    onResponseHead: (answer) => {
      seen.push(answer.value('x-a'), answer.value('content-type'));
      return CONTINUE;
    },
  });
  const patches = new TrialFilter({
    step: 'backend',
    onResponseHead: (answer) => {
      answer.patch(lines('X-A', 'b'));
      return CONTINUE;
    },
  });
  const { rig } = await asked(GET, [looks, patches]);
  rig.backend().deliver('HTTP/1.1 200 OK\r\nX-A: a\r\nContent-Type: t/u\r\nContent-Length: 0\r\n\r\n');
  expect(seen).toEqual(['b', 't/u']);
});
