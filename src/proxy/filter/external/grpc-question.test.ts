/** ext_authz: what a service is told over gRPC, and what of its answers lets in. */
import { describe, expect, test } from 'vitest';
import type { Asked } from '../filter.suite.ts';
import type { SubAnswer } from '../filter.ts';
import { MessageWriter } from './protobuf.ts';
import { AskingScope, authOf, GRPC, judged, type Outcome, type Settings } from './question.suite.ts';
import type { Admission } from './question.ts';

describe('over gRPC', () => {
  const status = (code: number) => new MessageWriter().message(1, new MessageWriter().integer(1, code));
  const framed = (message: Buffer, flag = 0, length = message.length) => {
    const prefix = Buffer.alloc(5);
    prefix[0] = flag;
    prefix.writeUInt32BE(length, 1);
    return Buffer.concat([prefix, message]);
  };
  const OK = framed(status(0).message(3, new MessageWriter()).finish());
  const TYPE = ['content-type', 'application/grpc'] as const;
  const said = (body: Buffer, more: Partial<SubAnswer> = {}): SubAnswer => ({
    status: 200,
    headers: [TYPE],
    trailers: [['grpc-status', '0']],
    body,
    ...more,
  });
  const ask = (outcome: Outcome, asked: Asked = {}, more: Settings = {}) =>
    judged(authOf(GRPC, more), new AskingScope(asked, outcome));
  const verdict = async (outcome: Outcome) => (await ask(outcome)).verdict;

  test('a call that went well lets in where its message does', async () => {
    expect(await verdict(said(OK))).toBe('admitted');
    for (const type of ['application/grpc+proto', 'Application/gRPC;x=1']) {
      expect(await verdict(said(OK, { headers: [['Content-Type', type]] }))).toBe('admitted');
    }
    expect(await verdict(said(OK, { headers: [TYPE, ['Grpc-Status', '0']], trailers: [] }))).toBe('admitted');
  });

  test.each<[string, SubAnswer]>([
    ['another status of HTTP', said(OK, { status: 201 })],
    ['no status of gRPC', said(OK, { trailers: [] })],
    ['a status of gRPC that is none', said(OK, { trailers: [['grpc-status', '']] })],
    ['a call that failed', said(OK, { trailers: [['grpc-status', '7']] })],
    ['two statuses', said(OK, { headers: [TYPE, ['grpc-status', '0']] })],
    ['a status in the head and another one at its end', said(OK, { headers: [TYPE, ['grpc-status', '7']] })],
    ['no type', said(OK, { headers: [] })],
    ['two types', said(OK, { headers: [TYPE, TYPE] })],
    ['another type', said(OK, { headers: [['content-type', 'application/json']] })],
    ['a type that begins so', said(OK, { headers: [['content-type', 'application/grpcweb']] })],
    ['nothing', said(Buffer.alloc(0))],
    ['half a prefix', said(Buffer.alloc(4))],
    ['a message without a word', said(Buffer.alloc(5))],
    ['a compressed message', said(framed(OK.subarray(5), 1))],
    ['a message that is shorter than it says', said(framed(OK.subarray(5), 0, 99))],
    ['a message with more after it', said(Buffer.concat([OK, Buffer.alloc(1)]))],
    ['a message that cannot be read', said(framed(Buffer.from('ffff', 'hex')))],
  ])('with %s nobody gets in', async (_, outcome) => {
    expect(await ask(outcome)).toEqual({ verdict: 'failed' });
    expect(await ask(outcome, {}, { onFailure: { open: true, statusCode: 1 } })).toMatchObject({ unanswered: true });
  });

  test('the call tells the request, lines of one name as one', async () => {
    const headers = [
      ['x-a', '1'],
      ['cookie', 'a=1'],
      ['x-a', '2'],
      ['cookie', 'b=2'],
    ] as const;
    const scope = new AskingScope({ target: '/p?q=1', headers, from: '198.51.100.7' }, said(OK));
    await judged(authOf(GRPC), scope);
    const { body, ...call } = scope.asked[0]!;
    expect(call).toMatchObject({
      method: 'POST',
      target: '/envoy.service.auth.v3.Authorization/Check',
      authority: 'auth.example',
      headers: [
        ['Content-Type', 'application/grpc'],
        ['Grpc-Timeout', '100m'],
      ],
    });
    const entry = (name: string, value: string) => new MessageWriter().text(1, name).text(2, value).finish();
    for (const [name, value] of [
      ['x-a', '1,2'],
      ['cookie', 'a=1; b=2'],
      [':path', '/p?q=1'],
      ['x-forwarded-for', '198.51.100.7'],
    ] as const) {
      expect([name, body!.includes(entry(name, value))]).toEqual([name, true]);
    }
    expect(body!.readUInt32BE(1)).toBe(body!.length - 5);
  });

  test('the call has the body where that is wanted', async () => {
    const scope = new AskingScope({ method: 'POST' }, said(OK), 'hello');
    expect(await judged(authOf(GRPC, { body: { maxBytes: 5, partial: false } }), scope)).toMatchObject({
      verdict: 'admitted',
    });
    expect(scope.asked[0]!.body!.includes('hello')).toBe(true);
  });

  test('a status that is said in two pieces is the sum of them, as protobuf has it', async () => {
    const twice = status(7).message(1, new MessageWriter()).finish();
    expect(await verdict(said(framed(twice)))).toBe('refused');
  });

  const option = (name: string, value: string, action = 2) =>
    new MessageWriter().message(1, new MessageWriter().text(1, name).text(2, value)).integer(3, action);
  const denied = (code: number, lines: MessageWriter[] = []) => {
    const inner = new MessageWriter().message(1, new MessageWriter().integer(1, code));
    for (const line of lines) inner.message(2, line);
    return said(framed(status(7).message(2, inner.text(3, 'no')).finish()));
  };

  test('a refusal is what the service says, where it is one', async () => {
    expect(await ask(denied(401, [option('x', '1')]))).toMatchObject({
      verdict: 'refused',
      reply: { status: 401, headers: [['x', '1']], body: Buffer.from('no') },
    });
    const statuses = [200, 299, 300, 599, 600].map((code) => verdict(denied(code)));
    expect(await Promise.all(statuses)).toEqual(['failed', 'failed', 'refused', 'refused', 'failed']);
    expect(await verdict(denied(403, [option('content-length', '1')]))).toBe('failed');
  });

  const allowed = (fields: Array<[number, MessageWriter | string]>) => {
    const inner = new MessageWriter();
    for (const [number, field] of fields) {
      if (typeof field === 'string') inner.text(number, field);
      else inner.message(number, field);
    }
    return said(framed(status(0).message(3, inner).finish()));
  };

  test('lines of who lets in are set, added or taken away', async () => {
    const there: Asked = { headers: [['x-there', '1']] };
    const patch = async (name: string, action: number) => {
      const { request } = (await ask(allowed([[2, option(name, 'v', action)]]), there)) as Admission;
      return [[...request.drops], request.text];
    };
    // Nothing is said: what is there goes.
    expect(await patch('x-there', 0)).toEqual([['x-there'], 'x-there: v\r\n']);
    expect(await patch('x-there', 1)).toEqual([[], '']);
    expect(await patch('x-new', 1)).toEqual([[], 'x-new: v\r\n']);
    expect(await patch('x-there', 2)).toEqual([['x-there'], 'x-there: v\r\n']);
    expect(await patch('x-there', 3)).toEqual([['x-there'], 'x-there: v\r\n']);
    expect(await patch('x-new', 3)).toEqual([[], '']);
    expect(await verdict(allowed([[2, option('x', 'v', 9)]]))).toBe('failed');
    const both = allowed([
      [5, 'X-There'],
      [2, option('x-there', 'v')],
      [6, option('x-back', 'w')],
    ]);
    const { request, answer: back } = (await ask(both, there)) as Admission;
    expect([[...request.drops], request.text, back.text]).toEqual([['x-there'], '', 'x-back: w\r\n']);
  });

  test.each<[string, Array<[number, MessageWriter | string]>]>([
    ['the query', [[7, option('a', 'b')]]],
    ['the query, less of it', [[8, 'a']]],
    ['Host', [[2, option('host', 'a')]]],
    ['what frames the message', [[5, 'content-length']]],
    ['what frames the answer', [[6, option('transfer-encoding', 'a')]]],
    ['more than a line', [[2, option('x', 'a\r\nb: c')]]],
  ])('who wants to change %s is not followed, and lets nobody in', async (_, fields) => {
    expect(await verdict(allowed(fields))).toBe('failed');
  });
});
