/** One path is matched, seen by filters, logged and sent to the backend, however the client spells it. */
import http2 from 'node:http2';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { clientTraffic } from '../policies/policy.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, type TestBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const prefix = (value: string) => ({ matches: [{ path: { type: 'PathPrefix', value } }] });
const filter = (type: string, field: string, value: object) => ({ filters: [{ type, [field]: value }] });
const replacePrefix = (value: string) => ({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: value } });

let rig: Rig;
let mirror: TestBackend;
const mirrored: string[] = [];

beforeAll(async () => {
  mirror = await httpBackend((request, response) => {
    mirrored.push(request.url!);
    response.end();
  });
  rig = await serveManifests(
    manifests(
      [HTTP, { ...HTTP, name: 'keep', port: 81 }, { ...HTTP, name: 'reject', port: 82 }],
      clientTraffic('keep', { pathForm: 'Keep' }, 'keep'),
      clientTraffic('reject', { pathForm: 'Reject' }, 'reject'),
      httpRoute('all', [
        { ...prefix('/admin'), ...backendRefs('guard') },
        { ...prefix('/%63af%c3%a9'), ...backendRefs('escaped') },
        { matches: [{ path: { type: 'RegularExpression', value: '/v[0-9]+/x' } }], ...backendRefs('regex') },
        {
          ...prefix('/old'),
          ...filter('RequestRedirect', 'requestRedirect', { ...replacePrefix('/new'), statusCode: 302 }),
        },
        { ...prefix('/in'), ...filter('URLRewrite', 'urlRewrite', replacePrefix('/out')), ...backendRefs('rewrite') },
        {
          ...prefix('/copy'),
          ...filter('RequestMirror', 'requestMirror', { backendRef: { name: 'mirror', port: 80 } }),
          ...backendRefs('rest'),
        },
        backendRefs('rest'),
      ]),
      ...['guard', 'escaped', 'regex', 'rewrite', 'mirror', 'rest'].map(service),
    ),
    { echo: true, ports: [80, 81, 82], endpoints: [endpointsOf('mirror', mirror.port)] },
  );
});
afterAll(async () => {
  await rig.close();
  await mirror.close();
});

interface Seen {
  status: number;
  location: string | undefined;
  service?: string;
  path?: string;
  message?: string;
}

