import { describe, expect, test } from 'vitest';
import { ARENA } from '../../ground/arena.ts';
import { BODY_LENGTH, BODY_NONE, BODY_OPEN, BODY_TUNNEL } from '../../ground/codec.ts';
import { CONNECT_TIMEOUT, DEFAULT_ENDPOINT_LIMITS, UPSTREAM_IDLE_TIMEOUT } from '../../upstream/index.ts';
import { RawBackend, Waiter } from './backend.fixture.ts';
import { sendText } from './client.fixture.ts';
import * as frame from './frame.ts';
import { block, setting, turn, word } from './wire.fixture.ts';

const GET = 'GET /a?b=c HTTP/1.1\r\nHost: b.example\r\nX-A: 1\r\n';
const POST = 'POST /up HTTP/1.1\r\nHost: b.example\r\nTransfer-Encoding: chunked\r\n';
const OK: Array<[string, string]> = [[':status', '200']];
const ACK_FLAGS = `${frame.SETTINGS} ${frame.ACK} 0 `;

async function opened(settings: Buffer = Buffer.alloc(0)): Promise<RawBackend> {
  const backend = new RawBackend();
  const first = new Waiter(GET, BODY_NONE).open(backend.pool);
  await turn();
  backend.send(frame.SETTINGS, 0, 0, settings);
  backend.send(frame.SETTINGS, frame.ACK, 0);
  backend.respond(1, [[':status', '204']]);
  expect(first.events).toEqual(['head 0 HTTP/1.1 204 No Content||', 'end ']);
  await backend.said();
  return backend;
}

describe('requests', () => {
  test('wait for the connection, and go out with its preface', async () => {
    const backend = new RawBackend();
    new Waiter(GET, BODY_NONE).open(backend.pool);
    const [settings, window, request] = await backend.said();
    expect([settings?.slice(0, 5), window?.slice(0, 5)]).toEqual(['4 0 0', '8 0 0']);
    expect(request).toBe('HEADERS 5 1 GET /a?b=c HTTP/1.1|host: b.example|x-a: 1||');
  });

  test('have bodies and trailers', async () => {
    const backend = await opened();
    const { up } = new Waiter(POST, BODY_OPEN).open(backend.pool);
    sendText(up!, 'one');
    sendText(up!, 'two');
    up!.sendEnd(0, Buffer.from('x-sum: 6\r\n').copy(ARENA, 0));
    new Waiter('PUT / HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n', BODY_LENGTH, 'abc').open(backend.pool);
    expect(await backend.said()).toEqual([
      'HEADERS 4 3 POST /up HTTP/1.1|host: b.example||',
      '0 0 3 one',
      '0 0 3 two',
      'HEADERS 5 3 x-sum: 6|',
      'HEADERS 4 5 PUT / HTTP/1.1|host: b|content-length: 3||',
      '0 1 5 abc',
    ]);
  });

  test('whose end comes after their head have it in a frame of its own: grpc-go waits for it', async () => {
    const backend = await opened();
    const { up } = new Waiter(POST, BODY_OPEN).open(backend.pool);
    up!.sendEnd(0, 0);
    expect(await backend.said()).toEqual(['HEADERS 4 3 POST /up HTTP/1.1|host: b.example||', '0 1 3 ']);
  });

  test('of gRPC say that trailers are taken', async () => {
    const backend = await opened();
    new Waiter(`${POST}Content-Type: application/grpc+proto\r\n`, BODY_OPEN).open(backend.pool);
    expect((await backend.said())[0]).toContain('te: trailers|');
  });

  test('wait for the windows of the backend', async () => {
    const backend = await opened(setting(4, 5));
    const waiter = new Waiter(POST, BODY_OPEN).open(backend.pool);
    expect(sendText(waiter.up!, '0123456789')).toBe(false);
    expect((await backend.said()).slice(1)).toEqual(['0 0 3 01234']);
    backend.send(frame.WINDOW_UPDATE, 0, 3, word(5));
    expect(await backend.said()).toEqual(['0 0 3 56789']);
    expect(waiter.events).toEqual(['drained']);
  });

  test('that are aborted are reset', async () => {
    const backend = await opened();
    new Waiter(GET, BODY_NONE).open(backend.pool).up!.abort('timeout');
    expect((await backend.said()).at(-1)).toBe(`3 0 3 ${word(frame.CANCEL).toString('latin1')}`);
  });

  test('above the limit of streams wait, and a further connection is opened for them', async () => {
    const backend = await opened(setting(3, 1));
    new Waiter(GET, BODY_NONE).open(backend.pool);
    const second = new Waiter(GET, BODY_NONE).open(backend.pool);
    expect(second.up).toBe(null);
    backend.link(0).deliver(Buffer.from('000001010500000003' + '89', 'hex'));
    expect(second.up).not.toBe(null);
    new Waiter(GET, BODY_NONE).open(backend.pool);
    expect(backend.driver.opened).toHaveLength(2);
  });

  test('that wait are limited in number', async () => {
    const backend = new RawBackend();
    backend.driver.onConnect = () => undefined;
    for (let i = 0; i < DEFAULT_ENDPOINT_LIMITS.pending; i++) new Waiter(GET, BODY_NONE).open(backend.pool);
    const last = new Waiter(GET, BODY_NONE).open(backend.pool);
    await turn();
    expect(last.events).toEqual(['unavailable overloaded']);
  });
});

