/** Requests of a filter's own (FilterScope.ask), over real sockets. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ConfigObject, Policy } from '../../config/index.ts';
import {
  type CompiledFilter,
  type FilterScope,
  HeaderPatch,
  LATER,
  Policies,
  type SubAnswer,
  type SubFailure,
  type SubRequest,
  type Verdict,
} from '../filter/index.ts';
import { backend, listener, PlaneRig, rule } from './plane.suite.ts';

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const QUESTION: SubRequest = {
  backend: 'd/auth:80',
  method: 'GET',
  target: '/check?a=1',
  authority: 'auth.example',
  headers: [['X-Asks', 'ünicode']],
  timeout: 2_000,
  limit: 100,
};

/** Asks before it lets anything pass, as external authentication does. */
class Asking implements CompiledFilter {
  readonly type = 'Trial';
  readonly step = 'authentication';
  readonly outcomes: Array<SubAnswer | SubFailure> = [];
  readonly #question: SubRequest;

  constructor(question: Partial<SubRequest> = {}) {
    this.#question = { ...QUESTION, ...question };
  }

  onRequest(scope: FilterScope): Verdict {
    const waiting = scope.wait();
    scope.ask(this.#question, (outcome) => {
      this.outcomes.push(outcome);
      if ('failure' in outcome) return waiting.deny({ status: 503, reason: 'asked_in_vain', message: outcome.failure });
      if (outcome.status !== 200) return waiting.deny({ status: outcome.status, reason: 'denied', message: 'No.' });
      const user = outcome.headers.find(([name]) => name.toLowerCase() === 'x-user')?.[1] ?? '';
      scope.patchRequest(HeaderPatch.of({ set: [{ name: 'X-User', value: user }], add: [], remove: [] }));
      waiting.proceed();
    });
    return LATER;
  }
}

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;
interface Server {
  port: number;
  asked: http.IncomingMessage[];
  connections: number;
}

async function server(handler: Handler, h2c = false): Promise<Server> {
  const seen: Server = { port: 0, asked: [], connections: 0 };
  const listen = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    seen.asked.push(request);
    handler(request, response);
  };
  const made = h2c ? http2.createServer(listen as never) : http.createServer(listen);
  made.on('connection', () => seen.connections++);
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  seen.port = (made.address() as AddressInfo).port;
  cleanups.push(() => {
    made.close();
    if ('closeAllConnections' in made) made.closeAllConnections();
  });
  return seen;
}

const POLICY = {
  kind: 'Policy',
  key: 'Trial/HTTPRoute/d/r/0',
  type: 'Trial',
  target: { kind: 'RouteRule', key: 'HTTPRoute/d/r/0' },
  spec: {},
} as unknown as Policy;

function authBackend(port: number, h2c = false): ConfigObject[] {
  return backend(port, 'auth').map((one) => (one.kind === 'Backend' && h2c ? { ...one, protocol: 'h2c' } : one));
}

async function gateway(filter: CompiledFilter, auth: ConfigObject[]): Promise<{ rig: PlaneRig; origin: Server }> {
  const origin = await server((request, response) => response.end(`for ${request.headers['x-user']}`));
  const rig = new PlaneRig({}, new Policies({ Trial: () => filter }));
  cleanups.push(() => rig.close());
  await rig.apply([listener('HTTP'), rule('HTTPRoute'), POLICY, ...backend(origin.port), ...auth]);
  return { rig, origin };
}

