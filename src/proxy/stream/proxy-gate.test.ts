import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ProxyGate } from './proxy-gate.ts';
import type { ProxyAddresses } from './proxy-outcome.ts';
import { encodeV2 } from './proxy-protocol.ts';
import { gone, listening, listenLinks, planTo, received, relayRig } from './rig.suite.ts';
import type { StreamLimits } from './stream-limits.ts';

const servers: Array<{ close(): void }> = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const ADDRESSES: ProxyAddresses = {
  source: { address: '192.0.2.1', port: 56324 },
  destination: { address: '198.51.100.2', port: 443 },
};

/** A gate before a relay to an echo. */
async function start(limits: Partial<StreamLimits> = {}, optional = false) {
  const backend = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  servers.push(backend);
  const rig = relayRig(limits);
  const plan = planTo([await listening(backend)], { proxyProtocol: 1 });
  const gate = new ProxyGate({
    ...rig,
    name: '*:5432',
    optional,
    pass: (link, addresses, firstBytes) => {
      const more = addresses === undefined ? {} : { addresses };
      rig.relay.accept(link, plan, { listener: 'ns/gw/tcp', protocol: 'tcp', firstBytes, ...more });
    },
  });
  const { port, server } = await listenLinks((link) => gate.accept(link));
  servers.push(server);
  return { rig, gate, port };
}

describe('a PROXY header before a connection', () => {
  it('says who the client is, and the rest is the connection', async () => {
    const { rig, port, gate } = await start();
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(Buffer.concat([encodeV2(ADDRESSES, { checksum: true }), Buffer.from('hello')]));
    socket.end();
    expect(await received(socket)).toBe('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello');
    expect((await rig.ended(1))[0]).toMatchObject({ client: '192.0.2.1', bytesIn: 5 });
    expect(gate.waiting).toBe(0);
  });

  it('may come byte by byte', async () => {
    const { port } = await start();
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).setNoDelay(true);
    for (const byte of encodeV2(ADDRESSES))
      await new Promise<void>((sent) => socket.write(Buffer.of(byte), () => sent()));
    socket.end('late');
    expect(await received(socket)).toMatch(/late$/);
  });

  it('may be of the sender itself: then the link says who it is', async () => {
    const { rig, port } = await start();
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end('PROXY UNKNOWN\r\nhello');
    expect(await received(socket)).toMatch(/^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\nhello$/);
    expect((await rig.ended(1))[0]!.client).toBe('127.0.0.1');
  });

  it('is not missed silently', async () => {
    const { port, gate } = await start();
    const socket = net.connect(port, '127.0.0.1');
    socket.write('SELECT 1');
    expect(await gone(socket)).toBe('ECONNRESET');
    expect(gate.waiting).toBe(0);
  });

  it('is waited for as long as the limit says, by as many connections as the limit says', async () => {
    const { rig, port, gate } = await start({ proxyHeaderTimeout: 1_000, maxPeeking: 1 });
    const first = net.connect(port, '127.0.0.1');
    await once(first, 'connect');
    await expect.poll(() => gate.waiting).toBe(1);
    expect(await gone(net.connect(port, '127.0.0.1'))).toBe('ECONNRESET');
    rig.time.pass(1_100);
    expect(await gone(first)).toBe('ECONNRESET');
    expect(gate.waiting).toBe(0);
  });

  it('is given up where the client leaves first', async () => {
    const { port, gate } = await start();
    const socket = net.connect(port, '127.0.0.1');
    socket.write('PROXY');
    await expect.poll(() => gate.waiting).toBe(1);
    const left = gone(socket);
    socket.end();
    await expect.poll(() => gate.waiting).toBe(0);
    await left;
  });
});

describe('a PROXY header that need not come', () => {
  it('is read where it comes', async () => {
    const { rig, port } = await start({}, true);
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end(Buffer.concat([encodeV2(ADDRESSES), Buffer.from('hello')]));
    expect(await received(socket)).toMatch(/hello$/);
    expect((await rig.ended(1))[0]!.client).toBe('192.0.2.1');
  });

  it.each(['SELECT 1', 'PROPFIND / HTTP/1.1', '\r\n\r\nGET', 'P'])('is not taken for what %j begins', async (text) => {
    const { rig, port } = await start({}, true);
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    // One letter could still become a header: the next one tells.
    socket.write(text);
    socket.end('!');
    expect((await received(socket)).endsWith(`${text}!`)).toBe(true);
    expect((await rig.ended(1))[0]!.client).toBe('127.0.0.1');
  });

  it('must be right where it comes', async () => {
    const { port } = await start({}, true);
    const socket = net.connect(port, '127.0.0.1');
    socket.write('PROXY TCP4 one two\r\n');
    expect(await gone(socket)).toBe('ECONNRESET');
  });

  it('is waited for where the client says nothing, and then the connection goes on', async () => {
    const { rig, port, gate } = await start({ proxyHeaderTimeout: 1_000 }, true);
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    await expect.poll(() => gate.waiting).toBe(1);
    rig.time.pass(1_100);
    expect(gate.waiting).toBe(0);
    socket.end('late');
    expect(await received(socket)).toMatch(/late$/);
  });

  it('that stops half way is refused', async () => {
    const { rig, port, gate } = await start({ proxyHeaderTimeout: 1_000 }, true);
    const socket = net.connect(port, '127.0.0.1');
    socket.write('PROXY TCP4 ');
    await expect.poll(() => gate.waiting).toBe(1);
    await expect.poll(() => rig.time.pass(1_100) ?? gate.waiting).toBe(0);
    expect(await gone(socket)).toBe('ECONNRESET');
  });
});
