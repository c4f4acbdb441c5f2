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

export async function ask({ port, host = 'shop.example.com', path = '/', agent }: Ask): Promise<Answered> {
  const call = request({ host: '127.0.0.1', port, path, agent: agent ?? false, headers: { host } });
  call.end();
  const [response] = await once(call, 'response').catch((error: Error) => {
    throw call.reusedSocket ? error : new Error(`${NEW_CONNECTION}${error.message}`);
  });
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
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