describe('responses', () => {
  test('with 1xx heads, body and trailers', async () => {
    const backend = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.respond(3, [[':status', '103']], false);
    backend.respond(3, [...OK, ['server', 's']], false);
    backend.send(frame.DATA, 0, 3, 'data');
    backend.respond(3, [['grpc-status', '0']]);
    expect(waiter.events).toEqual([
      'informational 103',
      'head 2 HTTP/1.1 200 OK|server: s||',
      'body data',
      'end grpc-status: 0\r\n',
    ]);
  });

  test.each<[string, (waiter: Waiter, abort: () => void) => void]>([
    ['1xx heads', (waiter, abort) => (waiter.responseInformational = abort)],
    ['their body', (waiter, abort) => (waiter.responseBody = abort)],
  ])('may be aborted by whoever takes %s', async (_what, set) => {
    const backend = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    let aborts = 0;
    set(waiter, () => {
      aborts++;
      waiter.up!.abort('closed_early');
    });
    backend.respond(3, [[':status', '103']], false);
    backend.respond(3, OK, false);
    backend.send(frame.DATA, 0, 3, 'data');
    backend.send(frame.DATA, frame.END_STREAM, 3, 'more');
    expect(aborts).toBe(1);
    expect(await backend.said()).toContain(`3 0 3 ${word(frame.CANCEL).toString('latin1')}`);
    const next = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.respond(5, [[':status', '204']]);
    expect(next.events).toEqual(['head 0 HTTP/1.1 204 No Content||', 'end ']);
  });

  test('framed by their length, or by none where there can be no body', async () => {
    const backend = await opened();
    const events = (head: string, fields: Array<[string, string]>): string[] => {
      const waiter = new Waiter(head, BODY_NONE).open(backend.pool);
      backend.respond((next += 2), fields);
      return waiter.events;
    };
    let next = 1;
    expect(events(GET, [...OK, ['content-length', '0']])[0]).toMatch(/^head 1 /);
    expect(events(GET, OK)[0]).toMatch(/^head 2 /);
    expect(events(GET.replace('GET', 'HEAD'), [...OK, ['content-length', '7']])[0]).toMatch(/^head 0 /);
    expect(
      events(GET, [
        [':status', '304'],
        ['content-length', '7'],
      ])[0],
    ).toMatch(/^head 0 /);
  });

  test('that come before the end of the request stop it', async () => {
    const backend = await opened();
    const waiter = new Waiter(POST, BODY_OPEN).open(backend.pool);
    backend.respond(3, [[':status', '413']]);
    expect(waiter.events.at(-1)).toBe('end ');
    expect((await backend.said()).at(-1)).toBe(`3 0 3 ${word(frame.NO_ERROR).toString('latin1')}`);
  });

  test.each<[string, (backend: RawBackend) => void]>([
    ['no :status', (backend) => backend.respond(3, [['server', 's']])],
    [':status 101', (backend) => backend.respond(3, [[':status', '101']])],
    ['a :status that is no number', (backend) => backend.respond(3, [[':status', '2x0']])],
    ['a request pseudo-header', (backend) => backend.respond(3, [...OK, [':path', '/']])],
    ['connection', (backend) => backend.respond(3, [...OK, ['connection', 'close']])],
    ['transfer-encoding', (backend) => backend.respond(3, [...OK, ['transfer-encoding', 'chunked']])],
    ['a value with LF', (backend) => backend.respond(3, [...OK, ['x', 'a\nb']])],
    ['an upper-case name', (backend) => backend.respond(3, [...OK, ['X-A', 'b']])],
    ['a length and no body', (backend) => backend.respond(3, [...OK, ['content-length', '5']])],
    ['a 1xx head that ends the stream', (backend) => backend.respond(3, [[':status', '103']])],
    ['data before the head', (backend) => backend.send(frame.DATA, 0, 3, 'x')],
  ])('with %s fail the stream only', async (_, attack) => {
    const backend = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    const other = new Waiter(GET, BODY_NONE).open(backend.pool);
    attack(backend);
    expect(waiter.events.at(-1)).toMatch(/^failed protocol_error/);
    expect((await backend.said()).at(-1)).toBe(`3 0 3 ${word(frame.PROTOCOL_ERROR).toString('latin1')}`);
    backend.respond(5, OK);
    expect(other.events.at(-1)).toBe('end ');
  });

  test.each([
    ['HEAD', '200'],
    ['GET', '204'],
    ['GET', '304'],
  ])('to %s with status %s have no data, whatever length their head says', async (method, status) => {
    const backend = await opened();
    const [plain, empty] = [0, 1].map(() => new Waiter(GET.replace('GET', method), BODY_NONE).open(backend.pool));
    const head: Array<[string, string]> = [
      [':status', status],
      ['content-length', '7'],
    ];
    backend.respond(3, head, false);
    backend.send(frame.DATA, frame.END_STREAM, 3, 'HTTP/1.');
    expect(plain!.events.slice(1)).toEqual(['failed protocol_error true']);
    backend.respond(5, head, false);
    backend.send(frame.DATA, frame.END_STREAM, 5);
    expect(empty!.events.slice(1)).toEqual(['end ']);
  });

  test('with more or less data than their length fail in the middle', async () => {
    for (const data of ['abcd', 'ab']) {
      const backend = await opened();
      const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
      backend.respond(3, [...OK, ['content-length', '3']], false);
      backend.send(frame.DATA, frame.END_STREAM, 3, data);
      expect(waiter.events.at(-1)).toBe('failed protocol_error true');
      expect(waiter.events.filter((event) => event.startsWith('end'))).toHaveLength(0);
    }
  });
});

