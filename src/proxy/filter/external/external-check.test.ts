/** What is asked of a service about a request, and what becomes of each answer: nothing but what it says lets in. */
import { describe, expect, test } from 'vitest';
import type { HttpQuestion } from '../../../config/index.ts';
import type { Asked } from '../filter.suite.ts';
import type { SubAnswer } from '../filter.ts';
import type { HeaderPatch } from '../header-patch.ts';
import { ExternalCheck } from './external-check.ts';
import { AskingScope, answer, authOf, HTTP, judged, type Outcome, type Settings } from './question.suite.ts';
import type { Admission, Judgement } from './question.ts';

const http = (of: Partial<HttpQuestion>, outcome: Outcome, more: Settings = {}, asked: Asked = {}) =>
  judged(authOf({ ...HTTP, ...of }, more), new AskingScope(asked, outcome));
const text = (patch: HeaderPatch | undefined) => patch?.text;

describe('over HTTP', () => {
  test.each<[number, Judgement['verdict'], Judgement['verdict'], Judgement['verdict']]>([
    [199, 'failed', 'failed', 'failed'],
    [200, 'admitted', 'admitted', 'admitted'],
    [201, 'admitted', 'failed', 'admitted'],
    [299, 'admitted', 'failed', 'admitted'],
    [300, 'refused', 'refused', 'failed'],
    [302, 'refused', 'refused', 'failed'],
    [401, 'refused', 'refused', 'refused'],
    [403, 'refused', 'refused', 'failed'],
    [499, 'refused', 'refused', 'failed'],
    [500, 'failed', 'failed', 'failed'],
    [503, 'failed', 'failed', 'failed'],
  ])('a %i: any success %s, 200 alone %s, refused by 401 alone %s', async (status, any, only, listed) => {
    const verdicts = [{}, { admits: 'Only200' as const }, { refusals: [401] }].map(
      async (of) => (await http(of, answer(status))).verdict,
    );
    expect(await Promise.all(verdicts)).toEqual([any, only, listed]);
  });

  test('a refusal is told as it came, but for what describes it as a message', async () => {
    const lines = [
      ['Content-Length', '2'],
      ['Date', 'x'],
      ['X-A', '1'],
      ['WWW-Authenticate', 'B'],
    ] as const;
    expect(await http({}, answer(403, lines, 'no'))).toMatchObject({
      reply: {
        status: 403,
        headers: [
          ['X-A', '1'],
          ['WWW-Authenticate', 'B'],
        ],
        body: Buffer.from('no'),
      },
    });
  });

  test('a 401, and nothing else, sends to where one signs in, with what a client is to keep', async () => {
    const lines = [
      ['Set-Cookie', 's=1'],
      ['WWW-Authenticate', 'B'],
      ['X-A', '1'],
    ] as const;
    const to = async (url: string, status = 401, target = '/p?a=1') => {
      const judgement = await http({ signIn: { url, parameter: 'rd' } }, answer(status, lines), {}, { target });
      return judgement.verdict === 'refused' ? judgement.reply : undefined;
    };
    expect(await to('https://in.example/')).toMatchObject({
      status: 302,
      headers: [['Location', expect.stringContaining('https://in.example/?rd=http://')], lines[0], lines[1]],
      body: '',
    });
    const location = async (url: string) => String((await to(url))!.headers[0]![1]);
    expect(await location('https://in.example/?x=1')).toMatch(/\?x=1&rd=http:\/\/192\.0\.2\.2:80%2Fp%3Fa%3D1$/);
    expect(await location('https://in.example/?rd=/home')).toBe('https://in.example/?rd=/home');
    expect(await location('https://in.example/rd=1')).toContain('/rd=1?rd=');
    expect((await to('https://in.example/', 403))!.status).toBe(403);
    const without = await http({ signIn: { url: 'https://in.example/', parameter: '' } }, answer(401));
    expect(without).toMatchObject({ reply: { headers: [['Location', 'https://in.example/']] } });
  });

  test('what the service says of a request is for the backend, and no client stands beside it', async () => {
    const lines = [
      ['X-User', 'ann'],
      ['X-Other', '1'],
      ['Content-Type', 'a'],
      ['Host', 'evil'],
      ['Set-Cookie', 's=1'],
    ] as const;
    const request = async (toBackend: HttpQuestion['toBackend'], said: SubAnswer['headers'] = lines) =>
      ((await http({ toBackend }, answer(200, said))) as Admission).request;
    expect(text(await request([]))).toBe('');
    const chosen = await request(['x-user', 'x-role']);
    expect([[...chosen.drops], chosen.text]).toEqual([['x-user', 'x-role'], 'X-User: ann\r\n']);
    const none = await request(['x-user', 'x-role'], []);
    expect([[...none.drops], none.text]).toEqual([['x-user', 'x-role'], '']);
    const all = await request('*');
    expect([[...all.drops], all.text]).toEqual([['x-user', 'x-other'], 'X-User: ann\r\nX-Other: 1\r\n']);
  });

  test('cookies of who lets pass are for all answers, for those that are no errors, or for none', async () => {
    const lines = [
      ['set-cookie', 's=1'],
      ['X', 'y'],
    ] as const;
    const of = async (cookies: HttpQuestion['cookies'], said: SubAnswer['headers'] = lines) => {
      const { answer: always, success } = (await http({ cookies }, answer(200, said))) as Admission;
      return [text(always), text(success)];
    };
    expect(await of('Always')).toEqual(['Set-Cookie: s=1\r\n', undefined]);
    expect(await of('Success')).toEqual(['', 'Set-Cookie: s=1\r\n']);
    expect(await of('Never')).toEqual(['', undefined]);
    expect(await of('Success', [])).toEqual(['', undefined]);
  });

  test('the question: its lines, and that a body is none where its method may have one', async () => {
    const asked = async (of: Partial<HttpQuestion>, method = 'GET') => {
      const scope = new AskingScope({ method, target: '/p?q=1' }, answer(200));
      await judged(authOf({ ...HTTP, ...of }), scope);
      return scope.asked[0]!;
    };
    const question = await asked({
      set: [
        { name: 'X-Target', value: '/fixed' },
        { name: 'X-Empty', value: '' },
      ],
    });
    expect(question).toMatchObject({
      backend: 'b',
      method: 'GET',
      target: '/auth',
      authority: 'auth.example',
      timeout: 100,
    });
    expect(question.lines).toContain('X-Target: /fixed\r\n');
    expect(question.lines).not.toContain('X-Empty');
    expect(question).not.toHaveProperty('body');
    for (const method of ['POST', 'PUT']) expect((await asked({ method })).body).toHaveLength(0);
    const { method: _, ...own } = HTTP;
    const scope = new AskingScope({ method: 'DELETE' }, answer(200));
    await judged(authOf(own), scope);
    expect(scope.asked[0]).toMatchObject({ method: 'DELETE', body: Buffer.alloc(0) });
  });

  test('what is kept is asked for once, whatever it says', async () => {
    const cache = { key: ['k'], durations: [{ statusCodes: [200, 403], milliseconds: 60_000 }] };
    for (const [status, verdict] of [
      [200, 'admitted'],
      [403, 'refused'],
    ] as const) {
      const auth = authOf({ ...HTTP, cache });
      const check = new ExternalCheck(auth);
      const scopes = [0, 1].map(() => new AskingScope({}, answer(status)));
      for (const scope of scopes) expect(await judged(auth, scope, check)).toMatchObject({ verdict });
      expect(scopes.map(({ asked }) => asked.length)).toEqual([1, 0]);
    }
  });
});

