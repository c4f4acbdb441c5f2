import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ConfigObject, Policy } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { CONTINUE, type CompiledFilter, LATER, Policies, type Waiting } from '../filter/index.ts';
import { doubles, marks, TrialFilter, waiter } from '../http/trial-filter.suite.ts';
import { backend, listener, PlaneRig, rule } from './plane.suite.ts';

/** Milliseconds that a filter takes its time. */
const THOUGHT = 50;
const BODY = Buffer.alloc(300_000, 'body ');

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  stream: Readable;
}

interface Sent {
  answer: Promise<Answer>;
  leave(): void;
}

/** Clients of both protocols, over one connection each. */
type Client = (path: string, body?: Buffer) => Sent;

function h1Client(port: number): Client {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  cleanups.push(() => agent.destroy());
  return (path, body) => {
    const request = http.request({ port, host: '127.0.0.1', path, agent, method: body === undefined ? 'GET' : 'POST' });
    const answer = once(request, 'response').then(([response]: IncomingMessage[]) => ({
      status: response!.statusCode!,
      headers: response!.headers,
      stream: response!,
    }));
    answer.catch(() => {});
    request.end(body);
    // An end alone may be half of one: whoever resets has left.
    return { answer, leave: () => request.socket?.resetAndDestroy() };
  };
}

function h2Client(port: number): Client {
  const session = http2.connect(`http://127.0.0.1:${port}`).on('error', () => {});
  cleanups.push(() => session.destroy());
  return (path, body) => {
    const stream = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST' });
    stream.on('error', () => {});
    const answer = once(stream, 'response').then(([headers]: http2.IncomingHttpHeaders[]) => ({
      status: Number(headers![':status']),
      headers: headers!,
      stream,
    }));
    answer.catch(() => {});
    stream.end(body);
    return { answer, leave: () => stream.close(http2.constants.NGHTTP2_CANCEL) };
  };
}

interface Origin {
  asked: string[];
  objects: ConfigObject[];
}

/** A backend that says how long the body was that it got, or what `answer` says. */
async function origin(name: string, answer?: (response: ServerResponse, count: number) => void): Promise<Origin> {
  const asked: string[] = [];
  const server = http.createServer(async (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['x-attempt'] ?? ''}`);
    if (answer !== undefined) return answer(response, asked.length);
    response.end(`${name} got ${(await text(request)).length}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close().closeAllConnections());
  return { asked, objects: backend((server.address() as AddressInfo).port, name) };
}

const POLICY = policyOf('Trial', 1);

/** A policy of a kind that only this test has. */
function policyOf(type: string, spec: unknown): Policy {
  const target = { kind: 'RouteRule', key: 'HTTPRoute/d/r/0' };
  return { kind: 'Policy', key: `${type}/${target.key}`, type, target, spec } as unknown as Policy;
}

async function gateway(filter: CompiledFilter | (() => CompiledFilter), objects: ConfigObject[]): Promise<PlaneRig> {
  const make = typeof filter === 'function' ? filter : () => filter;
  const rig = new PlaneRig({}, new Policies({ Trial: make }));
  cleanups.push(() => rig.close());
  await rig.apply([listener('HTTP'), rule('HTTPRoute'), POLICY, ...objects]);
  return rig;
}

function thinks(decide: (waiting: Waiting) => void): TrialFilter {
  return new TrialFilter({
    onRequest: (scope) => {
      const waiting = scope.wait();
      setTimeout(() => decide(waiting), THOUGHT);
      return LATER;
    },
  });
}

const goesOn = (waiting: Waiting): void => waiting.proceed();

