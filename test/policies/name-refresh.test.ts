/** BackendTrafficPolicy.dns: how often the name of a backend is looked up, and what its answers change. */
import dns from 'node:dns/promises';
import { afterEach, expect, test } from 'vitest';
import { type NameServer, startNameServer } from '../protocols/nameserver.ts';
import { backendRefs, HTTP, httpRoute, manifests } from '../served/manifest.ts';
import { rawBackend } from '../served/raw-backend.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { backendTraffic } from './policy.ts';

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const NAME = 'shop.example.test';

/** Records live a second; two backends on one port, at two addresses of this machine. */
async function around(ttl = 1): Promise<{ names: NameServer; port: number }> {
  const before = dns.getServers();
  const names = await startNameServer(ttl);
  dns.setServers([`127.0.0.1:${names.port}`]);
  closing.push(
    () => names.close(),
    () => dns.setServers(before),
  );
  let port = 0;
  for (const host of ['127.0.0.2', '127.0.0.3']) {
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${host.length}\r\n\r\n${host}`;
    const backend = await rawBackend(
      (socket) => {
        socket.on('end', () => socket.end());
        socket.on('data', () => socket.write(answer));
      },
      host,
      port,
    );
    port = backend.port;
    closing.push(() => backend.close());
  }
  names.records.set(NAME, ['127.0.0.2']);
  return { names, port };
}

function site(port: number, spec: object | undefined): string {
  const external = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's' },
    spec: { type: 'ExternalName', externalName: NAME, ports: [{ port: 80, targetPort: port }] },
  };
  const policies = spec === undefined ? [] : [backendTraffic('s', spec)];
  return manifests([HTTP], httpRoute('r', [backendRefs('s')]), external, ...policies);
}

async function served(text: string): Promise<Rig> {
  const rig = await serveManifests(text, { loopbackNames: 'allowed' });
  closing.push(() => rig.close());
  return rig;
}

async function ask(rig: Rig): Promise<string> {
  const client = await rawClient(rig.port());
  const [answer] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  client.close();
  return answer!.status === 200 ? String(answer!.body) : String(answer!.status);
}

test('a name that changes is followed as soon as its policy says, no request is lost, and a failure keeps what is known', async () => {
  const { names, port } = await around();
  const rig = await served(site(port, { dns: { minRefresh: '1s' } }));
  expect(await ask(rig)).toBe('127.0.0.2');
  const seen = new Set<string>();
  const until = async (wanted: string): Promise<number> => {
    const began = performance.now();
    await expect
      .poll(
        async () => {
          const answer = await ask(rig);
          seen.add(answer);
          return answer;
        },
        { timeout: 10_000, interval: 20 },
      )
      .toBe(wanted);
    return performance.now() - began;
  };
  names.records.set(NAME, ['127.0.0.3']);
  // Without the policy it would be five seconds.
  expect(await until('127.0.0.3')).toBeLessThan(2_500);
  names.records.delete(NAME);
  const asked = names.asked.length;
  await expect.poll(() => names.asked.length, { timeout: 10_000 }).toBeGreaterThan(asked + 2);
  expect(await ask(rig)).toBe('127.0.0.3');
  names.records.set(NAME, ['127.0.0.2']);
  await until('127.0.0.2');
  expect(seen).toEqual(new Set(['127.0.0.2', '127.0.0.3']));
});

test('records that live long are asked for again after the longest time, which holds at once for what is there', async () => {
  const { names, port } = await around(3_600);
  const rig = await served(site(port, undefined));
  expect(await ask(rig)).toBe('127.0.0.2');
  names.records.set(NAME, ['127.0.0.3']);
  await rig.write(site(port, { dns: { minRefresh: '1s', maxRefresh: '1s' } }));
  await expect.poll(() => ask(rig), { timeout: 5_000 }).toBe('127.0.0.3');
});
