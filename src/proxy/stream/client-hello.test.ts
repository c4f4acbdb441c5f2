import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { selfSigned } from './certificate.suite.ts';
import { HelloReader, MAX_HELLO_BYTES } from './client-hello.ts';
import { extension, handmadeHello, records, serverNameExtension } from './hello.suite.ts';
import type { HelloOutcome } from './hello-outcome.ts';

function read(bytes: Buffer, cuts: number[] = [], limit = MAX_HELLO_BYTES): HelloOutcome {
  const reader = new HelloReader(limit);
  let outcome: HelloOutcome = { kind: 'incomplete' };
  const ends = [...new Set(cuts.filter((cut) => cut < bytes.length))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    outcome = reader.push(bytes, start, end);
    start = end;
  }
  expect(reader.bytes.equals(bytes)).toBe(true);
  return outcome;
}

/** What a client sends first, taken from a real socket. */
async function captured(start: (port: number) => void): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  start((server.address() as AddressInfo).port);
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const parts: Buffer[] = [];
  while (read(Buffer.concat(parts)).kind === 'incomplete') parts.push(((await once(socket, 'data')) as [Buffer])[0]);
  socket.destroy();
  server.close();
  return Buffer.concat(parts);
}

function nodeHello(options: tls.ConnectionOptions): Promise<Buffer> {
  return captured((port) => tls.connect({ port, host: '127.0.0.1', ...options }).on('error', () => {}));
}

function opensslHello(args: string[]): Promise<Buffer> {
  return captured((port) => {
    spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args], { stdio: 'ignore' });
  });
}

