import { describe, expect, it } from 'vitest';
import type { CorsFilter } from '../../config/index.ts';
import { describeFilter, run } from './filter.suite.ts';
import { compileFilter } from './registry.ts';

function cors(filter: Partial<CorsFilter>) {
  return compileFilter({
    type: 'CORS',
    allowOrigins: ['https://www.foo.com', 'https://*.bar.com'],
    allowCredentials: false,
    allowMethods: [],
    allowHeaders: [],
    exposeHeaders: [],
    maxAge: 5,
    ...filter,
  });
}

type Headers = Array<readonly [string, string]>;

function preflight(filter: Partial<CorsFilter>, origin: string, asked: Headers = []) {
  const headers: Headers = [['Origin', origin], ['Access-Control-Request-Method', 'PUT'], ...asked];
  const { answer } = run(cors(filter), { method: 'OPTIONS', headers });
  return { status: answer?.status, ...Object.fromEntries(answer?.headers ?? []) };
}

const actual = (filter: Partial<CorsFilter>, headers: Headers, method = 'GET') =>
  run(cors(filter), { method, headers }).responsePatch;

const asksForHeaders: Headers = [['Access-Control-Request-Headers', 'x-header-1, x-header-2']];

describeFilter(
  {
    type: 'CORS',
    allowOrigins: ['*'],
    allowCredentials: true,
    allowMethods: ['*'],
    allowHeaders: ['*'],
    exposeHeaders: ['x-a'],
    maxAge: 5,
  },
  {
    method: 'OPTIONS',
    headers: [['origin', 'https://a.example'], ['access-control-request-method', 'PUT'], ...asksForHeaders],
  },
);

