/** One request by node's own client, with a connection of its own. */
import { once } from 'node:events';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface PlainAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function answerTo(port: number, options: http.RequestOptions): Promise<PlainAnswer> {
  const call = http.request({ host: '127.0.0.1', port, agent: false, ...options });
  call.end();
  const [answer] = (await once(call, 'response')) as [http.IncomingMessage];
  return { status: answer.statusCode!, headers: answer.headers, body: await buffer(answer) };
}