async function ask(rig: PlaneRig, headers: http.OutgoingHttpHeaders = {}): Promise<[number, string]> {
  const request = http.get({ port: rig.port(), host: '127.0.0.1', headers, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return [response.statusCode!, await text(response)];
}

const admits: Handler = (_request, response) =>
  response.writeHead(200, { 'X-User': 'ann', Connection: 'keep-alive' }).end('yes');

describe.each([
  ['HTTP/1.1', false],
  ['HTTP/2', true],
])('a filter that asks over %s', (_name, h2c) => {
  test('is told status, lines and body, and connections are used again', async () => {
    const auth = await server(admits, h2c);
    const filter = new Asking();
    const { rig, origin } = await gateway(filter, authBackend(auth.port, h2c));
    for (let i = 0; i < 3; i++) expect(await ask(rig)).toEqual([200, 'for ann']);
    expect(auth.connections).toBe(1);
    expect(auth.asked[0]!.url).toBe('/check?a=1');
    expect(Buffer.from(auth.asked[0]!.headers['x-asks'] as string, 'latin1').toString()).toBe('ünicode');
    expect(origin.asked).toHaveLength(3);
    const [answer] = filter.outcomes as SubAnswer[];
    expect(answer).toMatchObject({ status: 200, body: Buffer.from('yes') });
    const names = answer!.headers.map(([name]) => name.toLowerCase());
    expect(names).toContain('x-user');
    expect(names).not.toContain('connection');
  });

  test('sends a body, and hears a refusal', async () => {
    let came = '';
    const auth = await server((request, response) => {
      void text(request).then((body) => {
        came = body;
        response.writeHead(403).end();
      });
    }, h2c);
    const body = Buffer.alloc(300_000, 'x');
    const { rig, origin } = await gateway(new Asking({ method: 'POST', body }), authBackend(auth.port, h2c));
    expect((await ask(rig))[0]).toBe(403);
    expect(came).toHaveLength(300_000);
    expect(origin.asked).toEqual([]);
  });

  test('is told that the time is over, or the answer too long', async () => {
    const auth = await server((request, response) => {
      if (request.url === '/long') response.end('x'.repeat(101));
    }, h2c);
    for (const [question, failure] of [
      [{ timeout: 100 }, 'timeout'],
      [{ target: '/long' }, 'answer_too_large'],
    ] as const) {
      const filter = new Asking(question);
      const { rig } = await gateway(filter, authBackend(auth.port, h2c));
      expect(await ask(rig)).toEqual([503, expect.stringContaining(failure)]);
      expect(filter.outcomes).toEqual([{ failure }]);
    }
  });

  test('hears the answer where all drains meanwhile, and its request goes on to the backend', async () => {
    const asking = Promise.withResolvers<() => void>();
    const auth = await server((request, response) => asking.resolve(() => admits(request, response)), h2c);
    const { rig, origin } = await gateway(new Asking({ timeout: 60_000 }), authBackend(auth.port, h2c));
    const answer = ask(rig);
    const decide = await asking.promise;
    const drained = rig.plane.drain(20_000);
    await expect(once(net.connect(rig.port(), '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    expect(origin.asked).toEqual([]);
    decide();
    expect(await answer).toEqual([200, 'for ann']);
    await drained;
  });

  test('is forgotten with the client, and so is what it asked', async () => {
    const ended: Array<Promise<unknown>> = [];
    const auth = await server((request, response) => {
      ended.push(once(h2c ? (request as unknown as http2.Http2ServerRequest).stream : response, 'close'));
    }, h2c);
    const filter = new Asking({ timeout: 60_000 });
    const { rig } = await gateway(filter, authBackend(auth.port, h2c));
    const request = http.get({ port: rig.port(), host: '127.0.0.1', agent: false }).on('error', () => {});
    await vi.waitFor(() => expect(ended).toHaveLength(1));
    request.socket!.resetAndDestroy();
    await ended[0];
    expect(filter.outcomes).toEqual([]);
  });
});

test('an endpoint that takes no connection is no failure where there is another', async () => {
  const auth = await server(admits);
  const gone = await server(admits);
  await cleanups.pop()!();
  const [service, endpoints] = authBackend(auth.port) as [ConfigObject, Extract<ConfigObject, { kind: 'Endpoints' }>];
  const dead = Array.from({ length: 2 }, () => ({ ...endpoints.endpoints[0]!, port: gone.port }));
  dead[1]!.address = '127.0.0.2';
  const { rig } = await gateway(new Asking(), [
    service,
    { ...endpoints, endpoints: [...dead, ...endpoints.endpoints] },
  ]);
  for (let i = 0; i < 3; i++) expect(await ask(rig)).toEqual([200, 'for ann']);
  expect(auth.asked).toHaveLength(3);
});

test('a kept connection that its backend closed is no failure', async () => {
  const auth = await server((request, response) => {
    if (auth.asked.length === 2) request.socket.destroy();
    else admits(request, response);
  });
  const { rig } = await gateway(new Asking(), authBackend(auth.port));
  for (let i = 0; i < 2; i++) expect(await ask(rig)).toEqual([200, 'for ann']);
  expect(auth.asked).toHaveLength(3);
});

test('a backend that is not there, or is this gateway, has no endpoints', async () => {
  const filter = new Asking();
  const { rig } = await gateway(filter, []);
  expect(await ask(rig)).toEqual([503, expect.stringContaining('no_endpoints')]);
  await rig.apply(authBackend(rig.port()));
  expect(await ask(rig)).toEqual([503, expect.stringContaining('no_endpoints')]);
  expect(filter.outcomes).toEqual([{ failure: 'no_endpoints' }, { failure: 'no_endpoints' }]);
});

test('what is asked for a request went through as many gateways as that', async () => {
  const auth = await server(admits);
  const { rig } = await gateway(new Asking(), authBackend(auth.port));
  await ask(rig, { 'CDN-Loop': 'other; v=1, daemun' });
  expect(auth.asked[0]!.headersDistinct['cdn-loop']).toEqual(['other; v=1, daemun', 'daemun']);
});

test.each<Partial<SubRequest>>([
  { target: 'no path' },
  { target: '/a b' },
  { authority: 'a\r\nb' },
  { method: 'GET /' },
  { headers: [['X-A', 'b\r\nc']] },
  { headers: [['Content-Length', '3']] },
])('what cannot be sent refuses the request: %j', async (question) => {
  const auth = await server(admits);
  const { rig, origin } = await gateway(new Asking(question), authBackend(auth.port));
  expect((await ask(rig))[0]).toBe(500);
  expect([...auth.asked, ...origin.asked]).toEqual([]);
});
