/** Kong's annotations that let a route take fewer requests, over real sockets: none of them is dropped. */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';

type Annotations = Record<string, string>;

function route(
  name: string,
  annotations: Annotations,
  { spec = {}, rules = [backendRefs('web')] } = {} as Shape,
): object {
  const { metadata, ...rest } = httpRoute(name, rules, { hostnames: [`${name}.example`], ...spec }) as {
    metadata: object;
  };
  return { ...rest, metadata: { ...metadata, annotations } };
}

interface Shape {
  spec?: object;
  rules?: object[];
}

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(manifests([HTTP], service('web')), { echo: true });
});
afterAll(() => rig.close());

let edits = 0;
async function serve(...routes: object[]): Promise<void> {
  // What is written is waited for by the change that it makes.
  const edit = httpRoute('edit', [backendRefs('web')], { hostnames: [`edit-${++edits}.example`] });
  await rig.write(manifests([HTTP], service('web'), ...routes, edit));
}

type Lines = Record<string, string>;

async function answerTo(host: string, headers: Lines, method: string): Promise<http.IncomingMessage> {
  const options = { port: rig.port(), host: '127.0.0.1', method, headers: { host, ...headers } };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.request(options, resolve).on('error', reject).end();
  });
  await text(answer);
  return answer;
}

async function ask(host: string, headers: Lines = {}): Promise<number> {
  return (await answerTo(host, headers, 'GET')).statusCode!;
}

/** Status of a call. */
async function call(host: string, headers: Lines = {}): Promise<string> {
  const answer = await answerTo(host, { 'content-type': 'application/grpc', te: 'trailers', ...headers }, 'POST');
  return `${answer.statusCode} ${answer.headers['grpc-status'] ?? 'ok'}`;
}

const told = (): string => JSON.stringify(rig.report().items);

describe('headers', () => {
  test('a route takes what has each of them, with one of their values in whatever case', async () => {
    await serve(
      route('one', { 'konghq.com/headers.X-Plan': 'Gold' }),
      route('some', { 'konghq.com/headers.x-plan': 'gold, si.ver', 'konghq.com/headers.x-level': '1' }),
      route('apart', { 'konghq.com/headers.x-plan': 'a,b;c', 'konghq.com/headers-separator': ';' }),
      route('expression', { 'konghq.com/headers.x-plan': '~*^go(ld|od)$' }),
      route('anywhere', { 'konghq.com/headers.x-plan': '~*old' }),
    );
    const plan = (value: string, level?: string) => ({ 'x-plan': value, ...(level ? { 'x-level': level } : {}) });
    const asked: Array<[string, Record<string, string>, number]> = [
      ['one', {}, 404],
      ['one', plan('gold'), 200],
      ['one', plan('GOLD'), 200],
      ['one', plan('golden'), 404],
      ['some', plan('gold'), 404],
      ['some', plan('gold', '1'), 200],
      ['some', plan('si.ver', '1'), 200],
      ['some', plan('silver', '1'), 404],
      ['some', plan('gold', '11'), 404],
      ['apart', plan('a,b'), 200],
      ['apart', plan('c'), 200],
      ['apart', plan('a'), 404],
      ['expression', plan('Good'), 200],
      ['expression', plan('goods'), 404],
      ['anywhere', plan('gOLDen'), 200],
      ['anywhere', plan('silver'), 404],
    ];
    for (const [name, headers, status] of asked)
      expect([name, headers, await ask(`${name}.example`, headers)]).toEqual([name, headers, status]);
    expect(told()).toContain('is served as matches[].headers of each rule');
  });

  test('of every match of every rule, beside its own', async () => {
    const matches = [
      { path: { type: 'PathPrefix', value: '/' }, headers: [{ name: 'x-a', value: '1' }] },
      { path: { type: 'PathPrefix', value: '/' }, headers: [{ name: 'X-Plan', value: 'gold' }] },
    ];
    await serve(
      route('a', { 'konghq.com/headers.x-plan': 'gold,silver' }, { rules: [{ matches, ...backendRefs('web') }] }),
    );
    const asked: Lines[] = [
      { 'x-a': '1' },
      { 'x-plan': 'silver' },
      { 'x-a': '1', 'x-plan': 'silver' },
      { 'x-plan': 'gold' },
    ];
    const statuses = [];
    for (const headers of asked) statuses.push(await ask('a.example', headers));
    expect(statuses).toEqual([404, 404, 200, 200]);
  });
});

describe('server names', () => {
  test('the route is there for them alone', async () => {
    await serve(
      route('a', { 'konghq.com/snis': 'In.example., out.example' }, { spec: { hostnames: undefined } }),
      route(
        'b',
        { 'konghq.com/snis': 'x.wide.example,y.other' },
        { spec: { hostnames: ['*.wide.example', 'b.example'] } },
      ),
    );
    const hosts = [
      'in.example',
      'out.example',
      'other.example',
      'x.wide.example',
      'z.wide.example',
      'b.example',
      'y.other',
    ];
    const statuses = [];
    for (const host of hosts) statuses.push(await ask(host));
    expect(statuses).toEqual([200, 200, 404, 200, 404, 404, 404]);
    expect(told()).toContain('counts for Host');
  });
});

