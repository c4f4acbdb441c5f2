/** Data on an HTTP/2 answer that has no body would stand in HTTP/1.1 where the client reads its next answer. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { block, frameBytes } from '../../src/proxy/http/h2/wire.fixture.ts';
import { FramedBackend, h2cService } from './framed-backend.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests } from './manifest.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const HEADERS = 1;
const END_HEADERS = 4;
const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';

let backend: FramedBackend;
let rig: Rig;
beforeEach(async () => {
  backend = new FramedBackend(100);
  const endpoints = [endpointsOf('two', await backend.listen())];
  rig = await serveManifests(manifests([HTTP], httpRoute('r', [backendRefs('two')]), h2cService('two')), { endpoints });
});
afterEach(async () => {
  await rig.close();
  backend.close();
});

async function answer(status: string): Promise<void> {
  await backend.until(() => backend.opened.length === 1);
  const [stream] = backend.opened as [number];
  const head = frameBytes(HEADERS, END_HEADERS, stream, block([[':status', status]]));
  backend.socket.write(Buffer.concat([head, frameBytes(0, 0, stream, POISON)]));
}

test.each([
  ['HEAD', '200'],
  ['GET', '204'],
  ['GET', '304'],
])('%s answered with %s: nothing of it reaches a client of HTTP/1.1', async (method, status) => {
  const client = await rawClient(rig.port());
  client.send(`${method} /1 HTTP/1.1\r\nHost: a\r\n\r\n`);
  await answer(status);
  await client.end();
  expect(client.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(client.text.split('\r\n\r\n')).toEqual([expect.any(String), '']);
});