describe.each([
  ['HTTP/1.1', h1Client],
  ['HTTP/2', h2Client],
] as const)('over %s', (_name, clientOf) => {
  test('a filter that takes its time lets a request pass, body and all', async () => {
    const { asked, objects } = await origin('b');
    const ask = clientOf((await gateway(thinks(goesOn), objects)).port());
    for (const [body, length] of [
      [undefined, 0],
      [BODY, BODY.length],
      [Buffer.from('x'), 1],
    ] as const) {
      const { status, stream } = await ask('/a', body).answer;
      expect([status, await text(stream)]).toEqual([200, `b got ${length}`]);
    }
    expect(asked).toHaveLength(3);
  });

  test('or refuses it, and the next one is served', async () => {
    const { asked, objects } = await origin('b');
    let count = 0;
    const filter = thinks((waiting) =>
      count++ === 0 ? waiting.deny({ status: 403, reason: 'no', message: 'No.' }) : waiting.proceed(),
    );
    const ask = clientOf((await gateway(filter, objects)).port());
    const refused = await ask('/a', BODY).answer;
    expect([refused.status, await text(refused.stream)]).toEqual([403, expect.stringContaining('"message":"No."')]);
    const { status, stream } = await ask('/b').answer;
    expect([status, await text(stream)]).toEqual([200, 'b got 0']);
    expect(asked).toHaveLength(1);
  });

  test('a client that leaves meanwhile is not served', async () => {
    const { asked, objects } = await origin('b');
    const filter = waiter();
    const rig = await gateway(filter, objects);
    const sent = clientOf(rig.port())('/a');
    await vi.waitFor(() => expect(filter.waiting).toHaveLength(1));
    sent.leave();
    await vi.waitFor(() => expect(filter.outcomes).toMatchObject([{ status: 499 }]));
    filter.waiting[0]!.proceed();
    await vi.waitFor(() => expect(rig.accesses).toMatchObject([{ status: 499 }]));
    expect(asked).toEqual([]);
  });

  test('a filter that does not decide in time refuses', async () => {
    const { asked, objects } = await origin('b');
    const filter = waiter(2 * THOUGHT);
    const ask = clientOf((await gateway(filter, objects)).port());
    const { status, stream } = await ask('/a', Buffer.from('abc')).answer;
    expect([status, await text(stream)]).toEqual([503, expect.stringContaining('in time')]);
    filter.waiting[0]!.proceed();
    expect(asked).toEqual([]);
  });

  test('a request that waits while all around it changes goes where it was going', async () => {
    const [first, second] = [await origin('b'), await origin('c')];
    const filter = waiter();
    const rig = await gateway(filter, [...first.objects, ...second.objects]);
    const ask = clientOf(rig.port());
    const under = ask('/a').answer;
    await vi.waitFor(() => expect(filter.waiting).toHaveLength(1));
    const moved = rule('HTTPRoute', { backends: [{ backend: 'd/c:80', weight: 1, filters: [] }] });
    await rig.apply([moved], [{ kind: 'Policy', key: POLICY.key }]);
    const other = await clientOf(rig.port())('/b').answer;
    expect([other.status, await text(other.stream)]).toEqual([200, 'c got 0']);
    filter.waiting[0]!.proceed();
    const { status, stream } = await under;
    expect([status, await text(stream)]).toEqual([200, 'b got 0']);
  });

  test('and where that is gone, it goes where requests go now', async () => {
    const [first, second] = [await origin('b'), await origin('c')];
    const filter = waiter();
    const rig = await gateway(filter, [...first.objects, ...second.objects]);
    const under = clientOf(rig.port())('/a', BODY).answer;
    await vi.waitFor(() => expect(filter.waiting).toHaveLength(1));
    const moved = rule('HTTPRoute', { backends: [{ backend: 'd/c:80', weight: 1, filters: [] }] });
    await rig.apply(
      [moved],
      [
        { kind: 'Backend', key: 'd/b:80' },
        { kind: 'Endpoints', key: 'd/b:80' },
      ],
    );
    filter.waiting[0]!.proceed();
    await vi.waitFor(() => expect(filter.waiting).toHaveLength(2));
    filter.waiting[1]!.proceed();
    const { status, stream } = await under;
    expect([status, await text(stream)]).toEqual([200, `c got ${BODY.length}`]);
    expect(filter.outcomes).toMatchObject([{ reason: 'rerouted' }, { status: 200 }]);
    expect(first.asked).toEqual([]);
  });

  test('requests behind one that waits are answered', async () => {
    const { objects } = await origin('b');
    const ask = clientOf((await gateway(thinks(goesOn), objects)).port());
    const answers = ['/1', '/2', '/3'].map(async (path) => await text((await ask(path).answer).stream));
    expect(await Promise.all(answers)).toEqual(['b got 0', 'b got 0', 'b got 0']);
  });

  test('a slow reader of a changed body slows down its backend', async () => {
    const size = 16 * 1024 * 1024;
    let left = size;
    const { objects } = await origin('b', (response) => {
      const piece = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        while (left > 0) {
          left -= piece.length;
          if (!response.write(piece)) return;
        }
        response.end();
      };
      response.on('drain', more);
      more();
    });
    const { filter, made } = doubles('response', true);
    const ask = clientOf((await gateway(filter, objects)).port());
    const { status, headers, stream } = await ask('/a').answer;
    expect(status).toBe(200);
    expect(headers['content-length']).toBeUndefined();
    stream.once('data', () => stream.pause());
    await once(stream, 'data');
    let before = -1;
    await vi.waitFor(
      () => {
        const now = left;
        const still = now === before;
        before = now;
        expect(still).toBe(true);
      },
      { interval: 100, timeout: 10_000 },
    );
    expect(left).toBeGreaterThan(0);
    expect(made[0]!.held).toBeLessThan(1024 * 1024);
    let got = 64 * 1024;
    stream.on('data', (bytes: Buffer) => {
      got += bytes.length;
    });
    stream.resume();
    await once(stream, 'end');
    expect(got).toBeGreaterThan(2 * size);
  });

  test('the head of an answer is seen once: the last attempt’s, or the gateway’s own', async () => {
    const { asked, objects } = await origin('b', (response, count) => {
      response.writeHead(count < 3 ? 503 : 200, { 'content-type': 'a/b' });
      response.end('ok');
    });
    const filter = new TrialFilter(marks);
    const rig = await gateway(filter, objects);
    await rig.apply([rule('HTTPRoute', { retry: { codes: [503], attempts: 2, backoff: 1 } })]);
    const ask = clientOf(rig.port());
    const { headers, stream } = await ask('/a').answer;
    expect([headers['x-seen'], await text(stream)]).toEqual(['200 backend a/b', 'ok']);
    expect(asked.map((line) => line.split(' ')[2])).toEqual(['1', '2', '3']);
    await rig.apply([{ kind: 'Endpoints', key: 'd/b:80', endpoints: [] }]);
    const local = await ask('/a').answer;
    expect([local.status, local.headers['x-seen']]).toEqual([503, '503 local application/json']);
    await text(local.stream);
    expect(filter.asked.filter((line) => line.startsWith('answer'))).toEqual(['answer 200', 'answer 503']);
  });
});

