/** A request that is answered early, with a byte or two of its body there: the answer comes, and others are served on. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  const route = httpRoute('a', [backendRefs('web')], { hostnames: ['a.example'] });
  rig = await serveManifests(manifests([HTTP], route, service('web')), { echo: true, limits: { maxBodyBytes: 10 } });
});
afterAll(() => rig.close());

const HEAD = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n';

test.each([
  ['no route', `${HEAD}Host: none.example\r\n\r\n`, 404],
  ['a body that is too long', `${HEAD}Host: a.example\r\n\r\nb\r\n01234567890`, 413],
])('%s', async (_, start, status) => {
  for (const rest of ['', '\r', '\r\n', '0', '0\r', '\r\n0', 'b\r\n']) {
    const client = await rawClient(rig.port());
    client.send(start + rest);
    const [answer] = await client.responses(1);
    expect([rest, answer!.status]).toEqual([rest, status]);
    client.close();
  }
});
