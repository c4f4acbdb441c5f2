/** Which server is the master, as Sentinels say it. They are asked in turn, the one that answered last first. */

import type { RedisServer } from '../../config/index.ts';
import { commandText } from './command.ts';
import { NoReply, RedisConnection } from './connection.ts';
import { RefusedCall } from './reply.ts';
import type { Access } from './settings.ts';

/** Milliseconds for one Sentinel. */
const SENTINEL_TIMEOUT = 1_000;

export class Sentinels {
  readonly #access: Access;
  readonly #master: string;
  #servers: RedisServer[];

  constructor(access: Access, servers: readonly RedisServer[], master: string) {
    this.#access = access;
    this.#servers = [...servers];
    this.#master = master;
  }

  /** Rejects with what the last one said where none of them knows. */
  async locate(): Promise<RedisServer> {
    let why = '';
    for (const server of [...this.#servers]) {
      const found = await this.#ask(server);
      if (typeof found !== 'string') {
        this.#servers = [server, ...this.#servers.filter((one) => one !== server)];
        return found;
      }
      why = `Sentinel ${server.host}:${server.port} ${found}`;
    }
    throw new Error(why);
  }

  #ask(server: RedisServer): Promise<RedisServer | string> {
    const { promise, resolve } = Promise.withResolvers<RedisServer | string>();
    const connection = new RedisConnection(
      { ...this.#access, server, database: 0, mustBeMaster: false },
      { onReady: () => {}, onClosed: (why) => resolve(why) },
    );
    connection.call(commandText(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#master]), SENTINEL_TIMEOUT, (reply) => {
      if (reply instanceof NoReply) resolve('does not answer');
      else if (reply instanceof RefusedCall) resolve(`refuses calls (${reply.code})`);
      else resolve(masterOf(reply) ?? `knows no master ${this.#master}`);
      connection.close('has said all');
    });
    return promise;
  }
}

function masterOf(reply: unknown): RedisServer | undefined {
  const [host, port] = Array.isArray(reply) ? reply : [];
  return typeof host === 'string' && /^\d{1,5}$/.test(String(port)) ? { host, port: Number(port) } : undefined;
}
