import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Link } from '../ground/driver.ts';
import type { Arrival } from './relayed-arrival.ts';
import {
  closedPort,
  gone,
  ListPicker,
  listening,
  listenLinks,
  local,
  planTo,
  received,
  relayRig,
  ruleOf,
} from './rig.suite.ts';
import { compileStreamPlan, type StreamPlan } from './stream-plan.ts';

const ARRIVAL: Arrival = { listener: 'ns/gw/tcp', protocol: 'tcp' };
/** More than the kernel's buffers on the way can hold. */
const TOTAL = 64 * 1024 * 1024;
const servers: Array<{ close(): void }> = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function backend(onSocket: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  servers.push(server);
  return listening(server);
}

async function front(rig: ReturnType<typeof relayRig>, plan: StreamPlan | undefined, arrival = ARRIVAL) {
  const { port, server } = await listenLinks((link: Link) => rig.relay.accept(link, plan, arrival));
  servers.push(server);
  return port;
}

function client(port: number): net.Socket {
  return net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
}

describe('a relayed TCP connection', () => {
  it('carries bytes both ways and writes one line of the access log', async () => {
    const rig = relayRig();
    const plan = planTo([await backend((socket) => socket.pipe(socket))]);
    const socket = client(await front(rig, plan));
    socket.write('hello');
    const [echo] = (await once(socket, 'data')) as [Buffer];
    expect(echo.toString()).toBe('hello');
    socket.end();
    expect(await gone(socket)).toBe('');
    const [entry] = await rig.ended(1);
    expect(entry).toMatchObject({
      protocol: 'tcp',
      bytesIn: 5,
      bytesOut: 5,
      attempts: 1,
      reason: '',
      backend: 'ns/db:5432',
    });
    expect(plan.picker.released).toEqual(plan.picker.picked);
    expect(rig.relay.active).toBe(0);
  });

  it('passes the end of one direction on while the other goes on', async () => {
    const rig = relayRig();
    const port = await backend((socket) => {
      void received(socket).then((all) => {
        socket.write('you said: ');
        socket.end(all);
      });
    });
    const socket = client(await front(rig, planTo([port])));
    socket.end('all of it');
    expect(await received(socket)).toBe('you said: all of it');
    expect((await rig.ended(1))[0]).toMatchObject({ reason: '', bytesIn: 9, bytesOut: 19 });
  });

  it('passes an end that the backend sends first', async () => {
    const rig = relayRig();
    let heard: Promise<string> | undefined;
    const port = await backend((socket) => {
      socket.end('greeting');
      heard = received(socket);
    });
    const socket = client(await front(rig, planTo([port])));
    expect(await received(socket)).toBe('greeting');
    socket.end('still heard');
    await rig.ended(1);
    expect(await heard).toBe('still heard');
  });

  it('carries many megabytes unchanged', async () => {
    const rig = relayRig();
    const data = Buffer.alloc(8 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz0123456789-');
    const port = await backend((socket) => socket.pipe(socket));
    const socket = client(await front(rig, planTo([port])));
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.end(data);
    await once(socket, 'end');
    expect(Buffer.concat(parts).equals(data)).toBe(true);
  });

  it('stops reading the backend while the client does not read', async () => {
    const rig = relayRig();
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const stalled = Promise.withResolvers<void>();
    const port = await backend((socket) => {
      const more = () => {
        let room = true;
        while (room && sent < TOTAL) {
          room = socket.write(chunk);
          sent += chunk.length;
        }
        if (sent === TOTAL) socket.end();
      };
      socket.on('drain', more);
      more();
    });
    let link: Link | undefined;
    const { port: entry, server } = await listenLinks((accepted) => {
      link = accepted;
      rig.relay.accept(accepted, planTo([port]), ARRIVAL);
    });
    servers.push(server);
    const socket = client(entry).pause();
    // Nothing moves any more when a look later shows the same count: kernel buffers are full.
    let before = -1;
    const look = setInterval(() => {
      if (before === sent && sent > 0 && link !== undefined && link.pending > 0) stalled.resolve();
      before = sent;
    }, 50);
    await stalled.promise;
    clearInterval(look);
    expect(sent).toBeLessThan(TOTAL);
    expect(link!.pending).toBeLessThanOrEqual(192 * 1024);
    expect((await received(socket)).length).toBe(TOTAL);
    socket.end();
    await rig.ended(1);
  });

  it('resets the backend where the client is reset', async () => {
    const rig = relayRig();
    const failed = Promise.withResolvers<Error>();
    const port = await backend((socket) => {
      socket.on('error', failed.resolve).on('close', () => failed.resolve(new Error('closed')));
      socket.write('x');
    });
    const socket = client(await front(rig, planTo([port])));
    await once(socket, 'data');
    socket.resetAndDestroy();
    expect(await failed.promise).toBeInstanceOf(Error);
    expect((await rig.ended(1))[0]!.reason).toBe('client_reset');
  });
});

describe('choosing where a connection goes', () => {
  it('tries the next endpoint where one refuses', async () => {
    const rig = relayRig();
    const good = await backend((socket) => socket.end('hello'));
    const plan = planTo([await closedPort(), good]);
    expect(await received(client(await front(rig, plan)).end())).toBe('hello');
    expect((await rig.ended(1))[0]).toMatchObject({ attempts: 2, endpoint: `127.0.0.1:${good}`, reason: '' });
    expect(plan.picker.released.length).toBe(2);
  });

  it('gives up after as many attempts as the limit says', async () => {
    const rig = relayRig({ connectAttempts: 2 });
    const closed = [await closedPort(), await closedPort(), await closedPort()];
    const socket = client(await front(rig, planTo(closed)));
    expect(await gone(socket)).toBe('ECONNRESET');
    expect((await rig.ended(1))[0]).toMatchObject({ attempts: 2, reason: 'connect_refused' });
  });

  it('divides connections by weight exactly', async () => {
    const rig = relayRig();
    const ports = [await backend((socket) => socket.end('a')), await backend((socket) => socket.end('b'))];
    const rule = ruleOf({
      route: { kind: 'TCPRoute', namespace: 'ns', name: 'db' },
      backends: [
        { backend: 'ns/a:1', weight: 3, filters: [] },
        { backend: 'ns/b:1', weight: 1, filters: [] },
      ],
    });
    const pickers = ports.map((port) => new ListPicker([local(port)]));
    const plan = compileStreamPlan(rule, 'ns/gw/tcp', (key) => ({ key, picker: pickers[key === 'ns/a:1' ? 0 : 1]! }));
    const port = await front(rig, plan);
    let answers = '';
    for (let i = 0; i < 40; i++) answers += await received(client(port).end());
    expect([...answers].filter((answer) => answer === 'a').length).toBe(30);
    await rig.ended(40);
  });

  it.each([
    ['a rule without backends', planTo([]), 'no_endpoint'],
    ['a reference that does not resolve', { ...planTo([]), next: () => undefined }, 'no_backend'],
    ['no rule', undefined, 'no_route'],
  ])('closes the connection with %s', async (_name, plan, reason) => {
    const rig = relayRig();
    const socket = client(await front(rig, plan));
    expect(await gone(socket)).toBe('ECONNRESET');
    expect((await rig.ended(1))[0]!.reason).toBe(reason);
  });

  it('says farewell where it was given one', async () => {
    const rig = relayRig();
    const socket = client(await front(rig, planTo([]), { ...ARRIVAL, farewell: Buffer.from('sorry') }));
    expect(await received(socket.end())).toBe('sorry');
  });

  it('sends a PROXY header before anything else', async () => {
    const rig = relayRig();
    const port = await backend((socket) => socket.pipe(socket));
    const entry = await front(rig, planTo([port], { proxyProtocol: 1 }), {
      ...ARRIVAL,
      firstBytes: Buffer.from('one '),
    });
    const socket = client(entry);
    await once(socket, 'connect');
    const { localPort } = socket;
    socket.end('two');
    expect(await received(socket)).toBe(`PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${entry}\r\none two`);
  });
});

describe('limits of relayed connections', () => {
  it('resets a connection on which nothing moves for the idle timeout', async () => {
    const rig = relayRig({ idleTimeout: 60_000 });
    const port = await backend((socket) => socket.pipe(socket));
    const socket = client(await front(rig, planTo([port])));
    for (let i = 0; i < 3; i++) {
      socket.write('x');
      await once(socket, 'data');
      rig.time.pass(59_000);
    }
    expect(rig.relay.active).toBe(1);
    rig.time.pass(1_100);
    expect(await gone(socket)).toBe('ECONNRESET');
    expect((await rig.ended(1))[0]!.reason).toBe('idle_timeout');
  });

  it('waits less for the other side once one has ended', async () => {
    const rig = relayRig({ idleTimeout: 60_000, halfCloseTimeout: 5_000 });
    const port = await backend((socket) => socket.on('end', () => socket.write('bye')).resume());
    const socket = client(await front(rig, planTo([port]))).end();
    await once(socket, 'data');
    rig.time.pass(5_100);
    expect((await rig.ended(1))[0]!.reason).toBe('idle_timeout');
  });

  it('gives up an attempt to connect that takes too long, and tries the next endpoint', async () => {
    const rig = relayRig({ connectTimeout: 1_000 });
    const good = await backend((socket) => socket.end('hello'));
    const plan = planTo([await closedPort(), good]);
    const connect = rig.driver.connect.bind(rig.driver);
    const attempts: number[] = [];
    const silent = Promise.withResolvers<void>();
    rig.driver.connect = (target, sink) => {
      attempts.push(target.port);
      const link = connect(attempts.length === 1 ? { ...target, port: good } : target, sink);
      if (attempts.length === 1) {
        link.sink = { onBytes() {}, onEnd() {}, onDrain() {}, onClose() {}, onOpen() {} };
        silent.resolve();
      }
      return link;
    };
    const socket = client(await front(rig, plan));
    await silent.promise;
    rig.time.pass(1_100);
    expect(await received(socket.end())).toBe('hello');
    expect((await rig.ended(1))[0]).toMatchObject({ attempts: 2, reason: '' });
  });

  it('resets the connection above the cap and keeps the others', async () => {
    const rig = relayRig({ maxConnections: 1 });
    const port = await backend((socket) => socket.pipe(socket));
    const entry = await front(rig, planTo([port]));
    const first = client(entry);
    first.write('x');
    await once(first, 'data');
    const second = client(entry);
    expect(await gone(second)).toBe('ECONNRESET');
    expect((await rig.ended(1))[0]!.reason).toBe('limit');
    first.write('y');
    await once(first, 'data');
    first.destroy();
    await rig.ended(2);
  });

  it('drains: refuses new connections and waits for those under way', async () => {
    const rig = relayRig();
    const port = await backend((socket) => socket.pipe(socket));
    const entry = await front(rig, planTo([port]));
    const first = client(entry);
    first.write('x');
    await once(first, 'data');
    const drained = rig.live.drain(60_000);
    expect(await gone(client(entry))).toBe('ECONNRESET');
    first.end();
    await drained;
    expect(rig.entries.map((entry) => entry.reason)).toEqual(['drained', '']);
  });

  it('resets what is left when the time to drain is over', async () => {
    const rig = relayRig();
    const port = await backend((socket) => socket.pipe(socket));
    const first = client(await front(rig, planTo([port])));
    first.write('x');
    await once(first, 'data');
    await rig.live.drain(1);
    expect(rig.entries[0]!.reason).toBe('drained');
  });
});
