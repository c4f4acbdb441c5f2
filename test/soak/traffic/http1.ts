/** HTTP/1.1, without TLS and with it. */
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import {
  HOSTS,
  inTime,
  mustEqual,
  nextHost,
  oneOf,
  type Place,
  pattern,
  type SoakClient,
  type TrafficKind,
} from './traffic.ts';

/** Paths lead to backends over HTTP/1.1 and over h2c. */
const BACKENDS = ['/h1', '/h2'] as const;
const SIZES = [0, 200, 20_000, 300_000] as const;

type Exchange = (asker: Asker) => Promise<void>;

/** Sends requests, with or without TLS, over kept connections or each over its own. */
class Asker {
  readonly #options: RequestOptions;
  readonly #secure: boolean;
  readonly agent: http.Agent | undefined;

  constructor({ ports, ca }: Place, { secure, kept }: { secure: boolean; kept: boolean }) {
    this.#secure = secure;
    if (kept) this.agent = secure ? new https.Agent({ keepAlive: true, ca }) : new http.Agent({ keepAlive: true });
    const tls = secure ? { ca, servername: HOSTS.web } : {};
    const port = secure ? ports.https : ports.http;
    this.#options = { host: nextHost(), port, agent: this.agent ?? false, ...tls };
  }

  begin(path: string, method = 'GET'): http.ClientRequest {
    const options = { ...this.#options, path, method, headers: { host: HOSTS.web } };
    return this.#secure ? https.request(options) : http.request(options);
  }

  async ask(path: string, body?: Buffer): Promise<Buffer> {
    const request = this.begin(path, body === undefined ? 'GET' : 'POST');
    request.end(body);
    return await answerOf(request);
  }
}

async function answerOf(request: http.ClientRequest): Promise<Buffer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const body = await buffer(response);
  if (response.statusCode === 200) return body;
  throw new Error(`${response.statusCode} ${body.toString().slice(0, 200)}`);
}

const download: Exchange = async (asker) => {
  const size = oneOf(SIZES);
  mustEqual(await asker.ask(`${oneOf(BACKENDS)}/bytes/${size}`), pattern(size));
};

const upload: Exchange = async (asker) => {
  const body = pattern(oneOf(SIZES), 1);
  mustEqual(await asker.ask(`${oneOf(BACKENDS)}/echo`, body), body);
};

const slow: Exchange = async (asker) => {
  mustEqual(await asker.ask(`${oneOf(BACKENDS)}/slow/${SLOW_PARTS}`), pattern(SLOW_PARTS));
};

/** A byte each 500 ms: such an answer lives through several edits. */
const SLOW_PARTS = 10;

/** The client leaves in the middle of the answer, or of its own body. */
const brokenOff: Exchange = async (asker) => {
  const request = asker.begin(`${oneOf(BACKENDS)}/${oneOf(['bytes/300000', 'slow/4', 'echo'])}`, 'POST');
  request.on('error', () => {});
  request.setHeader('content-length', '100000');
  request.write(pattern(50_000));
  await Promise.race([once(request, 'response'), new Promise((resolve) => setTimeout(resolve, oneOf([0, 5, 100])))]);
  const closed = new Promise((resolve) => request.once('close', resolve));
  request.destroy();
  await closed;
};

const resumed: Exchange = async (asker) => {
  const request = asker.begin(`${oneOf(BACKENDS)}/bytes/200`);
  request.end();
  const body = await answerOf(request);
  mustEqual(body, pattern(200));
  if (!(request.socket as TLSSocket).authorized) throw new Error('the certificate is not of the authority');
};

function kind(name: string, pace: number, how: { secure?: boolean; kept?: boolean; exchange: Exchange }): TrafficKind {
  const { secure = false, kept = true, exchange } = how;
  return {
    name,
    pace,
    open(place): SoakClient {
      const asker = new Asker(place, { secure, kept });
      return {
        exchange: () => inTime(exchange(asker)),
        close: () => asker.agent?.destroy(),
      };
    },
  };
}

export const HTTP1: readonly TrafficKind[] = [
  kind('HTTP/1.1', 15, { exchange: download }),
  kind('HTTP/1.1 upload', 30, { exchange: upload }),
  kind('HTTP/1.1 new connection', 40, { kept: false, exchange: download }),
  kind('HTTP/1.1 slow answer', 100, { exchange: slow }),
  kind('HTTP/1.1 broken off', 60, { kept: false, exchange: brokenOff }),
  kind('HTTPS', 25, { secure: true, exchange: download }),
  kind('HTTPS upload', 40, { secure: true, exchange: upload }),
  kind('HTTPS new connection', 150, { secure: true, kept: false, exchange: resumed }),
];