describe('the end', () => {
  test('GOAWAY gives back what was not looked at, and what was goes on', async () => {
    const backend = await opened();
    const first = new Waiter(GET, BODY_NONE).open(backend.pool);
    const second = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.send(frame.GOAWAY, 0, 0, word(3, 0));
    expect([first.events, second.events]).toEqual([[], ['failed closed_early false']]);
    const third = new Waiter(GET, BODY_NONE).open(backend.pool);
    await turn();
    expect(backend.driver.opened).toHaveLength(2);
    expect(third.up).not.toBe(null);
    backend.link(0).deliver(Buffer.from('000001010500000003' + '88', 'hex'));
    expect(first.events.at(-1)).toBe('end ');
    expect(backend.link(0).closed).toBe('end');
  });

  test('a refused stream can be sent again, a reset one that was answered cannot', async () => {
    const backend = await opened();
    const refused = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.send(frame.RST_STREAM, 0, 3, word(frame.REFUSED_STREAM));
    const cut = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.respond(5, OK, false);
    backend.send(frame.RST_STREAM, 0, 5, word(frame.INTERNAL_ERROR));
    expect(refused.events).toEqual(['failed closed_early false']);
    expect(cut.events.at(-1)).toBe('failed reset true');
  });

  test('a connection that became too much for its backend takes no more requests', async () => {
    const backend = await opened();
    const underWay = new Waiter(GET, BODY_NONE).open(backend.pool);
    const refused = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.send(frame.RST_STREAM, 0, 5, word(frame.ENHANCE_YOUR_CALM));
    expect(refused.events).toEqual(['failed reset false']);
    const next = new Waiter(GET, BODY_NONE).open(backend.pool);
    await turn();
    expect(backend.driver.opened).toHaveLength(2);
    expect(next.up).not.toBe(null);
    backend.link(0).deliver(Buffer.from('000001010500000003' + '88', 'hex'));
    expect(underWay.events.at(-1)).toBe('end ');
    expect(backend.link(0).closed).toBe('end');
  });

  test('a backend that turns away the first request of a connection is not connected to again', async () => {
    const backend = new RawBackend();
    const refused = new Waiter(GET, BODY_NONE).open(backend.pool);
    await turn();
    backend.send(frame.SETTINGS, 0, 0);
    backend.send(frame.RST_STREAM, 0, 1, word(frame.ENHANCE_YOUR_CALM));
    expect(refused.events).toEqual(['failed reset false']);
    expect(new Waiter(GET, BODY_NONE).open(backend.pool).up).not.toBe(null);
    expect(backend.driver.opened).toHaveLength(1);
  });

  test('of the connection fails every stream', async () => {
    const backend = await opened();
    const waiters = [new Waiter(GET, BODY_NONE).open(backend.pool), new Waiter(GET, BODY_NONE).open(backend.pool)];
    backend.respond(3, OK, false);
    backend.link(0).sink.onClose(undefined);
    expect(waiters.map((waiter) => waiter.events.at(-1))).toEqual([
      'failed closed_early true',
      'failed closed_early false',
    ]);
  });

  test('a connection that is refused, or not opened in time, is told to all that wait', async () => {
    const refused = new RawBackend();
    refused.driver.onConnect = (link) =>
      queueMicrotask(() => link.sink.onClose(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })));
    const waiter = new Waiter(GET, BODY_NONE).open(refused.pool);
    await turn();
    expect(waiter.events).toEqual(['unavailable connect_refused']);
    expect(refused.pool.health.evictedUntil).toBeGreaterThan(0);
    const silent = new RawBackend();
    silent.driver.onConnect = () => undefined;
    const late = new Waiter(GET, BODY_NONE).open(silent.pool);
    silent.now += CONNECT_TIMEOUT + 100;
    silent.wheel.advance();
    expect(late.events).toEqual(['unavailable connect_timeout']);
    expect(silent.link(0).closed).toBe('reset');
  });

  test('a TLS connection that settled on another protocol is refused', async () => {
    const backend = new RawBackend();
    backend.driver.onConnect = (link) => {
      link.tls = { serverName: 'b', alpn: 'http/1.1', version: 'TLSv1.3', cipher: '', peerVerified: true };
      queueMicrotask(() => link.sink.onOpen());
    };
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    await turn();
    expect([waiter.events, backend.link(0).closed]).toEqual([['unavailable protocol_error'], 'reset']);
  });

  test('an idle connection is closed, and so is a retired pool’s', async () => {
    const idle = await opened();
    idle.now += UPSTREAM_IDLE_TIMEOUT + 2000;
    idle.wheel.advance();
    expect(idle.link(0).closed).toBe('end');
    const retired = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(retired.pool);
    retired.pool.retire();
    expect(retired.link(0).closed).toBe('no');
    retired.respond(3, OK);
    expect([waiter.events.at(-1), retired.link(0).closed]).toEqual(['end ', 'end']);
  });

  test('a push is an error of the connection', async () => {
    const backend = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.send(frame.PUSH_PROMISE, 4, 3, Buffer.concat([word(2), block([[':method', 'GET']])]));
    expect(waiter.events).toEqual(['failed protocol_error false']);
    expect(backend.link(0).closed).toBe('end');
  });
});