test('pipelined requests behind one that waits keep their order', async () => {
  const { objects } = await origin('b');
  const rig = await gateway(thinks(goesOn), objects);
  const socket = net.connect({ port: rig.port(), host: '127.0.0.1' });
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ';
  socket.write(`${post}1\r\n\r\na${post}2\r\n\r\naa${post}3\r\nConnection: close\r\n\r\naaa`);
  await expect(text(socket)).resolves.toSatisfy(
    (all: string) => all.match(/b got \d/g)?.join() === 'b got 1,b got 2,b got 3',
  );
});

describe('a policy that cannot be used', () => {
  const fails = (): never => {
    throw new DaemunError('DMN_CONFIG_INVALID', 'spec.limit: must be a number');
  };

  test('denies what it would act on, and nothing else, until it can be', async () => {
    const { asked, objects } = await origin('b');
    let make: () => CompiledFilter = fails;
    const rig = await gateway(() => make(), objects);
    expect(rig.ack?.rejected).toMatchObject([
      { kind: 'Policy', key: POLICY.key, message: 'spec.limit: must be a number' },
    ]);
    const free = rule('HTTPRoute', {
      route: { kind: 'HTTPRoute', namespace: 'd', name: 'free' },
      matches: [{ path: { type: 'PathPrefix', value: '/free' }, headers: [], query: [] }],
    });
    await rig.apply([free]);
    const ask = h1Client(rig.port());
    for (const [path, status] of [
      ['/a', 500],
      ['/free', 200],
    ] as const) {
      const answer = await ask(path).answer;
      expect(answer.status).toBe(status);
      await text(answer.stream);
    }
    expect(asked).toEqual(['GET /free ']);
    make = () => new TrialFilter({ onRequest: () => CONTINUE });
    expect((await rig.apply([policyOf('Trial', 2)])).rejected).toEqual([]);
    const answer = await ask('/a').answer;
    expect(answer.status).toBe(200);
    await text(answer.stream);
  });

  test('keeps its last good form, and what that remembers', async () => {
    const { objects } = await origin('b');
    const filter = new TrialFilter({});
    let make: () => CompiledFilter = () => filter;
    const rig = await gateway(() => make(), objects);
    make = fails;
    expect((await rig.apply([policyOf('Trial', 2)])).rejected).toHaveLength(1);
    const { status, stream } = await h1Client(rig.port())('/a').answer;
    expect([status, await text(stream)]).toEqual([200, 'b got 0']);
    expect(filter.asked[0]).toBe('request /a');
  });

  test('of a kind that nobody knows denies', async () => {
    const { objects } = await origin('b');
    const rig = await gateway(new TrialFilter({}), objects);
    await rig.apply([policyOf('Unheard', 1)]);
    const { status, stream } = await h1Client(rig.port())('/a').answer;
    expect(status).toBe(500);
    await text(stream);
  });
});

test('an unrelated change makes no filter anew', async () => {
  const { objects } = await origin('b');
  let made = 0;
  const rig = await gateway(() => {
    made++;
    return new TrialFilter({});
  }, objects);
  const before = made;
  await rig.apply([rule('HTTPRoute', { timeouts: { request: 1000 } }), listener('HTTP', { hostname: '*.example' })]);
  expect(made).toBe(before);
});
