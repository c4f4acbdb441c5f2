/** The same for HTTP/2 in and HTTP/1.1 out: many streams at a time, so that what a request holds outlives collections. */
import { setImmediate as turn } from 'node:timers/promises';
import { serveHttp } from '../src/proxy/http/index.ts';
import { MemoryDriver, MemoryLink } from '../src/proxy/listen/index.ts';
import { RESPONSE, report, serviceOf } from './engine-service.ts';

const CONNECTIONS = 16;
const STREAMS = 16;
const ROUNDS = 300;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const SETTINGS_ACK = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]);
/** GET, http, a path and an authority that enter the table, and a user agent: what h2load sends. */
const FIRST_BLOCK = Buffer.concat([
  Buffer.from([0x82, 0x86, 0x44, 0x13]),
  Buffer.from('/service3/items/42?'),
  Buffer.from([0x41, 0x11]),
  Buffer.from('host7.example.com'),
  Buffer.from([0x7a, 0x06]),
  Buffer.from('h2load'),
]);
/** The same out of the table: the newest entry comes first. */
const BLOCK = Buffer.from([0x82, 0x86, 0xc0, 0xbf, 0xbe]);

function headers(stream: number, block: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(block.length, 0, 3);
  head[3] = 1;
  head[4] = 5;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, block]);
}

/** A window of DATA that never ends, as clients keep it. */
function windowUpdate(bytes: number): Buffer {
  const frame = Buffer.from([0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  frame.writeUInt32BE(bytes, 9);
  return frame;
}

class Client {
  readonly link: MemoryLink = new MemoryLink();
  #next = 1;

  /** As many requests as there are streams, in one read. */
  ask(): void {
    const frames: Buffer[] = [];
    for (let i = 0; i < STREAMS; i++, this.#next += 2) {
      frames.push(headers(this.#next, this.#next === 1 ? FIRST_BLOCK : BLOCK));
    }
    frames.push(windowUpdate(STREAMS * 2));
    this.link.deliver(Buffer.concat(frames));
  }
}

export async function measureH2(name: string): Promise<void> {
  const driver = new MemoryDriver();
  const service = serviceOf(driver);
  const clients = Array.from({ length: CONNECTIONS }, () => new Client());
  for (const { link } of clients) {
    serveHttp(link, service);
    link.deliver(Buffer.concat([PREFACE, SETTINGS, SETTINGS_ACK]));
  }
  const rounds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      for (const client of clients) client.ask();
      await turn();
      for (const { link } of driver.opened) {
        if (link.pending === 0) continue;
        link.take();
        link.deliver(RESPONSE);
      }
      await turn();
      for (const { link } of clients) link.take();
    }
  };
  await rounds(ROUNDS);
  await report(name, ROUNDS * CONNECTIONS * STREAMS, () => rounds(ROUNDS));
}
