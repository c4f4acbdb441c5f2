/** Whose data plane a token is, by what the API server says of it: nothing but a whole yes lets in. */
import { describe, expect, test } from 'vitest';
import type { ApiClient } from '../sources/cluster/index.ts';
import { MAX_REVIEWS, REFUSAL_KEPT, REVIEW_KEPT, STREAM_AUDIENCE, tokenReview } from './token-review.ts';

const POD = 'authentication.kubernetes.io/pod-name';
const YES = {
  authenticated: true,
  audiences: [STREAM_AUDIENCE],
  user: { username: 'system:serviceaccount:shop:daemun-edge', extra: { [POD]: ['pod-1'] } },
};

/** An API server that says this of every token, and a clock. */
function world(answer: (token: string) => unknown = () => YES) {
  const asked: Array<{ token: string; audiences: string[] }> = [];
  let time = 0;
  const client = {
    call: ({ body }: { body: { spec: { token: string; audiences: string[] } } }) => {
      asked.push(body.spec);
      const status = answer(body.spec.token);
      return status instanceof Error ? Promise.reject(status) : Promise.resolve({ status });
    },
  } as unknown as ApiClient;
  const gatewayOf = ({ namespace, name }: { namespace: string; name: string }) =>
    name.startsWith('daemun-') ? `${namespace}/${name.slice('daemun-'.length)}` : undefined;
  const ask = tokenReview({ client, gatewayOf, now: () => time });
  return { asked, ask: (token = 't', from = '192.0.2.1') => ask(token, from), pass: (by: number) => void (time += by) };
}

test('a yes says which Gateway and which pod', async () => {
  const { ask, asked } = world();
  expect(await ask()).toEqual({ gateway: 'shop/edge', proxy: 'pod-1' });
  expect(asked).toEqual([{ token: 't', audiences: [STREAM_AUDIENCE] }]);
  const { extra: _, ...user } = YES.user;
  expect(await world(() => ({ ...YES, user })).ask()).toEqual({ gateway: 'shop/edge' });
});

describe('nobody is let in', () => {
  test.each<[string, unknown, string]>([
    ['without a status', undefined, 'does not know the token'],
    ['that is not known', { ...YES, authenticated: false }, 'does not know the token'],
    ['of whom it is not said', { ...YES, authenticated: undefined }, 'does not know the token'],
    ['that is known in words', { ...YES, authenticated: 'true' }, 'does not know the token'],
    ['for nobody in particular', { ...YES, audiences: undefined }, 'is not for the audience'],
    ['for nobody', { ...YES, audiences: [] }, 'is not for the audience'],
    ['for others', { ...YES, audiences: ['https://kubernetes.default.svc'] }, 'is not for the audience'],
    ['of no name', { ...YES, user: {} }, "is no service account's"],
    ['of nobody', { ...YES, user: undefined }, "is no service account's"],
    ['of a person', { ...YES, user: { username: 'admin' } }, "is no service account's"],
    ['of a name that ends so', { ...YES, user: { username: `x${YES.user.username}` } }, "is no service account's"],
    ['of a name that goes on', { ...YES, user: { username: `${YES.user.username}:x` } }, "is no service account's"],
    ['of half a name', { ...YES, user: { username: 'system:serviceaccount::daemun-edge' } }, "is no service account's"],
    ['of another account', { ...YES, user: { username: 'system:serviceaccount:shop:web' } }, 'of no Gateway'],
  ])('%s', async (_, status, message) => {
    await expect(world(() => status).ask()).rejects.toThrow(message);
  });
});

test('a yes holds for a while, for all who come with it, and then is asked for again', async () => {
  const { ask, asked, pass } = world();
  await Promise.all([ask(), ask(), ask('t', '192.0.2.2')]);
  pass(REVIEW_KEPT - 1);
  await ask();
  expect(asked).toHaveLength(1);
  pass(1);
  await ask();
  await ask('u');
  expect(asked.map(({ token }) => token)).toEqual(['t', 't', 'u']);
});

test('what was revoked is refused, and a no holds for a shorter while', async () => {
  let status: unknown = YES;
  const { ask, asked, pass } = world(() => status);
  await ask();
  status = { authenticated: false };
  pass(REVIEW_KEPT);
  await expect(ask()).rejects.toThrow('does not know the token');
  status = YES;
  pass(REFUSAL_KEPT - 1);
  await expect(ask()).rejects.toThrow('does not know the token');
  expect(asked).toHaveLength(2);
  pass(1);
  expect(await ask()).toMatchObject({ gateway: 'shop/edge' });
  expect(asked).toHaveLength(3);
});

test('that the API server does not answer is no no: the next one is asked about at once', async () => {
  let status: unknown = new Error('gone');
  const { ask, asked } = world(() => status);
  await expect(ask()).rejects.toThrow('gone');
  status = YES;
  expect(await ask()).toMatchObject({ gateway: 'shop/edge' });
  expect(asked).toHaveLength(2);
});

test('of those that are remembered the oldest goes first, and those that are nobody’s push out nobody', async () => {
  const { ask, asked } = world((token) => (token.startsWith('no') ? { authenticated: false } : YES));
  await ask('first');
  for (let i = 0; i < 8; i++) await expect(ask(`no-${i}`, `198.51.100.${i}`)).rejects.toThrow('does not know');
  await ask('first');
  expect(asked.filter(({ token }) => token === 'first')).toHaveLength(1);
  for (let i = 0; i < MAX_REVIEWS - 1; i++) await ask(`t-${i}`, `2001:db8::${i.toString(16)}`);
  await ask('first');
  expect(asked.filter(({ token }) => token === 'first')).toHaveLength(1);
  await ask('one-more');
  await ask('first');
  expect(asked.filter(({ token }) => token === 'first')).toHaveLength(2);
});

test('who makes up tokens is not asked about without end, and others are', async () => {
  const { ask, asked } = world((token) => (token.startsWith('no') ? { authenticated: false } : YES));
  const refused: unknown[] = [];
  for (let i = 0; i < 200; i++) await ask(`no-${i}`).catch(({ message }: Error) => refused.push(message));
  expect(refused.at(-1)).toContain('too often');
  expect(asked.length).toBeLessThan(200);
  expect(await ask('t', '203.0.113.7')).toMatchObject({ gateway: 'shop/edge' });
});
