/** Requests as a client makes them, and load whose every failure is kept. */
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Ask {
  port: number;
  host?: string;
  path?: string;
  agent?: Agent;
}

/** Begins the message where a request failed on a connection made for it. */
const NEW_CONNECTION = 'on a new connection: ';

/**
 * Whether this is what connections meet once nobody listens: they are refused, or reset where they waited in the kernel
 * when the listener closed. Nobody had taken them, so no request is lost.
 */
export function isTurnedAway(failure: string): boolean {
  return failure.includes('ECONNREFUSED') || new RegExp(`${NEW_CONNECTION}.*(ECONNRESET|hang up)`).test(failure);
}

/** On a connection that had carried other requests, and none for so many milliseconds. */
export class KeptConnectionError extends Error {
  readonly idle: number;

  constructor(cause: Error, idle: number) {
    super(`${cause.message}, on a connection without a request for ${Math.round(idle)} ms`, { cause });
    this.idle = idle;
  }
}

/** When the last answer came on a connection. */
const lastUsed = new WeakMap<object, number>();

export async function ask({ port, host = 'shop.example.com', path = '/', agent }: Ask): Promise<Answered> {
  const call = request({ host: '127.0.0.1', port, path, agent: agent ?? false, headers: { host } });
  call.end();
  const asked = performance.now();
  let socket: object | null = null;
  call.once('socket', (one: object) => (socket = one));
  const [response] = await once(call, 'response').catch((error: Error) => {
    if (!call.reusedSocket || socket === null) throw new Error(`${NEW_CONNECTION}${error.message}`);
    throw new KeptConnectionError(error, asked - (lastUsed.get(socket) ?? asked));
  });
  const body = await text(response);
  if (socket !== null) lastUsed.set(socket, performance.now());
  return { status: response.statusCode, headers: response.headers, body };
}

export async function askAdmin(admin: string, path: string): Promise<Answered> {
  const [host, port] = admin.split(':');
  return await ask({ port: Number(port), host: host!, path });
}

/** Requests one after the other on some keepalive connections, until stopped. */
export class Load {
  sent = 0;
  readonly failures: string[] = [];
  readonly services = new Map<string, number>();
  readonly #agent: Agent;
  readonly #loops: Promise<void>[];
  #running = true;

  /** With `hosts` instead of a host, each of them in turn. */
  constructor({ hosts, ...asked }: Ask & { hosts?: string[] }, connections = 4) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    const turns = hosts ?? [asked.host];
    this.#loops = Array.from({ length: connections }, () => this.#loop({ ...asked, agent: this.#agent }, turns));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #loop(asked: Ask, hosts: Array<string | undefined>): Promise<void> {
    for (let turn = 0; this.#running; turn++) {
      try {
        const { status, body } = await ask({ ...asked, host: hosts[turn % hosts.length] });
        this.sent++;
        if (status !== 200) this.failures.push(`${status} ${body}`);
        else this.#count((JSON.parse(body) as { service: string }).service);
      } catch (error) {
        this.sent++;
        this.failures.push(String(error));
      }
    }
  }

  #count(service: string): void {
    this.services.set(service, (this.services.get(service) ?? 0) + 1);
  }
}
