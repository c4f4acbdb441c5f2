/** The table of smuggling forms over real sockets: nothing refused reaches a backend, all else reaches it once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ARENA } from '../../src/proxy/ground/arena.ts';
import { HeadTable } from '../../src/proxy/ground/head.ts';
import { ChunkDecoder } from '../../src/proxy/http/h1/chunk.ts';
import { parseRequestHead } from '../../src/proxy/http/h1/parse.ts';
import { SMUGGLING_FORMS } from '../../src/proxy/http/h1/smuggling.suite.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawBackend, type TestBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const AT = 16;
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let rig: Rig;
let backend: TestBackend;
/** What the backend got since the test began, connection by connection. */
let received: Array<{ bytes: string }> = [];

beforeAll(async () => {
  backend = await rawBackend((socket) => {
    const got = { bytes: '' };
    socket.on('data', (bytes: Buffer) => {
      got.bytes += bytes.latin1Slice();
      if (!received.includes(got)) received.push(got);
      if (requestsIn(got.bytes) !== undefined) {
        socket.write(ANSWER);
        socket.end();
      }
    });
  });
  rig = await serveManifests(manifests([HTTP], httpRoute('all', [backendRefs('one')]), service('one')), {
    endpoints: [endpointsOf('one', backend.port)],
  });
});
afterAll(async () => {
  await rig.close();
  await backend.close();
});

/** The bytes as whole requests by the strict parser, or undefined where the last one is not whole. Throws for a fault. */
function requestsIn(bytes: string): Array<{ method: string; chunked: boolean }> | undefined {
  const found: Array<{ method: string; chunked: boolean }> = [];
  const end = AT + ARENA.latin1Write(bytes, AT);
  for (let at = AT; at < end; ) {
    const head = parseRequestHead(at, end, new HeadTable());
    if (head === 0) return undefined;
    if (typeof head === 'number') throw new Error(`the backend got what cannot be parsed: ${bytes}`);
    at = head.end;
    if (head.chunked) {
      const decoder = new ChunkDecoder();
      const used = decoder.feed(at, end, { onData() {} });
      if (used < 0) throw new Error(`the backend got chunks that cannot be parsed: ${bytes}`);
      if (!decoder.done) return undefined;
      at += used;
    } else {
      at += Math.max(0, head.contentLength);
      if (at > end) return undefined;
    }
    found.push({ method: head.method(), chunked: head.chunked });
  }
  return found;
}

test.each(SMUGGLING_FORMS)('$name: $verdict', async (form) => {
  received = [];
  const client = await rawClient(rig.port());
  const [response] = await client.ask(form.raw);
  if (form.verdict === 'refused') {
    expect(response!.status).toBe(form.status);
    await client.end();
    if (form.inBody) for (const { bytes } of received) expect(requestsIn(bytes)).toBeUndefined();
    else expect(received).toEqual([]);
  } else {
    expect(response!.status).toBe(200);
    expect(received).toHaveLength(1);
    const requests = requestsIn(received[0]!.bytes);
    expect(requests).toHaveLength(1);
    expect(received[0]!.bytes).toContain('\r\nX-Request-Id: ');
  }
  client.close();
});
