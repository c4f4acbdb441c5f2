/** Requests by chance: ordinary ones for what worlds have, and odd ones. */
import fc from 'fast-check';
import { GRPC_METHODS, GRPC_SERVICES, PORTS } from './random-world.ts';
import type { Request } from './resource.ts';

const HOSTS = [
  'a.test',
  'a.test',
  'b.a.test',
  'c.b.a.test',
  'x.a.test',
  'x.b.a.test',
  'x.test',
  'other.example',
] as const;
const host = fc.constantFrom(...HOSTS);
const authority = fc.oneof(
  { weight: 8, arbitrary: host },
  { weight: 1, arbitrary: host.map((name) => name.toUpperCase()) },
  { weight: 1, arbitrary: host.map((name) => `${name}.`) },
  { weight: 1, arbitrary: host.map((name) => `${name}:80`) },
  { weight: 1, arbitrary: host.map((name) => `${name}.:8080`) },
  { weight: 1, arbitrary: fc.constantFrom('127.0.0.1', '[::1]:80', 'a.test:65535', 'test', '.a.test', 'xa.test') },
);

const segment = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c', 'a', 'b', 'ab') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'A',
      '%61',
      '%41',
      'a;x',
      'a.b',
      'caf%C3%A9',
      'caf%c3%a9',
      '%7Ea',
      'a%20b',
      'a%2Fb',
      'a%2fb',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '',
      '.',
      '..',
      '%2e',
      '%2E.',
      '..;x',
      'a%5Cb',
      'a%00',
      '%',
      '%g1',
      'a\\b',
      '*',
      '...',
    ),
  },
);
const path = fc
  .tuple(fc.array(segment, { maxLength: 3, size: 'max' }), fc.constantFrom('', '', '', '/'))
  .map(([all, end]) => `/${all.join('/')}${all.length === 0 ? '' : end}`);
const query = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('?q=1', '?q=2', '?r=2', '?q=1&r=2', '?Q=1', '?q=a+b', '?q=a%20b'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '?',
      '?q',
      '?q=',
      '?q=1&q=2',
      '?q=2&q=1',
      '?%71=1',
      '?q=%31',
      '?q=1;r=2',
      '?&q=1',
      '?q=%&q=1',
      '?q==1',
      '??q=1',
      '?/a/../b',
      '?q=1?',
    ),
  },
);

const header = fc.oneof(
  fc.tuple(fc.constantFrom('x-a', 'X-A', 'x-b', 'X-B', 'x-c'), fc.constantFrom('1', '2')),
  fc.constantFrom<Array<[string, string]>>(
    ['Origin', 'https://a.test'],
    ['Origin', 'https://b.a.test'],
    ['Origin', 'https://a.test:443'],
    ['Origin', 'http://a.test:8080'],
    ['Origin', 'null'],
  ),
);
const once = ['origin'];
const headers = fc
  .array(header, { maxLength: 3 })
  .map((all) =>
    all.filter(
      ([name], at) =>
        !once.includes(name.toLowerCase()) ||
        all.findIndex(([other]) => other.toLowerCase() === name.toLowerCase()) === at,
    ),
  );

const ordinary = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'PROPFIND'),
  target: fc.tuple(path, query).map((parts) => parts.join('')),
  headers,
});

const preflight = ordinary.map((one) => ({
  ...one,
  method: 'OPTIONS',
  headers: [
    ...one.headers.filter(([name]) => name !== 'Origin'),
    ['Origin', 'https://a.test'],
    ['Access-Control-Request-Method', 'PUT'],
  ] as Array<[string, string]>,
}));

const call = fc
  .record({
    service: fc.constantFrom(...GRPC_SERVICES, 'other'),
    method: fc.constantFrom(...GRPC_METHODS, 'other'),
    type: fc.constantFrom('application/grpc', 'application/grpc+proto'),
    headers,
  })
  .map(({ service, method, type, headers }) => ({
    method: 'POST',
    target: `/${service}/${method}`,
    headers: [...headers, ['content-type', type], ['te', 'trailers']] as Array<[string, string]>,
    version: '2' as const,
  }));

export const requests: fc.Arbitrary<Request> = fc
  .record({
    what: fc.oneof(
      { weight: 6, arbitrary: ordinary },
      { weight: 1, arbitrary: preflight },
      { weight: 2, arbitrary: call },
    ) as fc.Arbitrary<Pick<Request, 'method' | 'target' | 'headers'> & { version?: '2' }>,
    port: fc.constantFrom(80, ...PORTS),
    version: fc.constantFrom<Array<Request['version']>>('1.1', '1.1', '1.0', '2'),
    authority,
    serverName: fc.option(host, { nil: undefined, freq: 2 }),
    odd: fc.oneof(
      { weight: 20, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom('hostless', 'absolute', 'twice', 'two hosts', 'no name') },
    ),
  })
  .map(({ what, port, version, authority, serverName, odd }): Request => {
    const name = authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
    const sni = /^[a-z][a-z.]*$/.test(name) ? name : 'a.test';
    return {
      port,
      version,
      authority,
      ...(port === 443 && odd !== 'no name' && { serverName: serverName ?? sni }),
      ...what,
      ...(odd === 'hostless' && what.version === undefined && { authority: undefined, version: '1.0' as const }),
      ...(odd === 'absolute' && what.version === undefined && { absolute: true, version: '1.1' as const }),
      ...(odd === 'twice' && { secondHost: authority }),
      ...(odd === 'two hosts' && { secondHost: authority === 'a.test' ? 'b.a.test' : 'a.test' }),
    };
  });
