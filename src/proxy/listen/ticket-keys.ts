/** Keys of TLS session tickets: those of now, and those of the time before, so that sessions live over one rotation. */
import { createHmac, randomBytes } from 'node:crypto';
import type tls from 'node:tls';
import { TICKET_ROTATION_INTERVAL, type TicketSecret, ticketSecretAt } from '../../value/ticket-secret.ts';

/** Of a name, a key for HMAC and one for AES each. */
const PART = 16;

/** What Node asks for: whether (0: unknown, 1: good, 2: good, to be renewed), keys, and for a new ticket its name and IV. */
type TicketAnswer = [whether: 0 | 1 | 2, hmac: Buffer, aes: Buffer, name?: Buffer, iv?: Buffer];

/** Node's own, undocumented, and stable since Node 0.11. */
interface TicketContext {
  enableTicketKeyCallback?: () => void;
  setTicketKeys(keys: Buffer): void;
  onticketkeycallback?: (name: Buffer, iv: Buffer, encrypts: boolean) => TicketAnswer;
}

export class TicketKeys {
  #secret: TicketSecret;
  #current: Buffer;
  #previous: Buffer | undefined;
  readonly #clock: () => number;

  constructor(secret: TicketSecret, clock: () => number = Date.now) {
    this.#clock = clock;
    this.#secret = ticketSecretAt(secret, clock());
    this.#current = keysOf(this.#secret);
  }

  /** From now on tickets of connections with this context are made and read with these keys. */
  use(secure: tls.SecureContext): void {
    const { context } = secure as tls.SecureContext & { context: TicketContext };
    if (context.enableTicketKeyCallback === undefined) {
      context.setTicketKeys(this.current());
      return;
    }
    context.enableTicketKeyCallback();
    context.onticketkeycallback = this.#answer;
  }

  /** The name, for HMAC, for AES. */
  current(): Buffer {
    const now = this.#clock();
    const secret = ticketSecretAt(this.#secret, now);
    if (secret.epoch > this.#secret.epoch) {
      this.#previous = keysOf(ticketSecretAt(this.#secret, now - TICKET_ROTATION_INTERVAL));
      this.#secret = secret;
      this.#current = keysOf(secret);
    }
    return this.#current;
  }

  readonly #answer = (name: Buffer, _iv: Buffer, encrypts: boolean): TicketAnswer => {
    const current = this.current();
    if (encrypts) return [1, ...partsOf(current), current.subarray(0, PART), randomBytes(PART)];
    if (current.subarray(0, PART).equals(name)) return [1, ...partsOf(current)];
    const previous = this.#previous;
    if (previous?.subarray(0, PART).equals(name)) return [2, ...partsOf(previous)];
    return [0, ...partsOf(current)];
  };
}

function partsOf(keys: Buffer): [hmac: Buffer, aes: Buffer] {
  return [keys.subarray(PART, 2 * PART), keys.subarray(2 * PART)];
}

function keysOf({ secret }: TicketSecret): Buffer {
  const mixed = createHmac('sha512', Buffer.from(secret, 'base64')).update('the keys of tickets').digest();
  return mixed.subarray(0, 3 * PART);
}
