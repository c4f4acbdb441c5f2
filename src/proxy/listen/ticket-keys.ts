/** Keys of TLS session tickets: those of now, and those of the time before, so that sessions live over one rotation. */
import { createHmac, randomFillSync } from 'node:crypto';
import type tls from 'node:tls';
import { TICKET_ROTATION_INTERVAL, type TicketSecret, ticketSecretAt } from '../../value/ticket-secret.ts';

/** Of a name, a key for HMAC and one for AES each. */
const PART = 16;

/** Where the IV stands in the answer for a new ticket. */
const IV = 4;
/** IVs are made in bulk: each new connection is given two tickets. */
const IVS = 256;

/** What Node asks for: whether (0: unknown, 1: good, 2: good, to be renewed), keys, and for a new ticket its name and IV. */
type TicketAnswer = [whether: 0 | 1 | 2, hmac: Buffer, aes: Buffer];
type NewTicket = [whether: 1, hmac: Buffer, aes: Buffer, name: Buffer, iv: Buffer];

/**
 * Which keys a connection needs: those of now, or those before, too. Where it is the former Node makes and reads tickets
 * by itself: asking here costs 3 µs a ticket, and each new connection is given two.
 */
export type NeededKeys = 'none' | 'current' | 'all';

/** Node's own, undocumented, and stable since Node 0.11. */
interface TicketContext {
  enableTicketKeyCallback?: () => void;
  setTicketKeys(keys: Buffer): void;
  onticketkeycallback?: (name: Buffer, iv: Buffer, encrypts: boolean) => TicketAnswer | NewTicket;
}

export class TicketKeys {
  #secret: TicketSecret;
  #current: Buffer;
  #previous: Buffer | undefined;
  readonly #clock: () => number;
  /** For new tickets of the current keys; Node reads it before it asks again. */
  #issue: NewTicket;
  readonly #ivs = Buffer.alloc(IVS * PART);
  #ivsTaken = IVS * PART;
  /** By context, the keys that it was given. */
  readonly #given = new WeakMap<tls.SecureContext, Buffer>();

  constructor(secret: TicketSecret, clock: () => number = Date.now) {
    this.#clock = clock;
    this.#secret = ticketSecretAt(secret, clock());
    this.#current = keysOf(this.#secret);
    this.#issue = newTicket(this.#current);
  }

  /** `tickets`: what a client offers to resume; null: nothing; undefined: nobody looked. */
  neededFor(tickets: Buffer | null | undefined): NeededKeys {
    this.current();
    const previous = this.#previous;
    if (previous === undefined || tickets === null) return 'current';
    return tickets === undefined || tickets.includes(previous.subarray(0, PART)) ? 'all' : 'current';
  }

  /** Tickets of connections that begin now with this context are made and read with the keys of now. */
  give(secure: tls.SecureContext): void {
    const current = this.current();
    if (this.#given.get(secure) === current) return;
    (secure as tls.SecureContext & { context: TicketContext }).context.setTicketKeys(current);
    this.#given.set(secure, current);
  }

  /** From now on tickets of connections with this context are made with these keys, and read with those before, too. */
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
      this.#issue = newTicket(this.#current);
    }
    return this.#current;
  }

  readonly #answer = (name: Buffer, _iv: Buffer, encrypts: boolean): TicketAnswer | NewTicket => {
    const current = this.current();
    if (encrypts) {
      this.#issue[IV] = this.#nextIv();
      return this.#issue;
    }
    if (isNameOf(current, name)) return [1, ...partsOf(current)];
    const previous = this.#previous;
    if (previous !== undefined && isNameOf(previous, name)) return [2, ...partsOf(previous)];
    return [0, ...partsOf(current)];
  };

  #nextIv(): Buffer {
    const ivs = this.#ivs;
    if (this.#ivsTaken === ivs.length) {
      randomFillSync(ivs);
      this.#ivsTaken = 0;
    }
    return ivs.subarray(this.#ivsTaken, (this.#ivsTaken += PART));
  }
}

function newTicket(keys: Buffer): NewTicket {
  return [1, ...partsOf(keys), keys.subarray(0, PART), Buffer.alloc(PART)];
}

function isNameOf(keys: Buffer, name: Buffer): boolean {
  return keys.compare(name, 0, name.length, 0, PART) === 0;
}

function partsOf(keys: Buffer): [hmac: Buffer, aes: Buffer] {
  return [keys.subarray(PART, 2 * PART), keys.subarray(2 * PART)];
}

function keysOf({ secret }: TicketSecret): Buffer {
  const mixed = createHmac('sha512', Buffer.from(secret, 'base64')).update('the keys of tickets').digest();
  return mixed.subarray(0, 3 * PART);
}
