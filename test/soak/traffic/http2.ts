/** HTTP/2, by prior knowledge and over TLS. */
import { once } from 'node:events';
import http2 from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { socketName } from '../../../src/value/socket-name.ts';
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

const BACKENDS = ['/h1', '/h2'] as const;
const SIZES = [0, 200, 20_000, 200_000] as const;
/** Streams at once. */
const STREAMS = 6;
/** Exchanges over one connection. */
const LIFE = 50;

abstract class Http2Client implements SoakClient {
  readonly #place: Place;
  readonly #secure: boolean;
  #session: http2.ClientHttp2Session | undefined;
  #life = 0;

  constructor(place: Place, secure: boolean) {
    this.#place = place;
    this.#secure = secure;
  }

  protected abstract stream(session: http2.ClientHttp2Session): Promise<void>;

  async exchange(): Promise<void> {
    const session = await inTime(this.#connected());
    const streams = Array.from({ length: STREAMS }, () => this.stream(session));
    // All of them end before the first failure is told, so that none is left without a reader.
    const ends = await inTime(Promise.allSettled(streams));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    if (--this.#life === 0) this.close();
  }

  close(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  async #connected(): Promise<http2.ClientHttp2Session> {
    if (this.#session !== undefined && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const { ports, ca } = this.#place;
    const session = this.#secure
      ? http2.connect(`https://${socketName(nextHost(), ports.https)}`, { ca, servername: HOSTS.web })
      : http2.connect(`http://${socketName(nextHost(), ports.http)}`);
    session.on('error', () => {});
    await once(session, 'connect');
    this.#session = session;
    this.#life = LIFE;
    return session;
  }
}

function begin(session: http2.ClientHttp2Session, path: string, method = 'GET'): http2.ClientHttp2Stream {
  return session.request(
    { ':method': method, ':path': path, ':authority': HOSTS.web },
    { endStream: method === 'GET' },
  );
}

class Whole extends Http2Client {
  protected override async stream(session: http2.ClientHttp2Session): Promise<void> {
    const size = oneOf(SIZES);
    const uploads = oneOf([false, false, true]);
    const path = `${oneOf(BACKENDS)}/${uploads ? 'echo' : `bytes/${size}`}`;
    const stream = begin(session, path, uploads ? 'POST' : 'GET');
    const wanted = pattern(size);
    if (uploads) stream.end(wanted);
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    const body = await buffer(stream);
    if (Number(headers[':status']) !== 200) throw new Error(`${headers[':status']} ${body.toString().slice(0, 200)}`);
    mustEqual(body, wanted);
  }
}

/** Streams that the client resets in the middle; those of its neighbours on the connection must not feel it. */
class Reset extends Http2Client {
  protected override async stream(session: http2.ClientHttp2Session): Promise<void> {
    const stream = begin(session, `${oneOf(BACKENDS)}/${oneOf(['bytes/200000', 'slow/4'])}`);
    stream.on('error', () => {});
    const closed = new Promise((resolve) => stream.once('close', resolve));
    await Promise.race([once(stream, 'response'), new Promise((resolve) => setTimeout(resolve, oneOf([0, 20])))]);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    stream.resume();
    await closed;
    if (session.destroyed) throw new Error('the connection ended with a stream');
  }
}

export const HTTP2: readonly TrafficKind[] = [
  { name: 'HTTP/2', pace: 40, open: (place) => new Whole(place, false) },
  { name: 'HTTP/2 over TLS', pace: 50, open: (place) => new Whole(place, true) },
  { name: 'HTTP/2 broken off', pace: 250, open: (place) => new Reset(place, false) },
];
