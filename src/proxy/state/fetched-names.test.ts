/** Names of servers that only the machine knows, as short names of a cluster are, beside backends whose names nobody answers for. */
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { resolveName } from '../names/index.ts';
import { selfSigned } from '../stream/certificate.suite.ts';
import { fetchingInTurn } from './fetch-turns.ts';

vi.mock('node:dns/promises', async (original) => {
  type Module = typeof import('node:dns/promises');
  const real = await original<Module & { default: Module }>();
  const nobody = () => Promise.reject(Object.assign(new Error('ENOTFOUND'), { code: real.default.NOTFOUND }));
  const lookup = (name: string) =>
    name === 'keys' ? Promise.resolve([{ address: '127.0.0.1', family: 4 }]) : new Promise(() => {});
  return { ...real, lookup, default: { ...real.default, resolve4: nobody, resolve6: nobody } };
});

test('keys are fetched while a backend’s name is looked up for ever', async () => {
  const pair = await selfSigned('keys');
  const server = https.createServer(pair, (_, answer) => answer.end('{"keys":[]}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  void resolveName('silent.evil.example', { tenant: 'evil', isWaiting: () => true });
  const url = `https://keys:${(server.address() as AddressInfo).port}/keys`;
  try {
    expect(await fetchingInTurn(() => undefined)({ url, ca: pair.cert.toString() }, 'shop')).toBe('{"keys":[]}');
  } finally {
    server.close();
  }
});
