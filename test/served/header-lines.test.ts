/** How many header lines a request may have: of a process by its flag, of a listener by its policy. */
import { once } from 'node:events';
import http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  const few = { name: 'few', port: 80, protocol: 'HTTP', hostname: 'few.test' };
  const many = { name: 'many', port: 80, protocol: 'HTTP', hostname: 'many.test' };
  const policies = [few, many].map(({ name }) => ({
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'ClientTrafficPolicy',
    metadata: { name },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw', sectionName: name }],
      headers: { maxLines: name === 'few' ? 10 : 900 },
    },
  }));
  const objects = [httpRoute('r', [backendRefs('a')]), service('a'), ...policies];
  rig = await serveManifests(manifests([HTTP, few, many], ...objects), { echo: true, limits: { maxHeaderLines: 300 } });
});
afterAll(() => rig.close());

/** Of requests with Host (or :authority) and `lines` more. */
const CLIENTS = {
  'HTTP/1.1': async (lines: number, host: string): Promise<number> => {
    const client = await rawClient(rig.port());
    const fields = Array.from({ length: lines }, (_, i) => `X-${i}: y\r\n`).join('');
    const [response] = await client.ask(`GET / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);
    client.close();
    return response!.status;
  },
  'HTTP/2': async (lines: number, host: string): Promise<number> => {
    const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
    const fields = Object.fromEntries(Array.from({ length: lines }, (_, i) => [`x-${i}`, 'y']));
    const stream = session.request({ ':authority': host, ':path': '/', ...fields });
    const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    stream.resume();
    session.close();
    return Number(answer[':status']);
  },
};

describe.each(Object.entries(CLIENTS))('over %s as many lines pass', (_, ask) => {
  test.each([
    ['as the flag says', 'a.test', 300],
    ['as a policy says that allows fewer', 'few.test', 10],
    ['as a policy says that allows more', 'many.test', 900],
  ])('%s, and one more is 431', async (_name, host, most) => {
    expect(await ask(most - 1, host)).toBe(200);
    expect(await ask(most, host)).toBe(431);
  });
});