async function ask(target: string, port = 80): Promise<Seen> {
  const client = await rawClient(rig.port(port));
  const [answer] = await client.ask(`GET ${target} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
  client.close();
  const { status, headers, body } = answer!;
  return { status, location: headers.get('location'), ...(body === '' ? {} : JSON.parse(body)) };
}

async function askOverHttp2(target: string, port = 80): Promise<Seen> {
  const session = http2.connect(`http://127.0.0.1:${rig.port(port)}`);
  try {
    const stream = session.request({ ':path': target, ':authority': 'a.example' });
    let body = '';
    let status = 0;
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    return { status, location: undefined, ...JSON.parse(body) };
  } finally {
    session.destroy();
  }
}

/** What a client sends, who serves it, and the path that is served. */
const SPELLINGS: ReadonlyArray<[sent: string, by: string, served: string]> = [
  ['/admin', 'guard', '/admin'],
  ['/%61dmin', 'guard', '/admin'],
  ['/%61%64%6D%69%6e/x', 'guard', '/admin/x'],
  ['//admin', 'guard', '/admin'],
  ['///admin///x//', 'guard', '/admin/x/'],
  ['//%61dmin//%7Ejoe?a=%61//b', 'guard', '/admin/~joe?a=%61//b'],
  ['/adm%69n?', 'guard', '/admin?'],
  ['/%2561dmin', 'rest', '/%2561dmin'],
  ['/admin%2fx', 'rest', '/admin%2Fx'],
  ['/a%2f%2Fb%5c', 'rest', '/a%2F%2Fb%5C'],
  ['/admin;x=1', 'rest', '/admin;x=1'],
  ['/admin%3bx', 'rest', '/admin%3Bx'],
  ['/%41dmin', 'rest', '/Admin'],
  ['/a%21!%20b', 'rest', '/a%21!%20b'],
  ['/caf%C3%A9', 'escaped', '/caf%C3%A9'],
  ['/caf%c3%a9', 'escaped', '/caf%C3%A9'],
  ['/%76%31//x', 'regex', '/v1/x'],
  ['//in//%78', 'rewrite', '/out/x'],
  ['/...', 'rest', '/...'],
  ['/%2E%2e%2e/x', 'rest', '/.../x'],
];
const REFUSED = [
  '/a/../admin',
  '/%2e%2e/admin',
  '/.%2E',
  '//./admin',
  '/a%2f..',
  '/..;/admin',
  '/%00',
  '/%6',
  '/%zz/',
  '/a\\b',
];

describe('Normalize, which is the default', () => {
  test.each(SPELLINGS)('%s goes to %s as %s', async (sent, by, served) => {
    const before = rig.accesses.length;
    expect(await ask(sent)).toMatchObject({ status: 200, service: by, path: served });
    const logged = by === 'rewrite' ? '/in/x' : served.replace(/\?.*/, '');
    expect(rig.accesses.slice(before).map(({ path }) => path)).toContain(logged);
    expect(await askOverHttp2(sent)).toMatchObject({ status: 200, service: by, path: served });
  });

  test.each(REFUSED)('%s is refused', async (sent) => {
    const answer = await ask(sent);
    expect(answer.status).toBe(400);
    expect(rig.accesses.at(-1)).toMatchObject({ status: 400, reason: 'malformed_request' });
    // The same words, and a connection that goes on.
    expect(await askOverHttp2(sent)).toMatchObject({ status: 400, message: answer.message });
    expect(rig.accesses.at(-1)).toMatchObject({ status: 400, reason: 'malformed_request' });
  });

  test('a URL as the target is served by its path in normal form', async () => {
    const sent = 'http://a.example//%61dmin/%7e?q';
    expect(await ask(sent)).toMatchObject({ status: 200, service: 'guard', path: '/admin/~?q' });
  });

  test('a redirect is made of the normal form', async () => {
    expect(await ask('//%6Fld//x')).toMatchObject({ status: 302, location: 'http://a.example/new/x' });
  });

  test('a mirror gets what the backend gets', async () => {
    expect(await ask('//cop%79//a')).toMatchObject({ service: 'rest', path: '/copy/a' });
    await vi.waitFor(() => expect(mirrored).toEqual(['/copy/a']));
  });

  test('requests behind one that was shortened are read where they begin', async () => {
    const client = await rawClient(rig.port());
    const heads = ['////%61dmin', '/a', '//b//%2f'].map(
      (t) => `GET ${t} HTTP/1.1\r\nHost: a.example\r\nX-A: ${t}\r\n\r\n`,
    );
    const answers = await client.ask(heads.join(''), 3);
    client.close();
    expect(answers.map(({ body }) => JSON.parse(body)).map(({ path, headers }) => [path, headers['x-a']])).toEqual([
      ['/admin', '////%61dmin'],
      ['/a', '/a'],
      ['/b/%2F', '//b//%2f'],
    ]);
  });

  test('whatever the spelling, a guard on /admin is hit by what its backend would take for /admin', async () => {
    const octet = fc.constantFrom('plain', 'lower', 'upper');
    const slashes = fc.integer({ min: 1, max: 3 }).map((count) => '/'.repeat(count));
    const word = (text: string) =>
      fc.tuple(...[...text].map((c) => octet.map((how) => spelled(c, how)))).map((all) => all.join(''));
    const rest = fc.constantFrom('', '/', '/x', '?q=1', '//..x');
    await fc.assert(
      fc.asyncProperty(fc.tuple(slashes, word('admin'), rest), async (parts) => {
        const { service: by, path } = await ask(parts.join(''));
        expect(by).toBe('guard');
        expect(path).toMatch(/^\/admin($|[/?])/);
      }),
      { numRuns: 100 },
    );
  });
});

test('Keep serves paths as they came, and compares them with rules as they were written', async () => {
  expect(await ask('/%61dmin', 81)).toMatchObject({ status: 200, service: 'rest', path: '/%61dmin' });
  expect(await ask('//admin', 81)).toMatchObject({ status: 200, service: 'rest', path: '//admin' });
  expect(await ask('/%63af%c3%a9', 81)).toMatchObject({ service: 'escaped', path: '/%63af%c3%a9' });
  expect(await ask('/caf%C3%A9', 81)).toMatchObject({ service: 'rest' });
  for (const sent of REFUSED) expect((await ask(sent, 81)).status).toBe(400);
});

test('Reject refuses what is not in normal form, and says what that is', async () => {
  for (const [sent, by, served] of SPELLINGS) {
    const [path, query] = [served.replace(/\?.*/, ''), sent.replace(/^[^?]*/, '')];
    const normal = sent === path + query;
    for (const seen of [await ask(sent, 82), await askOverHttp2(sent, 82)]) {
      if (normal) expect(seen).toMatchObject({ status: 200, service: by });
      else if (by !== 'rewrite') expect(seen).toMatchObject({ status: 400, message: /not in normal form/ });
    }
  }
});

function spelled(c: string, how: string): string {
  if (how === 'plain') return c;
  const hex = c.charCodeAt(0).toString(16);
  return `%${how === 'lower' ? hex : hex.toUpperCase()}`;
}
