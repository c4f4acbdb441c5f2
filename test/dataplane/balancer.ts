/**
 * A load balancer of connections in front of data planes, as a Service's proxy is: it learns late who is ready, and
 * connections that it has made stay where they are.
 */
import { once } from 'node:events';
import { Agent } from 'node:http';
import net from 'node:net';
import { type Answered, type Ask, ask, askAdmin, KeptConnectionError } from '../cli/client.ts';

export interface Target {
  port: number;
  /** Of its admin API, which says whether it is ready. */
  admin: string;
}

/** Milliseconds between two questions. */
const LOOK_INTERVAL = 50;

export class Balancer {
  readonly #server: net.Server;
  readonly #lag: number;
  readonly #targets = new Map<Target, { ready: boolean; timer: NodeJS.Timeout }>();
  readonly #sockets = new Set<net.Socket>();
  #turn = 0;

  private constructor(lag: number) {
    this.#lag = lag;
    this.#server = net.createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** `lag`: milliseconds from an answer to what follows from it. */
  static async start(lag: number): Promise<Balancer> {
    const balancer = new Balancer(lag);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Resolves when connections go there. */
  async add(target: Target): Promise<void> {
    const state = { ready: false, timer: setInterval(() => void this.#look(target), LOOK_INTERVAL) };
    this.#targets.set(target, state);
    while (!state.ready) await pause(LOOK_INTERVAL);
  }

  /** It is gone: nobody asks any more. */
  remove(target: Target): void {
    clearInterval(this.#targets.get(target)?.timer);
    this.#targets.delete(target);
  }

  async close(): Promise<void> {
    for (const target of [...this.#targets.keys()]) this.remove(target);
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #look(target: Target): Promise<void> {
    const ready = await askAdmin(target.admin, '/readyz').then(
      ({ status }) => status === 200,
      () => false,
    );
    await pause(this.#lag);
    const state = this.#targets.get(target);
    if (state !== undefined) state.ready = ready;
  }

  #accept(client: net.Socket): void {
    const ready = [...this.#targets].filter(([, state]) => state.ready).map(([target]) => target);
    const target = ready[this.#turn++ % ready.length];
    if (target === undefined) return void client.resetAndDestroy();
    const server = net.connect({ port: target.port, host: '127.0.0.1', allowHalfOpen: true });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.resetAndDestroy());
      from.on('close', () => this.#sockets.delete(from));
      from.pipe(to);
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Milliseconds without a request after which a connection is idle for whoever drains (docs/decisions/draining.md). */
const IDLE = 500;

/**
 * A server may end a connection that is idle at any time, also in the moment in which the client writes, so that clients
 * are to send a GET once more (RFC 9112 9.3.1, 9.5): a client that others kept from the processor writes late, and has not
 * seen the end that is there. On one that was in use, or is new, nobody has an excuse.
 */
async function askAgain(asked: Ask): Promise<Answered> {
  try {
    return await ask(asked);
  } catch (error) {
    if (!(error instanceof KeptConnectionError) || error.idle < IDLE) throw error;
    return await ask({ ...asked, agent: undefined });
  }
}

/** Requests at a constant rate, half of them on connections of their own; every failure is kept. */
export class PacedLoad {
  sent = 0;
  readonly failures: string[] = [];
  readonly bodies = new Set<string>();
  readonly #loops: Promise<void>[];
  readonly #agent: Agent;
  #running = true;

  constructor(port: number, { perSecond, clients = 20 }: { perSecond: number; clients?: number }) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: clients });
    const interval = (clients * 1000) / perSecond;
    this.#loops = Array.from({ length: clients }, (_, at) => this.#loop(port, { at, interval }));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #loop(port: number, { at, interval }: { at: number; interval: number }): Promise<void> {
    const agent = at % 2 === 0 ? { agent: this.#agent } : {};
    let due = performance.now() + (at * interval) / 20;
    while (this.#running) {
      await pause(Math.max(0, due - performance.now()));
      due += interval;
      this.sent++;
      try {
        const { status, body } = await askAgain({ port, ...agent });
        if (status !== 200) this.failures.push(`${status} ${body}`);
        else this.bodies.add(body);
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}
