/** RewritePolicy over real sockets: what the backend is asked for. */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { requestPolicy } from './policy.ts';

function site(spec: object): string {
  return manifests(
    [HTTP],
    httpRoute('a', [backendRefs('web')], { hostnames: ['a.example'] }),
    service('web'),
    requestPolicy('RewritePolicy', 'moved', { kind: 'HTTPRoute', name: 'a' }, spec),
  );
}

const APP = {
  paths: [
    {
      pattern: '^/(app)/(.*)$',
      substitution: '/$2',
      headers: [
        { name: 'X-Forwarded-Prefix', value: '/$1' },
        { name: 'X-Part', value: '$2' },
      ],
    },
    { pattern: '^/find/(.+)$', substitution: '/search?q=$1' },
    { pattern: '^/dots/(.*)$', substitution: '/$1./up' },
    { pattern: '^/plain$', substitution: 'a b/<c>?' },
  ],
};

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site(APP), { echo: true });
});
afterAll(() => rig.close());

interface Echoed {
  status: number;
  path: string;
  prefix: string | undefined;
  /** What a backend may believe of a line of the policy. */
  trusted: string | undefined;
}

async function ask(path: string, headers: Record<string, string> = {}): Promise<Echoed> {
  const options = { port: rig.port(), host: '127.0.0.1', path, headers: { host: 'a.example', ...headers } };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) =>
    http.get(options, resolve).on('error', reject),
  );
  const body = await text(answer);
  const told =
    answer.statusCode === 200 ? (JSON.parse(body) as { path: string; headers: Record<string, string> }) : undefined;
  return {
    status: answer.statusCode!,
    path: told?.path ?? '',
    prefix: told?.headers['x-forwarded-prefix'],
    trusted: told?.headers['x-part'],
  };
}

describe('a RewritePolicy', () => {
  test.each([
    ['/app/x/y', '/x/y'],
    ['/app/x?a=b', '/x?a=b'],
    ['/app/', '/'],
    ['/app/a%20b', '/a%20b'],
    ['/other', '/other'],
    ['/find/cat', '/search?q=cat'],
    ['/find/cat?page=2', '/search?q=cat&page=2'],
    ['/plain', '/a%20b/%3Cc%3E?'],
    ['/%61pp/x', '/x'],
    ['//app//x', '/x'],
  ])('asks for %s as %s', async (asked, got) => {
    expect(await ask(asked)).toMatchObject({ status: 200, path: got });
  });

  test('tells what it took away in a line that clients cannot write', async () => {
    expect((await ask('/app/x', { 'x-forwarded-prefix': '/evil' })).prefix).toBe('/app');
    expect((await ask('/other', { 'x-forwarded-prefix': '/evil' })).prefix).toBeUndefined();
    expect((await ask('/app/x', { 'x-part': 'evil' })).trusted).toBe('x');
    expect((await ask('/other', { 'x-part': 'evil' })).trusted).toBeUndefined();
    expect((await ask('/find/cat', { 'X-Part': 'evil' })).trusted).toBeUndefined();
  });

  test('makes no path with dot segments', async () => {
    expect((await ask('/dots/')).status).toBe(400);
    expect((await ask('/dots/x/.')).status).toBe(400);
    expect(await ask('/dots/x')).toMatchObject({ status: 200, path: '/x./up' });
  });

  test('refuses a path that is too long to look through, before it looks', async () => {
    await rig.write(site({ paths: [{ pattern: '^/(a?)(a?)(a?)(a?)(a?)(a?)(.*)$', substitution: '/$7' }] }));
    const begun = performance.now();
    expect((await ask(`/${'a'.repeat(7_500)}`)).status).toBe(500);
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect((await ask('/aaab')).path).toBe('/b');
    expect(rig.accesses.map(({ reason }) => reason)).toContain('match_budget');
    await rig.write(site(APP));
  });
});
