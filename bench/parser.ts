/** Nanoseconds per head of the HTTP/1.1 parser: `node bench/parser.ts`. */
import { ARENA } from '../src/proxy/ground/arena.ts';
import { type Head, HeadTable } from '../src/proxy/ground/head.ts';
import { parseRequestHead } from '../src/proxy/http/h1/parse.ts';
import { parseResponseHead } from '../src/proxy/http/h1/response.ts';

const BROWSER_HEAD = [
  'GET /assets/v2/app/index.html?lang=en HTTP/1.1',
  'Host: shop042.example.com',
  'Connection: keep-alive',
  'Cache-Control: max-age=0',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: navigate',
  'Referer: https://shop042.example.com/',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9',
  'Cookie: session=7f3a9c2e1b; theme=dark; consent=all',
].join('\r\n');
const BARE_HEAD = 'GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: bench\r\nAccept: */*';
const RESPONSE_HEAD =
  'HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Wed, 01 Jan 2025 00:00:00 GMT\r\nContent-Type: text/plain\r\n' +
  'Content-Length: 5\r\nConnection: keep-alive';

const ROUNDS = 7;
const HEADS_PER_ROUND = 300_000;

type Parser = (start: number, end: number, table: HeadTable) => Head | number;

function measure(name: string, text: string, parse: Parser): void {
  const end = ARENA.latin1Write(`${text}\r\n\r\n`, 0);
  const head = new HeadTable();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.hrtime.bigint();
    for (let i = 0; i < HEADS_PER_ROUND; i++) {
      if (parse(0, end, head) !== head) throw new Error(`${name} was not parsed whole`);
    }
    times.push(Number(process.hrtime.bigint() - before) / HEADS_PER_ROUND);
  }
  times.sort((a, b) => a - b);
  const median = times[ROUNDS >> 1]!;
  console.log(
    `${name}: ${end} bytes, ${head.count} fields, median ${median.toFixed(0)} ns, best ${times[0]!.toFixed(0)} ns`,
  );
}

measure('browser request', BROWSER_HEAD, parseRequestHead);
measure('bare request', BARE_HEAD, parseRequestHead);
measure('response', RESPONSE_HEAD, parseResponseHead);
