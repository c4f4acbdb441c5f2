/**
 * CPU of one request in the engine alone: parser, routing, header rewriting, accounting and composing over the
 * in-memory driver, with no kernel. `node bench/engine.ts` prints microseconds a request; compare before and after a
 * change. `node --max-semi-space-size=4 bench/engine.ts` collects garbage as often as a worker does.
 */
import { serveHttp } from '../src/proxy/http/index.ts';
import { MemoryDriver, MemoryLink } from '../src/proxy/listen/index.ts';
import { measureH2 } from './engine-h2.ts';
import { HOSTS, PATHS, RESPONSE, report, serviceOf } from './engine-service.ts';

const ROUNDS = 400_000;

const BROWSER_LINES = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Cookie: session=7f3a9c1e5b2d4860; theme=dark; consent=all',
  'Connection: keep-alive',
  'Upgrade-Insecure-Requests: 1',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Site: none',
  'Cache-Control: max-age=0',
];

/** `together`: requests that a client sends at once. */
async function measure(name: string, lines: readonly string[], together = 1): Promise<void> {
  const driver = new MemoryDriver();
  const service = serviceOf(driver);
  const client = new MemoryLink();
  serveHttp(client, service);
  const requests: Buffer[] = [];
  for (let i = 0; i < HOSTS * PATHS; i++) {
    const head = [
      `GET /service${i % PATHS}/items/42?page=2 HTTP/1.1`,
      `Host: host${i % HOSTS}.example.com`,
      ...lines,
      '',
      '',
    ];
    requests.push(Buffer.from(head.join('\r\n')));
  }
  client.deliver(requests[0]!);
  await Promise.resolve();
  const backend = driver.opened[0]!.link;
  backend.deliver(RESPONSE);
  const reads = requests.map((_, at) => Buffer.concat(requests.slice(at, at + together)));
  const once = (count: number): void => {
    for (let i = 0; i < count; i += together) {
      client.deliver(reads[i % (requests.length - together)]!);
      for (let n = 0; n < together; n++) {
        backend.take();
        backend.deliver(RESPONSE);
      }
      client.take();
    }
  };
  once(ROUNDS / 10);
  await report(name, ROUNDS / 5, () => once(ROUNDS / 5));
}

await measure('tiny head, 2 lines', ['Accept: */*']);
await measure('browser head, 12 lines', BROWSER_LINES);
await measure('tiny head, 16 requests at once', ['Accept: */*'], 16);
await measureH2('HTTP/2 to HTTP/1.1, 16 connections with 16 streams');