const BROKEN: Array<[string, Annotations, string]> = [
  ['a header without a value', { 'konghq.com/headers.x-a': '' }, 'has no value'],
  ['a header of blanks and commas', { 'konghq.com/headers.x-a': ' , ' }, 'has no value'],
  ['an empty separator', { 'konghq.com/headers.x-a': 'b', 'konghq.com/headers-separator': '' }, 'has no value'],
  ['Host', { 'konghq.com/headers.host': 'b' }, 'write hostnames'],
  ['two halves of an expression', { 'konghq.com/headers.x-a': '~*a)|(b' }, 'no RE2 regular expression'],
  ['a header twice', { 'konghq.com/headers.x-a': 'b', 'konghq.com/headers.X-A': 'c' }, 'in another spelling'],
  ['an expression that is none', { 'konghq.com/headers.x-a': '~*(' }, 'RE2'],
  ['an expression of another language', { 'konghq.com/headers.x-a': '~*(?=a)' }, 'RE2'],
  ['what the matches say otherwise', { 'konghq.com/headers.x-own': 'b' }, 'matches[].headers name it, too'],
  [
    'more headers than a match has',
    Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`konghq.com/headers.x-${at}`, '1'])),
    'more than 16',
  ],
  ['a server name that is none', { 'konghq.com/snis': 'not a name' }, 'is no host name'],
  ['one good and one bad server name', { 'konghq.com/snis': 'a.example,*.example' }, 'is no host name'],
  ['a server name that the route has not', { 'konghq.com/snis': 'b.example' }, 'none of them is among'],
  ['a method that is none', { 'konghq.com/methods': 'get' }, 'is no method'],
];

describe('what cannot be read closes the route', () => {
  test.each(BROKEN)('%s', async (name, annotations, why) => {
    const matches = [{ path: { type: 'PathPrefix', value: '/' }, headers: [{ name: 'x-own', value: 'a' }] }];
    const rules = [{ matches, ...backendRefs('web') }];
    await serve(route('a', annotations, { rules }), route('good', { 'konghq.com/tags': name.slice(0, 5) }));
    const headers = { 'x-own': 'a', 'x-a': 'b' };
    expect([404, 500]).toContain(await ask('a.example', headers));
    expect(await ask('good.example')).toBe(200);
    const item = rig.report().items.find(({ kind, metadata }) => kind === 'HTTPRoute' && metadata.name === 'a');
    expect(JSON.stringify(item)).toContain('"status":"False","reason":"UnsupportedValue"');
    expect(JSON.stringify(item)).toContain(why);
  });

  test('on a GRPCRoute, too: headers and server names count, and calls are POST', async () => {
    const grpc = (name: string, annotations: Annotations) => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GRPCRoute',
      metadata: { name, annotations },
      spec: { parentRefs: [{ name: 'gw' }], hostnames: [`${name}.example`], rules: [backendRefs('web')] },
    });
    await serve(
      grpc('plain', { 'konghq.com/tags': 'a' }),
      grpc('lines', { 'konghq.com/headers.x-a': 'b' }),
      grpc('get', { 'konghq.com/methods': 'GET' }),
      grpc('post', { 'konghq.com/methods': 'GET, POST' }),
      grpc('names', { 'konghq.com/snis': 'other.example' }),
    );
    const open = await call('plain.example');
    const [none, refused] = ['200 12', '200 14'];
    expect([none, refused]).not.toContain(open);
    expect([await call('lines.example'), await call('lines.example', { 'x-a': 'b' })]).toEqual([none, open]);
    expect([await call('get.example'), await call('post.example')]).toEqual([refused, open]);
    expect(await call('names.example')).toBe(refused);
  });
});

test('a route of connections that asks for server names by annotation takes none', async () => {
  const gateway = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'tcp' },
    spec: { gatewayClassName: 'daemun', listeners: [{ name: 'tcp', port: 9000, protocol: 'TCP' }] },
  };
  const tcp = {
    apiVersion: 'gateway.networking.k8s.io/v1alpha2',
    kind: 'TCPRoute',
    metadata: { name: 'a', annotations: { 'konghq.com/snis': 'a.example' } },
    spec: { parentRefs: [{ name: 'tcp' }], rules: [backendRefs('web')] },
  };
  await serve(gateway, tcp);
  const item = rig.report().items.find(({ kind }) => kind === 'TCPRoute');
  expect(JSON.stringify(item)).toContain('"status":"False","reason":"UnsupportedValue"');
  expect(JSON.stringify(item)).toContain('no connection is taken until then');
  expect(stringify(item)).toContain('konghq.com/snis');
});
