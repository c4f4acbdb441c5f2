/**
 * The secret that keys of TLS session tickets are made of: the same in all processes that share a port, so that a client
 * resumes its session whichever takes its next connection. It moves on by itself, and from what it is now nobody can
 * compute what it was: who takes a process's memory reads no sessions of days ago.
 */
import { createHmac, randomBytes } from 'node:crypto';

export interface TicketSecret {
  /** Which interval of rotation it is of, counted from 1970. */
  epoch: number;
  /** In base64. */
  secret: string;
}

/** Milliseconds after which the keys change. Tickets of the time before are taken for as long again. */
export const TICKET_ROTATION_INTERVAL: number = 12 * 60 * 60 * 1000;
const SECRET_BYTES = 32;

export function newTicketSecret(now: number = Date.now()): TicketSecret {
  return { epoch: epochOf(now), secret: randomBytes(SECRET_BYTES).toString('base64') };
}

/** What the secret has become; the same where its time is not over. */
export function ticketSecretAt(from: TicketSecret, now: number): TicketSecret {
  const until = epochOf(now);
  if (until <= from.epoch) return from;
  let { secret } = from;
  for (let epoch = from.epoch; epoch < until; epoch++) {
    secret = createHmac('sha256', Buffer.from(secret, 'base64')).update('the next secret').digest('base64');
  }
  return { epoch: until, secret };
}

function epochOf(now: number): number {
  return Math.floor(now / TICKET_ROTATION_INTERVAL);
}
