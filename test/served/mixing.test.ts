/** What one tenant's configuration or traffic makes long never stands in what another one gets. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { block, frameBytes, setting } from '../../src/proxy/http/h2/wire.fixture.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend } from './raw-backend.ts';
import { type RawClient, rawClient } from './raw-client.ts';
import { type Rig, type RigOptions, serveManifests } from './rig.ts';

const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function serve(text: string, options: RigOptions): Promise<Rig> {
  const rig = await serveManifests(text, options);
  closing.push(rig);
  return rig;
}

async function clientOf(rig: Rig): Promise<RawClient> {
  const client = await rawClient(rig.port());
  closing.push(client);
  return client;
}

const HEADERS = 1;
const SETTINGS = 4;
const END_HEADERS = 4;
const END_STREAM = 1;
const MAX_CONCURRENT_STREAMS = 3;

/** A backend of HTTP/2 that takes so many streams at a time and leaves the answers to the test. */
class FramedBackend {
  readonly #server = net.createServer((socket) => this.#serve(socket));
  readonly #streams: number;
  socket!: net.Socket;
  /** Streams that requests came on. */
  readonly opened: number[] = [];
  #waiting: Array<() => void> = [];

  constructor(streams: number) {
    this.#streams = streams;
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(socket: net.Socket): void {
    this.socket = socket;
    let bytes: Buffer = Buffer.alloc(0);
    socket.write(frameBytes(SETTINGS, 0, 0, setting(MAX_CONCURRENT_STREAMS, this.#streams)));
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.subarray(0, 4).toString() === 'PRI ') bytes = bytes.subarray(24);
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        if (bytes[3] === SETTINGS && bytes[4] === 0) socket.write(frameBytes(SETTINGS, 1, 0));
        if (bytes[3] === HEADERS) this.opened.push(bytes.readUInt32BE(5));
        bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3));
      }
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.socket?.destroy();
    this.#server.close();
  }
}

/** As many header lines as one modifier may hold, each as long as one may be. */
function longest(name: string): object {
  const lines = (list: string): object[] =>
    Array.from({ length: 16 }, (_, i) => ({ name: `x-${list}-${name}-${i}`, value: list[0]!.repeat(4096) }));
  return { set: lines('set'), add: lines('add') };
}

describe('composed heads', () => {
  test('however long do not run into the answer that waits for another client', async () => {
    const backend = new FramedBackend(100);
    closing.push(backend);
    const port = await backend.listen();
    const long = (name: string): object => ({ type: 'ResponseHeaderModifier', responseHeaderModifier: longest(name) });
    const ref = { name: 'two', port: 80, filters: [long('backend')] };
    const rule = { matches: [{ path: { value: '/long' } }], filters: [long('rule')], backendRefs: [ref] };
    const two = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'two' },
      spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] },
    };
    const rig = await serve(manifests([HTTP], httpRoute('r', [rule, backendRefs('two')]), two), {
      endpoints: [endpointsOf('two', port)],
    });
    const one = await clientOf(rig);
    one.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
    await backend.until(() => backend.opened.length === 1);
    const session = http2.connect(`http://127.0.0.1:${rig.port()}`, { maxHeaderListPairs: 200 });
    session.on('error', () => {});
    closing.push(session);
    const other = session.request({ ':path': '/long' });
    const answered = once(other, 'response').catch(() => []);
    await Promise.race([answered, backend.until(() => backend.opened.length === 2)]);
    const ok = block([
      [':status', '200'],
      ['content-length', '4'],
    ]);
    // In one read of the backend's connection: the first answer waits for its end while the second head is composed.
    const frames = [frameBytes(HEADERS, END_HEADERS, 1, ok), frameBytes(0, 0, 1, 'one')];
    if (backend.opened.length === 2)
      frames.push(frameBytes(HEADERS, END_HEADERS | END_STREAM, 3, block([[':status', '204']])));
    backend.socket.write(Buffer.concat(frames));
    const begun = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\none';
    await one.until(() => one.text.length >= begun.length);
    expect(one.text).toBe(begun);
    backend.socket.write(frameBytes(0, END_STREAM, 1, '!'));
    await one.until(() => one.text.length > begun.length);
    expect(one.text).toBe(`${begun}!`);
  });
});

describe('trailers', () => {
  test('of a request answered early do not stand where the next request is read', async () => {
    const backend = await httpBackend((request, response) => response.end(request.url));
    closing.push(backend);
    const redirect = { type: 'RequestRedirect', requestRedirect: { hostname: 'b', statusCode: 302 } };
    const rules = [{ matches: [{ path: { value: '/early' } }], filters: [redirect] }, backendRefs('one')];
    const rig = await serve(manifests([HTTP], httpRoute('r', rules), service('one')), {
      endpoints: [endpointsOf('one', backend.port)],
    });
    const client = await clientOf(rig);
    const trailers = Array.from({ length: 100 }, (_, i) => `x-trailer-${i}: ${'t'.repeat(15)}\r\n`).join('');
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const post = 'POST /early HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n';
    const answers = await client.ask(`${get('/1')}${post}${trailers}\r\n${get('/2')}`, 3);
    expect(answers.map(({ status }) => status)).toEqual([200, 302, 200]);
    expect(answers[2]!.body).toBe('/2');
  });
});
