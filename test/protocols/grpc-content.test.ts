/** A GRPCRoute takes calls of gRPC and nothing else: what else comes is an HTTPRoute's, or is refused. */
import http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';

const rules = (name: string) => [{ backendRefs: [{ name, port: 80 }] }];

let rig: Rig;

beforeAll(async () => {
  rig = await serveManifests(
    [
      gateway([{ name: 'http', port: 80, protocol: 'HTTP' }]),
      route('GRPCRoute', 'both', { hostnames: ['*.both.example'], rules: rules('calls') }),
      route('HTTPRoute', 'both', { hostnames: ['a.both.example'], rules: rules('pages') }),
      route('HTTPRoute', 'wide', { hostnames: ['*.wide.example'], rules: rules('pages') }),
      route('GRPCRoute', 'wide', { hostnames: ['a.wide.example'], rules: rules('calls') }),
      route('GRPCRoute', 'only', {
        hostnames: ['only.example'],
        rules: [{ matches: [{ method: { service: 'shop.Cart' } }], backendRefs: [{ name: 'calls', port: 80 }] }],
      }),
      route('HTTPRoute', 'some', {
        hostnames: ['some.example'],
        rules: [{ matches: [{ path: { type: 'Exact', value: '/page' } }], backendRefs: [{ name: 'pages', port: 80 }] }],
      }),
      route('GRPCRoute', 'same', { hostnames: ['same.example'], rules: rules('calls') }),
      route('HTTPRoute', 'a-first-by-name', {
        hostnames: ['same.example'],
        rules: [
          { matches: [{ method: 'POST' }], backendRefs: [{ name: 'pages', port: 80 }] },
          {
            matches: [{ path: { type: 'Exact', value: '/shop.Cart/Own' } }],
            backendRefs: [{ name: 'pages', port: 80 }],
          },
        ],
      }),
      service('calls', 80),
      service('pages', 80),
    ].join('\n'),
    { echo: true },
  );
});
afterAll(() => rig.close());

interface Seen {
  status: number;
  type: string;
  grpcStatus: string | undefined;
  service?: string;
  message?: string;
}

async function ask(
  host: string,
  type: string | undefined,
  { method = 'POST', path = '/shop.Cart/Add' } = {},
): Promise<Seen> {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  try {
    const fields = { ':method': method, ':path': path, ':authority': host };
    const stream = session.request(type === undefined ? fields : { ...fields, 'content-type': type });
    let head: http2.IncomingHttpHeaders = {};
    stream.on('response', (headers) => {
      head = headers;
    });
    stream.end();
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    const grpcStatus = head['grpc-status'] as string | undefined;
    const about = { status: Number(head[':status']), type: head['content-type'] ?? '', grpcStatus };
    return body.startsWith('{') ? { ...about, ...JSON.parse(body) } : about;
  } finally {
    session.destroy();
  }
}

const CALLS = [
  ...['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8'],
  ...['application/grpc-web', 'application/grpc-web+proto', 'application/grpc-web-text'],
];
const OTHERS = [
  'application/json',
  'text/plain',
  'application/x-grpc',
  'application/grp',
  'text/application/grpc',
  undefined,
];

describe('where an HTTPRoute serves the host, too', () => {
  test.each(CALLS)("%s is the GRPCRoute's", async (type) => {
    for (const host of ['a.both.example', 'a.wide.example']) {
      expect(await ask(host, type)).toMatchObject({ status: 200 });
      // The HTTPRoute's hostname is the more specific one, and it takes gRPC as it takes all else.
      const kind = host === 'a.wide.example' ? 'GRPCRoute' : 'HTTPRoute';
      expect(rig.accesses.at(-1)!.route).toMatch(new RegExp(`^${kind}/`));
    }
  });

  test.each(OTHERS)("%s is the HTTPRoute's", async (type) => {
    for (const host of ['a.both.example', 'a.wide.example']) {
      expect(await ask(host, type)).toMatchObject({ status: 200, service: 'pages' });
    }
    expect(await ask('a.wide.example', type, { method: 'GET' })).toMatchObject({ service: 'pages' });
  });

  test('a GET is no call, whatever its content type', async () => {
    expect(await ask('a.wide.example', 'application/grpc', { method: 'GET' })).toMatchObject({ service: 'pages' });
  });
});

describe('where an HTTPRoute has the same hostname', () => {
  test.each(CALLS)("%s is the GRPCRoute's, whatever the HTTPRoute's conditions", async (type) => {
    expect(await ask('same.example', type)).toMatchObject({ status: 200 });
    expect(rig.accesses.at(-1)!.route).toMatch(/^GRPCRoute\//);
  });

  test.each(OTHERS)("%s is the HTTPRoute's", async (type) => {
    expect(await ask('same.example', type)).toMatchObject({ status: 200, service: 'pages' });
  });

  test('a path that the HTTPRoute names more exactly is its own', async () => {
    expect(await ask('same.example', 'application/grpc', { path: '/shop.Cart/Own' })).toMatchObject({ status: 200 });
    expect(rig.accesses.at(-1)!.route).toMatch(/^HTTPRoute\//);
  });
});

describe('where GRPCRoutes alone serve the host', () => {
  test.each(OTHERS)('%s is told so', async (type) => {
    const wanted = { status: 415, message: expect.stringContaining('Only gRPC is served here') };
    expect(await ask('only.example', type)).toMatchObject(wanted);
    expect(await ask('only.example', type, { method: 'GET', path: '/' })).toMatchObject(wanted);
    expect(rig.accesses.at(-1)).toMatchObject({ status: 415, reason: 'not_grpc' });
  });

  test('a call that no rule takes is unimplemented, as ever', async () => {
    const unknown = await ask('only.example', 'application/grpc', { path: '/shop.Other/Get' });
    expect(unknown).toMatchObject({ status: 200, grpcStatus: '12' });
  });
});

test('where there is an HTTPRoute that does not match, nothing is found', async () => {
  expect(await ask('some.example', 'application/json')).toMatchObject({ status: 404 });
  expect(await ask('none.example', 'application/json')).toMatchObject({ status: 404 });
});
