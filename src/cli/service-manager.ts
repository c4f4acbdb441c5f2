/**
 * What systemd is told of a run that it started with Type=notify: that it serves, what it does, that it ends. Node has no
 * datagram sockets of the kind that it listens on, so its own `systemd-notify` speaks for us.
 */
import { execFile } from 'node:child_process';
import type { Log } from '../observe/index.ts';

/** Milliseconds for one message. */
const NOTIFY_TIMEOUT = 5_000;

export class ServiceManager {
  readonly #log: Log;
  readonly #env: NodeJS.ProcessEnv;
  /** One message at a time: their order is their meaning. */
  #sent: Promise<void> = Promise.resolve();

  constructor(log: Log, env: NodeJS.ProcessEnv = process.env) {
    this.#log = log;
    this.#env = env;
  }

  /** It serves as far as it can. */
  ready(status: string): Promise<void> {
    return this.#notify(['READY=1', `STATUS=${status}`]);
  }

  stopping(): Promise<void> {
    return this.#notify(['STOPPING=1', 'STATUS=draining']);
  }

  #notify(words: string[]): Promise<void> {
    if (this.#env.NOTIFY_SOCKET === undefined) return this.#sent;
    this.#sent = this.#sent.then(() => this.#send(words));
    return this.#sent;
  }

  #send(words: string[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    execFile('systemd-notify', words, { env: this.#env, timeout: NOTIFY_TIMEOUT }, (error) => {
      if (error) this.#log.warn({ error: error.message }, 'systemd was not told: systemd-notify failed');
      resolve();
    });
    return promise;
  }
}
