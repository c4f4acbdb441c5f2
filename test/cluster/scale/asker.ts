/** One request after another on one connection, as whoever waits for a change asks. */
import { Agent, request } from 'node:http';
import { Absence, mayHaveMissed } from './absence.ts';

export interface Answer {
  /** 0: none. */
  status: number;
  /** In words, where there was none. */
  error?: string;
  /** The value of the header that routes of the part set. */
  mark?: string;
  body: string;
}

/** Of the routes that set something on responses. */
export const MARK = 'x-scale-mark';

/** Milliseconds for one answer. */
const TIMEOUT = 10_000;
const LATE = 'no answer in time';

export class Asker {
  readonly #address: string;
  readonly #agent: Agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #absence = new Absence();

  constructor(address: string) {
    this.#address = address;
  }

  /** Asked again where we were away when the answer may have come. */
  async ask(host: string): Promise<Answer> {
    const before = this.#absence.now;
    const answer = await this.#once(host);
    const missed = answer.error === LATE && mayHaveMissed(this.#absence.since(before), TIMEOUT);
    return missed ? this.ask(host) : answer;
  }

  #once(host: string): Promise<Answer> {
    return new Promise((resolve) => {
      const none = ({ message }: Error): void => resolve({ status: 0, error: message, body: '' });
      const agent = this.#agent;
      const asked = request({ host: this.#address, port: 80, headers: { host }, agent, timeout: TIMEOUT });
      asked.on('timeout', () => asked.destroy(new Error(LATE)));
      asked.on('error', none);
      asked.on('response', (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('error', none);
        response.on('end', () => {
          resolve({ status: response.statusCode!, mark: response.headers[MARK] as string | undefined, body });
        });
      });
      asked.end();
    });
  }

  close(): void {
    this.#agent.destroy();
    this.#absence.close();
  }
}

export function said({ status, error }: Answer): string {
  return error ?? `status ${status}`;
}
