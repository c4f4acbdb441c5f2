/** The JSON that the HTTP echoes answer with. */
import type { Backend } from '../../config/index.ts';
import { echoName } from './echo-server.ts';

/** Bytes of a request body that are repeated in the answer; of a larger one only the size is. */
const BODY_LIMIT = 64 * 1024;

/** A request body, kept as far as the limit and counted beyond. */
export class Limited {
  size = 0;
  readonly #chunks: Buffer[] = [];

  add(chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size <= BODY_LIMIT) this.#chunks.push(chunk);
  }

  get text(): string | undefined {
    return this.size > 0 && this.size <= BODY_LIMIT ? Buffer.concat(this.#chunks).toString() : undefined;
  }
}

export interface EchoRequest {
  protocol: string;
  method: string;
  path: string;
  host: string;
  /** Names and values in turn, as received. */
  rawHeaders: string[];
  body: Limited;
}

export function echoAnswer(
  backend: Backend,
  request: EchoRequest,
): { headers: Record<string, string | number>; text: string } {
  const { namespace, name, port } = backend.service;
  const { protocol, method, path, host, body } = request;
  const answer = {
    service: name,
    namespace,
    port,
    protocol,
    method,
    path,
    host,
    headers: joined(request.rawHeaders),
    bodyBytes: body.size,
    body: body.text,
  };
  const text = `${JSON.stringify(answer, undefined, 2)}\n`;
  return {
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'x-echo-service': echoName(backend),
    },
    text,
  };
}

/** Names in lower case; values of a repeated name joined by commas. */
function joined(raw: string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const before = headers[name];
    headers[name] = before === undefined ? raw[i + 1]! : `${before}, ${raw[i + 1]}`;
  }
  return headers;
}
