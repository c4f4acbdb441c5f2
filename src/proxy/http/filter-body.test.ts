import { expect, test } from 'vitest';
import type { MakeTransform } from '../filter/index.ts';
import { settled } from './memory.suite.ts';
import {
  asked,
  BUSY,
  dechunked,
  doubles,
  GET,
  OK,
  POST,
  RETRY,
  TrialFilter,
  transforming,
  turns,
} from './trial-filter.suite.ts';

test.each([false, true])('a request’s body is changed on its way (late: %s)', async (late) => {
  const { filter, made } = doubles('request', late);
  const { rig, client } = await asked(`${POST}abc`, [filter]);
  await turns(3);
  client.deliver('def');
  await turns();
  const sent = rig.backend().take();
  expect(sent).toMatch(/^POST [\s\S]*\r\nTransfer-Encoding: chunked\r\n/);
  expect(sent).not.toContain('Content-Length');
  expect(dechunked(sent)).toBe('abcabcdefdef=6');
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
  expect(made).toHaveLength(1);
  expect(made[0]!.closed).toBe(false);
});

test('a changed body is sent again where the request is', async () => {
  const { filter } = doubles('request', true);
  const { rig, client } = await asked(`${POST}abcdef`, [filter], { rule: RETRY });
  await turns();
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(dechunked(rig.backend().take())).toBe('abcdefabcdef=6');
    rig.backend().deliver(attempt === 0 ? BUSY : OK);
    rig.pass(500);
    await settled();
  }
  expect(client.take()).toBe(OK);
});

test('a request without a body has none to change', async () => {
  const { filter, made } = doubles('request');
  const { rig } = await asked(GET, [filter]);
  expect(rig.backend().take()).not.toContain('Transfer-Encoding');
  expect(made).toEqual([]);
});

test.each([false, true])(
  'an answer’s body is changed on its way, and its length is not told (late: %s)',
  async (late) => {
    const { filter } = doubles('response', late);
    const { rig, client } = await asked(GET + GET, [filter]);
    for (let i = 0; i < 2; i++) {
      rig.backend().deliver(OK);
      await turns();
      const answer = client.take();
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n/);
      expect(dechunked(answer)).toBe('okok=2');
    }
    expect(rig.accesses).toMatchObject([{ status: 200, bytesOut: 6 }, { status: 200 }]);
  },
);

test('so is that of the gateway’s own answers; HEAD, and what has no body, is left alone', async () => {
  const { filter, made } = doubles('response');
  const { rig, client } = await asked(GET, [filter], { endpoints: 0 });
  expect(dechunked(client.take())).toMatch(/^(\{.*\}\n)\1=\d+$/s);
  client.deliver('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(client.take()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\n\r\n$/);
  expect(made).toHaveLength(1);
  expect(rig.accesses).toHaveLength(2);
});

test('a slow reader slows down the transform, and that the backend', async () => {
  const { filter, made } = doubles('response');
  const { rig, client } = await asked(GET, [filter]);
  const backend = rig.backend();
  backend.deliver('HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n');
  for (let i = 0; i < 20; i++) backend.deliver('x'.repeat(100_000));
  expect(backend.paused).toBe(true);
  expect(client.pending).toBeLessThan(1_000_000);
  let came = '';
  for (let i = 0; i < 400 && !came.endsWith('0\r\n\r\n'); i++) {
    came += client.take();
    await settled();
  }
  expect(dechunked(came)).toHaveLength(4_000_000 + '=2000000'.length);
  expect(made[0]!.held).toBeLessThan(500_000);
});

test('a transform hears that its exchange is over, and what it writes then goes nowhere', async () => {
  const { filter, made } = doubles('response', true);
  const { rig, client } = await asked(GET, [filter]);
  rig.backend().deliver('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab');
  client.sink.onClose(undefined);
  expect(made[0]!.closed).toBe(true);
  await turns();
  expect(rig.accesses).toMatchObject([{ reason: 'client_closed_early' }]);
});

test('a body that a transform cannot use refuses the request, or cuts the answer off', async () => {
  const broken: MakeTransform = (out) => ({
    write: () => {
      out.fail({ status: 422, reason: 'not_gzip', message: 'Not gzip.' });
      return true;
    },
    end: () => undefined,
    drained: () => undefined,
    close: () => undefined,
  });
  const request = new TrialFilter(transforming('request', broken));
  const first = await asked(`${POST}abcdef`, [request]);
  expect(first.client.take()).toMatch(/^HTTP\/1\.1 422 /);
  expect(first.rig.accesses).toMatchObject([{ status: 422, reason: 'not_gzip' }]);
  const response = new TrialFilter(transforming('response', broken));
  const second = await asked(GET, [response]);
  second.rig.backend().deliver(OK);
  await settled();
  expect(second.client.closed).toBe('end');
  expect(second.client.take()).not.toContain('0\r\n\r\n');
  expect(second.rig.accesses).toMatchObject([{ status: 200, reason: 'filter_failed' }]);
});

const throws = (): never => {
  throw new Error('broken');
};
const quiet = { write: () => true, end: () => undefined, drained: () => undefined, close: () => undefined };

test.each<[string, MakeTransform]>([
  ['when it is made', throws],
  ['at the first bytes', () => ({ ...quiet, write: throws })],
  ['at the end', () => ({ ...quiet, end: throws })],
  ['at the first bytes, and again when it is closed', () => ({ ...quiet, write: throws, close: throws })],
])('a transform that throws %s refuses the request, or cuts the answer off', async (_name, broken) => {
  const { filter: beside, made } = doubles('request', true);
  const first = await asked(`${POST}abcdef`, [new TrialFilter(transforming('request', broken)), beside]);
  await turns();
  expect(first.client.take()).toMatch(/^HTTP\/1\.1 500 /);
  expect(first.rig.accesses).toMatchObject([{ status: 500, reason: 'filter_failed' }]);
  for (const { closed } of made) expect(closed).toBe(true);
  const second = await asked(GET, [new TrialFilter(transforming('response', broken))]);
  second.rig.backend().deliver(OK);
  await turns();
  expect(second.client.closed).toBe('end');
  expect(second.client.take()).not.toContain('0\r\n\r\n');
  expect(second.rig.accesses).toMatchObject([{ status: 200, reason: 'filter_failed' }]);
});

test('a transform that throws when its exchange is over leaves the others to hear of it', async () => {
  const { filter: beside, made } = doubles('response', true);
  const broken = new TrialFilter(transforming('response', () => ({ ...quiet, close: throws })));
  const { rig, client } = await asked(GET, [broken, beside]);
  rig.backend().deliver('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab');
  client.sink.onClose(undefined);
  expect(made[0]!.closed).toBe(true);
  await turns();
  expect(rig.accesses).toMatchObject([{ reason: 'client_closed_early' }]);
});
