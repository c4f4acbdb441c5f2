/** A gateway that ends while somebody signs in at a provider that says nothing. */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { Authority } from '../tls/authority.ts';
import { HttpAuth } from './auth-service.ts';
import { oidcSite, serveOidc } from './oidc-site.ts';

/** Milliseconds that a provider has for what it says of itself, and some for the machine. */
const ENOUGH = 5_000 + 4_000;

test('the drain waits for the answer, which comes in the time that providers have, and nothing is left of it', async () => {
  const authority = await Authority.make('provider');
  const sockets: net.Socket[] = [];
  const provider = net.createServer((socket) => void sockets.push(socket.on('error', () => {}).resume()));
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const issuer = `https://localhost:${(provider.address() as AddressInfo).port}`;
  const origin = await HttpAuth.open();
  const routes = { shop: { cookie: { name: 'sid', secure: false } } };
  const rig = await serveOidc(oidcSite({ authority, issuer }, { routes }), origin);
  const request = http.get({ port: rig.port(), host: '127.0.0.1', headers: { host: 'shop.example' }, agent: false });
  await expect.poll(() => sockets.length).toBe(1);
  const began = performance.now();
  const closed = rig.proxy.drain(20_000);
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  answer.resume();
  expect(answer.statusCode).toBe(503);
  await closed;
  expect(performance.now() - began).toBeLessThan(ENOUGH);
  expect(origin.asked).toHaveLength(0);
  // Nothing of the gateway is left that waits for it.
  await expect.poll(() => sockets.map(({ readableEnded, destroyed }) => readableEnded || destroyed)).toEqual([true]);
  await rig.close();
  await origin.close();
  for (const socket of sockets) socket.destroy();
  provider.close();
});
