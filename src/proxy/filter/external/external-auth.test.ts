import { describe, expect, test } from 'vitest';
import type { Asked } from '../filter.suite.ts';
import { CONTINUE, LATER } from '../filter.ts';
import { VOUCHED } from '../identity.ts';
import { ExternalAuthFilter } from './external-auth.ts';
import { AskingScope, answer, authOf, HTTP, type Outcome, type Settings } from './question.suite.ts';

describe('as a filter', () => {
  const GRPC_CALL: Asked = { method: 'POST', headers: [['content-type', 'application/grpc']] };
  const filtered = async (outcome: Outcome, asked: Asked = {}, more: Settings = {}) => {
    const scope = new AskingScope(asked, outcome);
    const question = { ...HTTP, toBackend: ['x-user'], cookies: 'Always' as const };
    expect(new ExternalAuthFilter(authOf(question, more)).onRequest(scope)).toBe(LATER);
    await Promise.resolve();
    return { scope, became: scope.outcomes[0] };
  };

  test('lets pass, vouches, and says so', async () => {
    const lines = [
      ['x-user', 'ann'],
      ['set-cookie', 's=1'],
    ] as const;
    const { scope, became } = await filtered(answer(200, lines));
    expect([became, scope.kept(VOUCHED), scope.told]).toEqual(['on', true, ['ExternalAuth allowed']]);
    expect([scope.requestPatch.text, scope.responsePatch.text]).toEqual(['x-user: ann\r\n', 'Set-Cookie: s=1\r\n']);
  });

  test('refuses as the service does, and a call of gRPC by a status', async () => {
    const { scope, became } = await filtered(answer(302, [['Location', '/in']]));
    expect(became).toMatchObject({ status: 302, reason: 'external_auth_denied', headers: [['Location', '/in']] });
    expect([scope.kept(VOUCHED), scope.told]).toEqual([undefined, ['ExternalAuth denied']]);
    expect((await filtered(answer(302), GRPC_CALL)).became).toMatchObject({ status: 401, message: expect.any(String) });
    expect((await filtered(answer(404), GRPC_CALL)).became).toMatchObject({ status: 404 });
    expect((await filtered(answer(400), GRPC_CALL)).became).toMatchObject({ status: 400 });
  });

  test('fails as it is told to', async () => {
    const { scope, became } = await filtered(answer(500));
    expect([became, scope.told]).toMatchObject([
      { status: 503, reason: 'external_auth_failed' },
      ['ExternalAuth failed-closed'],
    ]);
    const open = await filtered(answer(500), {}, { onFailure: { open: true, statusCode: 503 } });
    expect([open.became, open.scope.told]).toEqual(['on', ['ExternalAuth failed-open']]);
  });

  test('what is kept passes at once, and is refused as it was', async () => {
    const cache = { key: ['k'], durations: [{ statusCodes: [200], milliseconds: 60_000 }] };
    const filter = new ExternalAuthFilter(authOf({ ...HTTP, cache }));
    const first = new AskingScope({}, answer(200));
    filter.onRequest(first);
    await Promise.resolve();
    const next = new AskingScope({}, answer(403));
    expect([filter.onRequest(next), next.told]).toEqual([CONTINUE, ['ExternalAuth allowed']]);
    const refusing = { key: ['k'], durations: [{ statusCodes: [403], milliseconds: 60_000 }] };
    const other = new ExternalAuthFilter(authOf({ ...HTTP, cache: refusing }));
    for (const one of [0, 1]) {
      const scope = new AskingScope({}, answer(403));
      expect([one, other.onRequest(scope)]).toEqual([one, LATER]);
      await Promise.resolve();
      expect(scope.outcomes).toMatchObject([{ status: 403 }]);
    }
  });
});
