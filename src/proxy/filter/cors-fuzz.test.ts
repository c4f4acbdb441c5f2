/** Preflights and requests of any form: what is said back is allowed, said once, and nothing that came as it came. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CorsFilter } from '../../config/index.ts';
import { type RecordedScope, run } from './filter.suite.ts';
import { compileFilter } from './registry.ts';

const HOSTS = [
  'a.example',
  'b.a.example',
  'c.b.a.example',
  'a.example.evil',
  'evil-a.example',
  'example',
  'xn--a.example',
];
const scheme = fc.constantFrom('http', 'https');
const port = fc.constantFrom('', ':80', ':443', ':8443', ':0443');
const allowed = fc.oneof(
  fc.constant('*'),
  fc
    .tuple(scheme, fc.constantFrom('*.a.example', 'a.example', 'b.a.example', '*'), port)
    .map(([s, h, p]) => `${s}://${h}${p}`),
);
const origin = fc.oneof(
  fc.tuple(scheme, fc.constantFrom(...HOSTS), port).map(([s, h, p]) => `${s}://${h}${p}`),
  fc.constantFrom(
    'null',
    '',
    '*',
    'https://*',
    'HTTPS://A.EXAMPLE',
    'https://a.example/',
    'https://a.example:',
    'a.example',
  ),
  fc.constantFrom(
    'https://a.example, https://b.a.example',
    'https://u@a.example',
    'https://a.example\t',
    'file://',
    'x:y',
  ),
  fc.string({ maxLength: 30 }).filter((text) => /^[\x21-\x7e\x80-\xff]*$/.test(text)),
);
const tokens = fc.oneof(
  fc.constantFrom('x-a', 'x-a, x-b', 'X-A,,x', ',', 'x-a;q=1', 'x-a\tx', '"x"', 'PUT', 'put', 'GET, PUT', 'é'),
  fc.string({ maxLength: 20 }).filter((text) => /^[\x20-\x7e]*$/.test(text)),
);
const list = (...names: string[]) => fc.array(fc.constantFrom('*', ...names), { maxLength: 3 });
const filters = fc.record({
  type: fc.constant('CORS' as const),
  allowOrigins: fc.array(allowed, { minLength: 1, maxLength: 3 }),
  allowMethods: list('GET', 'PUT'),
  allowHeaders: list('x-a', 'x-b'),
  exposeHeaders: list('x-c'),
  allowCredentials: fc.boolean(),
  maxAge: fc.nat(100),
});
const lines = fc.record({
  method: fc.constantFrom('OPTIONS', 'GET', 'options'),
  origins: fc.array(origin, { maxLength: 2 }),
  asksMethod: fc.array(tokens, { maxLength: 2 }),
  asksHeaders: fc.array(tokens, { maxLength: 2 }),
});

/** Written apart from the product's: by the platform's own reading of URLs. */
function isAllowed({ allowOrigins }: CorsFilter, text: string): boolean {
  if (text.includes('*')) return false;
  const url = URL.parse(text);
  return allowOrigins.some((one) => {
    if (one === '*') return text === 'null' || (url !== null && /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\\]+$/i.test(text));
    const wanted = /^(\w+):\/\/(.*?)(?::(\d+))?$/.exec(one)!;
    if (url === null || !/^https?:\/\/[^/?#@\\]+$/i.test(text)) return false;
    const portOf = (given: string | undefined, of: string) => (given ? Number(given) : of === 'https' ? 443 : 80);
    if (`${wanted[1]}:` !== url.protocol || portOf(wanted[3], wanted[1]!) !== portOf(url.port, wanted[1]!))
      return false;
    const host = wanted[2]!;
    return host.startsWith('*')
      ? url.hostname.endsWith(host.slice(1)) && url.hostname !== host.slice(2)
      : host === url.hostname;
  });
}

test('nothing is granted that is not allowed, nor said twice', () => {
  fc.assert(
    fc.property(filters, lines, (filter, { method, origins, asksMethod, asksHeaders }) => {
      const headers: Array<[string, string]> = [
        ...origins.map((one): [string, string] => ['Origin', one]),
        ...asksMethod.map((one): [string, string] => ['Access-Control-Request-Method', one]),
        ...asksHeaders.map((one): [string, string] => ['Access-Control-Request-Headers', one]),
      ];
      const scope = run(compileFilter(filter as CorsFilter), { method, headers, target: '/' });
      const preflight = method === 'OPTIONS' && origins.length > 0 && asksMethod.length > 0;
      expect(scope.answer !== undefined).toBe(preflight);
      const said = preflight ? scope.answer!.headers : saidBy(scope);
      const names = said.map(([name]) => name.toLowerCase());
      expect(new Set(names).size).toBe(names.length);
      for (const [name, value] of said) expect(`${name}: ${value}`).toMatch(/^[\x20-\x7e]*$/);
      const granted = valueOf(said, 'access-control-allow-origin');
      if (granted !== undefined) {
        const first = origins[0];
        if (granted === '*') expect(filter.allowOrigins.includes('*') && !filter.allowCredentials).toBe(true);
        else expect([granted, isAllowed(filter as CorsFilter, granted)]).toEqual([first, true]);
      }
      const credentials = valueOf(said, 'access-control-allow-credentials');
      if (credentials !== undefined) expect([filter.allowCredentials, granted]).toEqual([true, origins[0]]);
      for (const part of ['methods', 'headers'] as const) {
        const list = valueOf(said, `access-control-allow-${part}`);
        if (list === undefined) continue;
        expect(granted).toBeDefined();
        const names = part === 'methods' ? filter.allowMethods : filter.allowHeaders;
        const echoed = (part === 'methods' ? asksMethod : asksHeaders)[0];
        if (filter.allowCredentials && names.includes('*')) expect(list).toBe(echoed);
        else expect(list).toBe(names.includes('*') ? '*' : names.join(', '));
        if (filter.allowCredentials && names.includes('*')) expect(list).toMatch(/^[\w!#$%&'*+.^`|~, \t-]+$/);
      }
    }),
    { numRuns: 3_000 },
  );
});

function saidBy({ responsePatch }: RecordedScope): Array<readonly [string, string]> {
  return responsePatch.text
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const);
}

function valueOf(said: ReadonlyArray<readonly [string, string]>, name: string): string | undefined {
  return said.find(([other]) => other.toLowerCase() === name)?.[1];
}
