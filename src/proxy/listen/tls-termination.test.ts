import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { newTicketSecret, TICKET_ROTATION_INTERVAL, ticketSecretAt } from '../../value/ticket-secret.ts';
import { DrainSet } from '../ground/drain.ts';
import { selfSigned } from '../stream/certificate.suite.ts';
import { HelloReader } from '../stream/client-hello.ts';
import { TicketKeys } from './ticket-keys.ts';
import { type TlsContext, TlsContexts } from './tls-contexts.ts';
import { TlsTermination } from './tls-termination.ts';

let pair: { cert: Buffer; key: Buffer };
const servers: net.Server[] = [];
beforeAll(async () => {
  pair = await selfSigned('a.example');
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function contexts(clients: TlsContext['clients'] = 'ignore'): TlsContexts {
  const options = { cert: pair.cert.toString(), key: pair.key.toString() };
  const presented = { options };
  return new TlsContexts([{ hostname: undefined, clients, profile: 'Intermediate', present: () => presented }]);
}

function newKeys(clock?: () => number): TicketKeys {
  return new TicketKeys(newTicketSecret(clock?.()), clock);
}

/** As ports do: the hello is read, and put back. */
function lookAt(socket: net.Socket, termination: TlsTermination): void {
  const reader = new HelloReader();
  socket.on('data', function take(chunk: Buffer) {
    const hello = reader.push(chunk, 0, chunk.length);
    if (hello.kind !== 'hello') return;
    socket.off('data', take).pause();
    socket.unshift(reader.bytes);
    termination.accept(socket, 'a.example', hello.tickets ?? null);
  });
}

/** A port of one process. */
async function serve(ticketKeys: TicketKeys, clients?: TlsContext['clients'], looks = false) {
  const termination = new TlsTermination(contexts(clients), {
    alpn: undefined,
    ticketKeys,
    live: new DrainSet(),
    drainTimeout: 1_000,
    onSecure: (socket) => socket.end('hello'),
    onFailed: () => {},
  });
  const server = net.createServer({ allowHalfOpen: true }, (socket) =>
    looks ? lookAt(socket, termination) : termination.accept(socket, 'a.example'),
  );
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { termination, port: (server.address() as AddressInfo).port };
}

async function visit(
  port: number,
  session?: Buffer,
  maxVersion: tls.SecureVersion = 'TLSv1.3',
): Promise<{ reused: boolean; session: Buffer | undefined }> {
  const options = { port, host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false };
  const socket = tls.connect({ ...options, session, maxVersion });
  let given: Buffer | undefined;
  socket.on('session', (fresh: Buffer) => {
    given = fresh;
  });
  let reused = false;
  socket.on('secureConnect', () => {
    reused = socket.isSessionReused();
    // Of a ticket that is renewed Node says nothing before TLS 1.3.
    if (maxVersion === 'TLSv1.2') given = socket.getSession();
  });
  socket.resume();
  await once(socket, 'close');
  return { reused, session: given };
}

test('a session is resumed by another process with the same keys, and by none with others', async () => {
  const keys = newKeys();
  const [first, second, stranger] = await Promise.all([serve(keys), serve(keys), serve(newKeys())]);
  const { session } = await visit(first.port);
  expect((await visit(second.port, session)).reused).toBe(true);
  expect((await visit(stranger.port, session)).reused).toBe(false);
});

test('a swap of certificates keeps the keys', async () => {
  const { termination, port } = await serve(newKeys());
  const { session } = await visit(port);
  termination.prepare(contexts())();
  expect((await visit(port, session)).reused).toBe(true);
});

test('no session is resumed where clients are asked for certificates', async () => {
  const keys = newKeys();
  const [open, asking] = await Promise.all([serve(keys), serve(keys, 'request')]);
  const { session } = await visit(open.port);
  expect((await visit(asking.port, session)).reused).toBe(false);
  const own = await visit(asking.port);
  expect((await visit(asking.port, own.session)).reused).toBe(false);
  open.termination.prepare(contexts('request'))();
  expect((await visit(open.port, session)).reused).toBe(false);
});

/** With a certificate for names only, so that a name leads to another context than the server's own. */
function named(): TlsContexts {
  const options = { cert: pair.cert.toString(), key: pair.key.toString() };
  const presented = { options };
  return new TlsContexts([
    { hostname: 'a.example', clients: 'ignore', profile: 'Intermediate', present: () => presented },
  ]);
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  '%s: keys rotate; sessions live over one rotation and not over two',
  async (version) => {
    for (const [own, looks] of [true, false].flatMap((one) => [[one, true] as const, [one, false] as const])) {
      let now = Date.now();
      const clock = (): number => now;
      const secret = newTicketSecret(now);
      // Another process of the same run, which was told the same secret.
      const [keys, others] = [new TicketKeys(secret, clock), new TicketKeys(secret, clock)];
      const [{ termination, port }, second] = await Promise.all([
        serve(keys, undefined, looks),
        serve(others, undefined, looks),
      ]);
      if (!own) for (const one of [termination, second.termination]) one.prepare(named())();
      const { session } = await visit(port, undefined, version);
      now += TICKET_ROTATION_INTERVAL;
      const renewed = await visit(second.port, session, version);
      expect(renewed.reused).toBe(true);
      now += TICKET_ROTATION_INTERVAL;
      expect((await visit(second.port, session, version)).reused).toBe(false);
      // Whoever resumed was given a ticket of the new keys.
      expect((await visit(port, renewed.session, version)).reused).toBe(true);
    }
  },
);

test('what a secret was cannot be told from what it is, and what it becomes can', () => {
  const first = newTicketSecret(0);
  const next = ticketSecretAt(first, TICKET_ROTATION_INTERVAL);
  expect(ticketSecretAt(first, TICKET_ROTATION_INTERVAL - 1)).toBe(first);
  expect(next.secret).not.toBe(first.secret);
  expect(ticketSecretAt(next, 3 * TICKET_ROTATION_INTERVAL)).toEqual(
    ticketSecretAt(first, 3 * TICKET_ROTATION_INTERVAL),
  );
  expect(ticketSecretAt(next, 0)).toBe(next);
});

test('this process is asked for keys only where those before are needed, which Node does not know', async () => {
  let now = Date.now();
  const keys = newKeys(() => now);
  const before = keys.current();
  const [old, unknown] = [
    Buffer.concat([Buffer.alloc(6), before.subarray(0, 16), Buffer.alloc(90)]),
    Buffer.alloc(112),
  ];
  expect([null, undefined, old].map((tickets) => keys.neededFor(tickets))).toEqual(['current', 'current', 'current']);
  now += TICKET_ROTATION_INTERVAL;
  expect(keys.neededFor(null)).toBe('current');
  expect(keys.neededFor(unknown)).toBe('current');
  expect(keys.neededFor(Buffer.concat([Buffer.alloc(6), keys.current()]))).toBe('current');
  expect(keys.neededFor(old)).toBe('all');
  expect(keys.neededFor(undefined)).toBe('all');
  now += TICKET_ROTATION_INTERVAL;
  expect(keys.neededFor(old)).toBe('current');
});

test('a context that Node makes tickets with is given the keys of now once they have changed', async () => {
  let now = Date.now();
  const keys = newKeys(() => now);
  const given: Buffer[] = [];
  const secure = { context: { setTicketKeys: (some: Buffer) => given.push(some) } } as unknown as tls.SecureContext;
  for (let i = 0; i < 3; i++) keys.give(secure);
  now += TICKET_ROTATION_INTERVAL;
  for (let i = 0; i < 3; i++) keys.give(secure);
  expect(given).toHaveLength(2);
  expect(given[1]!.equals(given[0]!)).toBe(false);
  expect(given[1]!.equals(keys.current())).toBe(true);
});
