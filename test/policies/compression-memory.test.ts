/** Compressors of answers that nobody reads: what they hold in memory is bounded, and answers beyond it go out as they are. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_COMPRESSORS } from '../../src/proxy/filter/compressor-memory.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { requestPolicy } from './policy.ts';

/** More than any compressor keeps before it says something. */
const LONG = randomBytes(1 << 20);
/** Of zstd at its highest level here. */
const MOST = Math.floor(MAX_COMPRESSORS / (11 << 20));
const COMPRESSION = { algorithms: ['zstd', 'gzip'], level: 9 };

let origin: TestBackend;
let rig: Rig;
beforeAll(async () => {
  origin = await httpBackend((_asked, answer) => answer.writeHead(200, { 'content-type': 'text/plain' }).end(LONG));
  const site = manifests(
    [HTTP],
    httpRoute('a', [backendRefs('web')]),
    service('web'),
    requestPolicy('ResponsePolicy', 'small', { kind: 'Gateway', name: 'gw' }, { compression: COMPRESSION }),
  );
  rig = await serveManifests(site, { endpoints: [endpointsOf('web', origin.port)] });
});
afterAll(async () => {
  await rig.close();
  await origin.close();
});

/** The coding of an answer whose first bytes came, and which is read no further. */
async function begun(session: http2.ClientHttp2Session, accept: string): Promise<string | undefined> {
  const stream = session.request({ ':path': '/', 'accept-encoding': accept }).on('error', () => {});
  const read = once(stream, 'readable');
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  await read;
  return headers['content-encoding'] as string | undefined;
}

test('one client that opens many answers and reads none does not take all memory, and others are served', async () => {
  const hostile = http2.connect(`http://127.0.0.1:${rig.port()}`).on('error', () => {});
  const codings: (string | undefined)[] = [];
  for (let i = 0; i < 100; i++) codings.push(await begun(hostile, 'zstd'));
  const compressed = codings.filter((coding) => coding === 'zstd').length;
  // What no longer fits at its level is taken at the least one, until nothing fits.
  expect(compressed).toBeGreaterThanOrEqual(MOST);
  expect(compressed).toBeLessThanOrEqual(MOST + 11);
  expect(codings.slice(compressed).every((coding) => coding === undefined)).toBe(true);

  const metric = (name: string) => rig.proxy.metrics().find((one) => one.name === name)!.series;
  expect(metric('daemun_uncompressed_total')).toEqual([{ labels: {}, value: 100 - compressed }]);
  const [compressors] = metric('daemun_held_bytes');
  expect(compressors).toMatchObject({ labels: { by: 'compressors' }, value: expect.any(Number) });
  expect(compressors!.value).toBeGreaterThan(MAX_COMPRESSORS - (1 << 20));
  expect(compressors!.value).toBeLessThanOrEqual(MAX_COMPRESSORS);

  const other = http2.connect(`http://127.0.0.1:${rig.port()}`);
  const answer = other.request({ ':path': '/', 'accept-encoding': 'zstd' });
  const [headers] = (await once(answer, 'response')) as [http2.IncomingHttpHeaders];
  expect([headers[':status'], headers['content-encoding'], headers.vary]).toEqual([200, undefined, 'Accept-Encoding']);
  expect(Buffer.concat(await answer.toArray()).equals(LONG)).toBe(true);

  // Whoever leaves makes room.
  hostile.destroy();
  await expect.poll(() => begun(other, 'gzip'), { timeout: 10_000 }).toBe('gzip');
  other.destroy();
});
