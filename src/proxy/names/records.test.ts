import dgram from 'node:dgram';
import { promises as dns } from 'node:dns';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { MachineNames } from './machine-names.ts';
import { OTHER_FAMILY_PATIENCE, resolveName } from './records.ts';

const A = 1;
const AAAA = 28;
const open: dgram.Socket[] = [];
const owed = new Set<NodeJS.Timeout>();
afterEach(() => {
  // An answer that nobody waits for any more.
  for (const timer of owed) clearTimeout(timer);
  owed.clear();
  for (const socket of open.splice(0)) socket.close();
});

/** A server on loopback that answers questions of a family by so many milliseconds, or never. */
async function server(delays: { four?: number; six?: number }) {
  const socket = dgram.createSocket('udp4');
  open.push(socket);
  socket.on('message', (question, { port, address }) => {
    let at = 12;
    while (question[at] !== 0) at += question[at]! + 1;
    const end = at + 5;
    const type = question.readUInt16BE(at + 1);
    const delay = type === A ? delays.four : type === AAAA ? delays.six : undefined;
    if (delay === undefined) return;
    const data = type === A ? Buffer.from([192, 0, 2, 1]) : Buffer.from('20010db8000000000000000000000001', 'hex');
    const answer = Buffer.concat([question.subarray(0, end), Buffer.alloc(12), data]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(1, 6);
    answer.fill(0, 8, 12);
    answer.writeUInt16BE(0xc00c, end);
    answer.writeUInt16BE(type, end + 2);
    answer.writeUInt16BE(1, end + 4);
    answer.writeUInt32BE(60, end + 6);
    answer.writeUInt16BE(data.length, end + 10);
    owed.add(setTimeout(() => socket.send(answer, port, address), delay));
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const resolver = new dns.Resolver({ timeout: 2_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return resolver;
}

const asker = { tenant: 'shop', isWaiting: () => true };
const nobody = new MachineNames(() => Promise.reject(new Error('ENOTFOUND')));

test('a server that drops questions for IPv6 costs a moment, and its silence says nothing of that family', async () => {
  const resolver = await server({ four: 0 });
  const began = performance.now();
  const found = await resolveName('x.example', asker, { resolver, machine: nobody });
  expect(performance.now() - began).toBeLessThan(4 * OTHER_FAMILY_PATIENCE);
  expect(found).toMatchObject({ addresses: ['192.0.2.1'], ttl: 60, silent: 6 });
  expect(await found.later).toBeNull();
});

test('and the other way round', async () => {
  const found = await resolveName('x.example', asker, { resolver: await server({ six: 0 }), machine: nobody });
  expect(found).toMatchObject({ addresses: ['2001:db8::1'], silent: 4 });
});

test('the family that is late joins', async () => {
  const resolver = await server({ four: 0, six: 3 * OTHER_FAMILY_PATIENCE });
  const found = await resolveName('x.example', asker, { resolver, machine: nobody });
  expect(found).toMatchObject({ addresses: ['192.0.2.1'], silent: 6 });
  expect(await found.later).toEqual({ addresses: ['2001:db8::1'], ttl: 60 });
});

test('both that come in time come together', async () => {
  const resolver = await server({ four: 0, six: 20 });
  const found = await resolveName('x.example', asker, { resolver, machine: nobody });
  expect(found).toEqual({ addresses: ['192.0.2.1', '2001:db8::1'], ttl: 60 });
});

test('where the server is silent the machine is asked before its patience ends', async () => {
  const machine = new MachineNames(async () => [{ address: '192.0.2.7', family: 4 }]);
  const found = await resolveName('x.example', asker, { resolver: await server({}), machine });
  expect(found.addresses).toEqual(['192.0.2.7']);
  const rejected = resolveName('x.example', asker, { resolver: await server({}), machine: nobody });
  await expect(rejected).rejects.toThrow('ENOTFOUND');
});

test('records that come late are taken though the machine never ends', async () => {
  const machine = new MachineNames(() => new Promise(() => {}));
  const resolver = await server({ four: 2 * OTHER_FAMILY_PATIENCE, six: 2 * OTHER_FAMILY_PATIENCE });
  const found = await resolveName('x.example', asker, { resolver, machine });
  expect(found.addresses).toContain('192.0.2.1');
});