describe('a ClientHello of a real client', () => {
  it('gives the server name and ALPN of node:tls', async () => {
    const hello = await nodeHello({ servername: 'App.Example.com', ALPNProtocols: ['h2', 'http/1.1'] });
    expect(read(hello)).toEqual({ kind: 'hello', serverName: 'app.example.com', alpn: ['h2', 'http/1.1'] });
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('gives what node:tls offers to resume with %s', async (version) => {
    const options = { maxVersion: version, minVersion: version, servername: 'a.example' };
    const ticketKeys = Buffer.alloc(48, 'n');
    const server = tls.createServer({ ...(await selfSigned('a.example')), ticketKeys }, (socket) => socket.end('x'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = tls.connect({ ...options, port, host: '127.0.0.1', rejectUnauthorized: false }).resume();
    const [session] = (await once(client, 'session')) as [Buffer];
    client.destroy();
    server.close();
    const fresh = read(await nodeHello(options));
    expect(fresh.kind === 'hello' && fresh.tickets).toBeUndefined();
    const offers = read(await nodeHello({ ...options, session }));
    expect(offers.kind === 'hello' && offers.tickets?.includes(ticketKeys.subarray(0, 16))).toBe(true);
  });

  it('gives empty answers where node:tls sends neither', async () => {
    expect(read(await nodeHello({}))).toEqual({ kind: 'hello', serverName: '', alpn: [] });
  });

  it.each([
    [['-servername', 'db.example.com', '-alpn', 'h2'], 'db.example.com', ['h2']],
    [['-noservername'], '', []],
    [['-tls1_2', '-servername', 'old.example.com'], 'old.example.com', []],
  ] as const)('reads openssl s_client %j', async (args, serverName, alpn) => {
    expect(read(await opensslHello([...args]))).toEqual({ kind: 'hello', serverName, alpn });
  });

  it('is the same however it is cut into reads and records', async () => {
    const hello = await nodeHello({ servername: 'a.example.com', ALPNProtocols: ['h2'] });
    const message = hello.subarray(5);
    const whole = read(hello);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: message.length }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: hello.length + 60 }), { maxLength: 40 }),
        (sizes, cuts) => {
          expect(read(records(message, sizes), cuts)).toEqual(whole);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is incomplete until its last byte', async () => {
    const hello = await nodeHello({ servername: 'a.example.com' });
    for (let end = 0; end < hello.length; end++) expect(read(hello.subarray(0, end)).kind).toBe('incomplete');
  });
});

describe('a handmade ClientHello', () => {
  it('may carry GREASE, ECH and extensions nobody knows', () => {
    const grease = extension(0x0a0a, Buffer.alloc(0));
    const ech = extension(0xfe0d, Buffer.alloc(300, 1));
    const hello = handmadeHello([
      grease,
      ech,
      serverNameExtension('outer.example.com'),
      extension(0xfafa, Buffer.of(0)),
    ]);
    expect(read(records(hello))).toEqual({ kind: 'hello', serverName: 'outer.example.com', alpn: [] });
  });

  it('may have no extensions at all', () => {
    expect(read(records(handmadeHello(undefined)))).toEqual({ kind: 'hello', serverName: '', alpn: [] });
  });

  it('may be followed by other bytes in the same read', () => {
    const hello = records(handmadeHello([serverNameExtension('a.example.com')]));
    expect(read(Buffer.concat([hello, Buffer.from('early data')])).kind).toBe('hello');
  });

  it('may fill many records up to the limit', () => {
    const big = handmadeHello([extension(0x1234, Buffer.alloc(60_000)), serverNameExtension('big.example.com')]);
    expect(read(records(big, [16_000]))).toEqual({ kind: 'hello', serverName: 'big.example.com', alpn: [] });
  });
});

describe('bytes that are no ClientHello', () => {
  const name = (bytes: Buffer | string) => records(handmadeHello([serverNameExtension(bytes)]));
  const good = handmadeHello([serverNameExtension('a.example.com')]);
  const list = (...entries: Buffer[]) => {
    const all = Buffer.concat(entries);
    return extension(0, Buffer.concat([Buffer.of(all.length >> 8, all.length & 255), all]));
  };
  const entry = (type: number, text: string) => Buffer.concat([Buffer.of(type, 0, text.length), Buffer.from(text)]);

  it.each<[string, Buffer, HelloOutcome['kind']]>([
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\n'), 'not-tls'],
    ['an SSLv2 hello', Buffer.of(0x80, 0x2e, 1), 'not-tls'],
    ['an alert first', Buffer.of(21, 3, 3, 0, 2, 2, 40), 'not-tls'],
    ['a record version 2.x', Buffer.of(22, 2, 0), 'malformed'],
    ['an empty record', Buffer.of(22, 3, 1, 0, 0), 'malformed'],
    ['a record above 2^14', Buffer.of(22, 3, 1, 0x40, 1), 'malformed'],
    ['a ServerHello', records(Buffer.of(2, 0, 0, 0)), 'malformed'],
    ['another record in the middle', Buffer.concat([records(good.subarray(0, 30)), Buffer.of(20, 3, 3)]), 'malformed'],
    ['a hello longer than the limit', records(Buffer.of(1, 1, 0, 0)), 'too-large'],
    ['a hello of no length', records(Buffer.of(1, 0, 0, 0)), 'malformed'],
    ['a hello cut off by its own length', records(shortened(good)), 'malformed'],
    ['an empty name', name(''), 'malformed'],
    ['a name with a NUL', name('a.example.com\0.evil.com'), 'malformed'],
    ['a name with a space', name('a b'), 'malformed'],
    ['a name that ends with two dots', name('a.example.com..'), 'malformed'],
    ['a name of a dot', name('.'), 'malformed'],
    ['a name with an empty label', name('a..example.com'), 'malformed'],
    ['a label of 64 characters', name(`${'a'.repeat(64)}.com`), 'malformed'],
    ['a name that is too long', name(`${'abcdefg.'.repeat(32)}com`), 'malformed'],
    ['a name of another type', records(handmadeHello([list(entry(1, 'a.example.com'))])), 'malformed'],
    ['two names', records(handmadeHello([list(entry(0, 'a.com'), entry(0, 'b.com'))])), 'malformed'],
    ['no name in the list', records(handmadeHello([list()])), 'malformed'],
    ['two name extensions', records(handmadeHello([serverNameExtension('a'), serverNameExtension('b')])), 'malformed'],
    ['an empty ALPN list', records(handmadeHello([extension(16, Buffer.of(0, 0))])), 'malformed'],
    ['an empty ALPN name', records(handmadeHello([extension(16, Buffer.of(0, 1, 0))])), 'malformed'],
  ])('refuses %s', (_what, bytes, kind) => {
    expect(read(bytes).kind).toBe(kind);
    expect(
      read(
        bytes,
        Array.from(bytes, (_, i) => i),
      ).kind,
    ).toBe(kind);
  });

  it('says whether it looks like HTTP', () => {
    expect(read(Buffer.from('GET /'))).toEqual({ kind: 'not-tls', http: true });
    expect(read(Buffer.of(0))).toEqual({ kind: 'not-tls', http: false });
  });

  it('gives up at the limit where records of one byte each make up no hello', () => {
    const reader = new HelloReader(1024);
    const drip = records(Buffer.concat([Buffer.of(1, 0, 3, 0xf0), Buffer.alloc(1000)]), [1]);
    let outcome: HelloOutcome = { kind: 'incomplete' };
    let read = 0;
    while (outcome.kind === 'incomplete') outcome = reader.push(drip, read, ++read);
    expect(outcome.kind).toBe('too-large');
    expect(read).toBe(1024);
  });

  it('never throws, whatever the bytes and cuts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(400)), (body, cuts) => {
        const message = Buffer.concat([Buffer.of(1, 0, body.length >> 8, body.length & 255), body]);
        const bytes = records(message);
        expect(read(bytes, cuts)).toEqual(read(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses or reads a real hello with any one byte changed', () => {
    for (let i = 0; i < good.length; i++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = Buffer.from(good);
        changed[i] = value;
        expect(['hello', 'malformed', 'incomplete', 'too-large']).toContain(read(records(changed)).kind);
      }
    }
  });
});

/** The same message with a body one byte shorter than its vectors say. */
function shortened(message: Buffer): Buffer {
  const cut = Buffer.from(message.subarray(0, -1));
  cut.writeUIntBE(cut.length - 4, 1, 3);
  return cut;
}
