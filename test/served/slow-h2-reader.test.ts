/** A client of HTTP/2 whose program reads an answer later than it arrives, while its listener goes. */

import { once } from 'node:events';
import http2 from 'node:http2';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Authority, type Pair } from '../tls/authority.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service, tlsSecret } from './manifest.ts';
import { httpBackend, type TestBackend } from './raw-backend.ts';
import { type Rig, serveManifests } from './rig.ts';

/** So little that Node's window takes it all although nobody reads. */
const BODY = 'x'.repeat(60_000);
const HTTPS = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'server' }] } };

let server: Pair;
let backend: TestBackend;
let rig: Rig;
/** Ends the answer of the backend. */
let finish: () => void;

beforeAll(async () => {
  server = await (await Authority.make('root')).sign({ dns: ['web.example'] });
  backend = await httpBackend((_, response) => {
    response.write(BODY);
    finish = () => response.end();
  });
});
afterEach(() => rig.close());
afterAll(() => backend.close());

function site(listeners: object[]): string {
  return manifests(listeners, tlsSecret('server', server), httpRoute('r', [backendRefs('one')]), service('one'));
}

interface Reading {
  read(): void;
  done: Promise<{ bytes: number; whole: boolean }>;
}

/** Listens for the end before somebody reads. What Node has of a stream goes to nobody once its session is gone. */
function readerOf(stream: http2.ClientHttp2Stream): Reading {
  let bytes = 0;
  let whole = false;
  const { promise, resolve } = Promise.withResolvers<{ bytes: number; whole: boolean }>();
  stream.on('end', () => {
    whole = true;
  });
  stream.on('error', () => {}).on('close', () => resolve({ bytes, whole }));
  const read = (): void => {
    stream.on('data', (part: Buffer) => {
      bytes += part.length;
    });
  };
  return { read, done: promise };
}

test('an answer under way arrives whole, whenever it is read', async () => {
  const endpoints = [endpointsOf('one', backend.port)];
  rig = await serveManifests(site([HTTP, HTTPS]), { ports: [80, 443], endpoints, drainTimeout: 20_000 });
  const session = http2.connect(`https://127.0.0.1:${rig.port(443)}`, { rejectUnauthorized: false });
  const gone = new Promise<void>((resolve) => session.on('error', () => {}).on('close', resolve));
  const leaving = once(session, 'goaway');
  const stream = session.request({ ':path': '/' });
  const reading = readerOf(stream);
  await once(stream, 'response');
  await rig.write(site([HTTP]));
  await leaving;
  finish();
  await vi.waitFor(() => expect(rig.accesses).toHaveLength(1), 10_000);
  // The answer comes behind all that the gateway has said: behind a FIN, never.
  await Promise.race([gone, new Promise<void>((resolve) => session.ping(() => resolve()))]);
  reading.read();
  expect(await reading.done).toEqual({ bytes: BODY.length, whole: true });
  // Without a look at the drain's time: the client has gone first.
  await gone;
});