describe('WebSocket', () => {
  const upgrade =
    'GET /chat HTTP/1.1\r\nHost: b\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

  test('is an extended CONNECT, and its answer a 101', async () => {
    const backend = await opened(setting(8, 1));
    const waiter = new Waiter(upgrade, BODY_TUNNEL).open(backend.pool);
    const [head] = await backend.said();
    expect(head).toMatch(/^HEADERS 4 3 GET \/chat HTTP\/1\.1\|host: b\|connection: upgrade\|upgrade: websocket\|/);
    backend.respond(3, [...OK, ['sec-websocket-protocol', 'chat']], false);
    expect(waiter.events[0]).toBe(
      'head 3 HTTP/1.1 101 Switching Protocols|Connection: upgrade|Upgrade: websocket|Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=|sec-websocket-protocol: chat||',
    );
    sendText(waiter.up!, 'ping');
    backend.send(frame.DATA, frame.END_STREAM, 3, 'pong');
    expect(waiter.events.slice(1)).toEqual(['body pong', 'end ']);
    expect((await backend.said())[0]).toBe('0 0 3 ping');
  });

  test('waits for SETTINGS, and fails where the backend does not take it', async () => {
    const backend = new RawBackend();
    const waiter = new Waiter(upgrade, BODY_TUNNEL).open(backend.pool);
    expect((await backend.said()).filter((line) => line.startsWith('HEADERS'))).toEqual([]);
    backend.send(frame.SETTINGS, 0, 0);
    expect(await backend.said()).toEqual([ACK_FLAGS]);
    expect(waiter.events).toEqual(['failed protocol_error false']);
  });
});