describe('a preflight request', () => {
  it('is answered with what is configured', () => {
    const filter = {
      allowCredentials: true,
      allowMethods: ['GET', 'OPTIONS'],
      allowHeaders: ['x-header-1', 'x-header-2'],
      exposeHeaders: ['x-header-3', 'x-header-4'],
      maxAge: 3600,
    };
    expect(preflight(filter, 'https://www.foo.com', asksForHeaders)).toEqual({
      status: 204,
      'Access-Control-Allow-Origin': 'https://www.foo.com',
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Allow-Methods': 'GET, OPTIONS',
      'Access-Control-Allow-Headers': 'x-header-1, x-header-2',
      'Access-Control-Expose-Headers': 'x-header-3, x-header-4',
      'Access-Control-Max-Age': '3600',
      Vary: 'Origin',
    });
  });

  it('from another origin is answered without leave', () => {
    expect(preflight({ allowMethods: ['*'] }, 'https://foobar.com')).toEqual({ status: 204, Vary: 'Origin' });
  });

  it('gets * for * without credentials', () => {
    const filter = { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*'] };
    expect(preflight(filter, 'https://foobar.com:12345', asksForHeaders)).toEqual({
      status: 204,
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Methods': '*',
      'Access-Control-Allow-Headers': '*',
      'Access-Control-Expose-Headers': '*',
      'Access-Control-Max-Age': '5',
    });
  });

  it('gets what it asks for instead of * with credentials', () => {
    const filter = {
      allowOrigins: ['*'],
      allowCredentials: true,
      allowMethods: ['*'],
      allowHeaders: ['*'],
      exposeHeaders: ['*'],
    };
    const answer = preflight(filter, 'https://other.foo.com', asksForHeaders);
    expect(answer).toMatchObject({
      'Access-Control-Allow-Origin': 'https://other.foo.com',
      'Access-Control-Allow-Methods': 'PUT',
      'Access-Control-Allow-Headers': 'x-header-1, x-header-2',
    });
    expect(answer).not.toHaveProperty('Access-Control-Expose-Headers');
    expect(preflight(filter, 'https://other.foo.com')).not.toHaveProperty('Access-Control-Allow-Headers');
  });

  it('that asks for what are no header names has nothing echoed', () => {
    const filter = { allowCredentials: true, allowHeaders: ['*'] };
    const asked: Headers = [['Access-Control-Request-Headers', 'x-a, <b>']];
    expect(preflight(filter, 'https://www.foo.com', asked)).not.toHaveProperty('Access-Control-Allow-Headers');
  });

  it('needs OPTIONS, Origin and Access-Control-Request-Method', () => {
    const ask: Headers = [['Access-Control-Request-Method', 'PUT']];
    const origin: Headers = [['Origin', 'https://www.foo.com']];
    expect(run(cors({}), { method: 'OPTIONS', headers: ask }).answer).toBe(undefined);
    expect(run(cors({}), { method: 'OPTIONS', headers: origin }).answer).toBe(undefined);
    expect(run(cors({}), { method: 'GET', headers: [...ask, ...origin] }).answer).toBe(undefined);
  });
});

describe('an actual request', () => {
  it('from an allowed origin gets its origin back', () => {
    const patch = actual({ allowCredentials: true, exposeHeaders: ['x-a', '*'] }, [['Origin', 'https://www.foo.com']]);
    expect(patch.text.split('\r\n').filter(Boolean)).toEqual([
      'Access-Control-Allow-Origin: https://www.foo.com',
      'Vary: Origin',
      'Access-Control-Allow-Credentials: true',
      'Access-Control-Expose-Headers: x-a',
    ]);
  });

  it('from another origin, or none, gets Vary alone, and none of the backend’s own headers', () => {
    for (const headers of [[['Origin', 'https://foobar.com']], []] as Headers[]) {
      const patch = actual({}, headers);
      expect(patch.text).toBe('Vary: Origin\r\n');
      expect(patch.drops.has('access-control-allow-origin')).toBe(true);
    }
  });

  it('gets * where all origins are allowed without credentials, and no Vary', () => {
    const filter = { allowOrigins: ['*'] };
    expect(actual(filter, [['Origin', 'null']]).text).toBe('Access-Control-Allow-Origin: *\r\n');
    expect(actual(filter, []).text).toBe('');
  });

  it('costs no new patch while the same origin asks', () => {
    const filter = cors({});
    const ask = (origin: string) => run(filter, { headers: [['Origin', origin]] }).responsePatch;
    expect(ask('https://www.foo.com')).toBe(ask('https://www.foo.com'));
    expect(ask('https://a.bar.com').text).toContain('https://a.bar.com');
    expect(ask('https://evil.com').text).toBe('Vary: Origin\r\n');
  });
});

describe('origins', () => {
  it.each([
    ['https://www.foo.com', true],
    ['https://WWW.foo.com', true],
    ['https://www.foo.com:443', true],
    ['https://www.foo.com:8443', false],
    ['http://www.foo.com', false],
    ['https://www.foo.com.evil.com', false],
    ['https://www.bar.com', true],
    ['https://xpto.www.bar.com', true],
    ['https://bar.com', false],
    ['https://.bar.com', false],
    ['https://evilbar.com', false],
    ['https://evil.com/.bar.com', false],
    ['https://evil.com?.bar.com', false],
    ['https://evil.com#a.bar.com', false],
    ['https://user@a.bar.com', false],
    ['https://*.bar.com', false],
    ['null', false],
    ['', false],
  ])('%s is allowed: %s', (origin, allowed) => {
    expect(actual({}, [['Origin', origin]]).text.includes('Access-Control-Allow-Origin')).toBe(allowed);
  });

  it.each(['foo.com', 'ftp://foo.com', 'https://foo.com/', 'https://a.*.com', 'https://foo.com:http', ''])(
    '%j is refused as a configured one',
    (origin) => {
      expect(() => cors({ allowOrigins: [origin] })).toThrow(expect.objectContaining({ code: 'DMN_CONFIG_INVALID' }));
    },
  );

  it('may be any host of a scheme', () => {
    const filter = { allowOrigins: ['https://*'] };
    const allowed = ['https://a.com', 'http://a.com'].map((o) => actual(filter, [['Origin', o]]).lines.length > 1);
    expect(allowed).toEqual([true, false]);
  });
});