describe('where nobody answers', () => {
  const silent: Outcome = { failure: 'no_endpoints' };
  const toBackend = ['x-user'];

  test('nobody gets in, unless that is wished, and then without what the service would have written', async () => {
    expect(await http({ toBackend }, silent)).toEqual({ verdict: 'failed' });
    const open = { onFailure: { open: true, statusCode: 503 } };
    for (const outcome of [silent, answer(500)]) {
      const passed = (await http({ toBackend }, outcome, open)) as Admission;
      expect([passed.verdict, passed.unanswered, [...passed.request.drops], passed.request.text]).toEqual([
        'admitted',
        true,
        ['x-user'],
        '',
      ]);
    }
    expect((await http({ toBackend }, answer(403), open)).verdict).toBe('refused');
  });

  test('it is waited for as long as any filter after its time', () => {
    const short = new ExternalCheck(authOf(HTTP, { timeout: 1 })).patience;
    expect(new ExternalCheck(authOf(HTTP, { timeout: 1_001 })).patience - short).toBe(1_000);
    expect(short).toBeGreaterThan(1_000);
  });
});

describe('the body', () => {
  const sending = async (body: string, partial: boolean, more: { length?: number; upgrade?: true } = {}) => {
    const scope = new AskingScope({ method: 'POST' }, answer(200), body);
    scope.head.contentLength = more.length ?? body.length;
    if (more.upgrade) scope.head.upgradeEnd = 1;
    const judgement = await judged(authOf(HTTP, { body: { maxBytes: 4, partial } }), scope);
    const status = judgement.verdict === 'refused' ? judgement.reply.status : judgement.verdict;
    return [status, scope.asked[0]?.body?.toString(), scope.limit];
  };

  test('goes to the service, and is refused where it is longer, unless its beginning is enough', async () => {
    expect(await sending('1234', false)).toEqual(['admitted', '1234', 4]);
    expect(await sending('12345', false)).toEqual([413, undefined, -1]);
    expect(await sending('12345', false, { length: -1 })).toEqual([413, undefined, 4]);
    expect(await sending('12345', true)).toEqual(['admitted', '1234', 4]);
  });

  test('of an upgrade is none, but what comes before it is', async () => {
    expect(await sending('', false, { length: -1, upgrade: true })).toEqual(['admitted', undefined, -1]);
    expect(await sending('1', false, { upgrade: true })).toEqual(['admitted', '1', 4]);
  });

  test('is none of the service’s where it is not asked for', async () => {
    const scope = new AskingScope({ method: 'POST' }, answer(200), 'x');
    scope.head.contentLength = 1;
    await judged(authOf(HTTP), scope);
    expect([scope.limit, scope.asked[0]!.body]).toEqual([-1, undefined]);
  });
});
