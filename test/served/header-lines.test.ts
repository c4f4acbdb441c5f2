/** How many header lines a request may have: of a process by its flag. */
import { once } from 'node:events';
import http2 from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  const objects = [httpRoute('r', [backendRefs('a')]), service('a')];
  rig = await serveManifests(manifests([HTTP], ...objects), { echo: true, limits: { maxHeaderLines: 300 } });
});
afterAll(() => rig.close());

/** Of requests with Host (or :authority) and `lines` more. */
const CLIENTS = {
  'HTTP/1.1': async (lines: number): Promise<number> => {
    const client = await rawClient(rig.port());
    const fields = Array.from({ length: lines }, (_, i) => `X-${i}: y\r\n`).join('');
    const [response] = await client.ask(`GET / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`);
    client.close();
    return response!.status;
  },
  'HTTP/2': async (lines: number): Promise<number> => {
    const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
    const fields = Object.fromEntries(Array.from({ length: lines }, (_, i) => [`x-${i}`, 'y']));
    const stream = session.request({ ':authority': 'a.test', ':path': '/', ...fields });
    const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    stream.resume();
    session.close();
    return Number(answer[':status']);
  },
};

test.each(Object.entries(CLIENTS))(
  'over %s as many lines as the flag says pass, and one more is 431',
  async (_, ask) => {
    expect(await ask(299)).toBe(200);
    expect(await ask(300)).toBe(431);
  },
);
